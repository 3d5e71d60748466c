"""Settings to a worker of flows, and to its parts: what `imgfn.wiring` is to the Service."""

import socket
from typing import TYPE_CHECKING

from imgfn import wiring
from imgfn.core.key import Key
from imgfn.flows.actions import RESOURCES, Actions, Mail
from imgfn.flows.definitions import FlowFiles
from imgfn.flows.journal import Journal
from imgfn.flows.lease import FileLeases, Leases, PostgresLeases, claim_name
from imgfn.flows.outgoing import Outgoing, OutgoingFailed
from imgfn.flows.pictures import Pictures
from imgfn.flows.ruleset import RuleFile
from imgfn.flows.slots import RenderSlots
from imgfn.process.private_folder import private_folder
from imgfn.wiring import flows as wiring_flows

if TYPE_CHECKING:
    from imgfn.config.settings import Settings
    from imgfn.flows.worker import Worker
    from imgfn.purge.setup import Announcer


def build_pictures(chosen: "Settings") -> Pictures:
    """What flows do with pictures, on a Service of their own."""
    slots = RenderSlots(private_folder(chosen.runtime_dir, "flow-renders"), chosen.flow_renders)
    public = chosen.s3_public_bucket if chosen.store == "minio" else ""
    return Pictures(
        wiring.build_service(chosen),
        wiring.styles().find,
        chosen.s3_source_bucket,
        public_bucket=public,
        public=wiring.build_bucket(chosen, public) if public else None,
        rendering=slots.hold,
    )


def build_flow_files(chosen: "Settings") -> FlowFiles:
    """The flows: in `flows/` beside IMGFN_FLOWS_FILE, and those that came with imgfn."""
    return FlowFiles(chosen.flows_file.parent / "flows" if chosen.flows_file else None, RESOURCES)


def build_rules(chosen: "Settings", flows: FlowFiles) -> RuleFile:
    """The rules of IMGFN_FLOWS_FILE."""
    return RuleFile(chosen.flows_file, flows, wiring.styles())


def build_actions(chosen: "Settings", rules: RuleFile, pictures: Pictures) -> Actions:
    """What tasks of flows can do."""
    server = chosen.smtp_url.get_secret_value() if chosen.smtp_url else ""
    announcer = wiring.announcer()
    return Actions(
        lambda: pictures,
        rules.rules,
        Outgoing(chosen.notice_urls),
        Mail(server, chosen.mail_from),
        chosen.public_url,
        purge=None if announcer is None else lambda key: _purge(announcer, key),
    )


def _purge(announcer: "Announcer", key: str) -> None:
    """Have the caches forget a picture; where one does not answer, the task is tried again. Raises OutgoingFailed."""
    from imgfn.purge.purger import PurgeError

    try:
        announcer.purge_key(Key.parse(key))
    except PurgeError as error:
        raise OutgoingFailed(str(error), passes=True) from error


def build_worker(chosen: "Settings", name: str | None) -> "Worker":
    """A worker with a lease on its name. Raises Taken, BadRules, ValueError."""
    from imgfn.flows.worker import Parts, Worker

    url, folder = wiring_flows.database(chosen), wiring.flows_folder(chosen)
    shared = url.startswith("postgresql")
    if shared and chosen.flow_secret is None:
        raise ValueError("IMGFN_FLOW_SECRET: workers on many machines have to sign answers' links with the same secret")
    flows = build_flow_files(chosen)
    rules = build_rules(chosen, flows)
    rules.load()
    leases: Leases = PostgresLeases(url) if shared else FileLeases(folder / "leases")
    pictures = build_pictures(chosen)
    return Worker(
        Parts(
            url=url,
            name=claim_name(leases, socket.gethostname(), name),
            leases=leases,
            journal=Journal(folder),
            box=wiring_flows.answer_box(folder),
            rules=rules,
            flows=flows,
            pictures=lambda: pictures,
            actions=build_actions(chosen, rules, pictures),
            secret=wiring_flows.secret(chosen),
            sockets=wiring_flows.sockets(chosen),
            keep_days=chosen.flows_keep_days,
        )
    )
