"""Settings to Service: the only place that names concrete classes. What is heavy is imported when it is needed."""

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgfn.core.key import Key
from imgfn.core.store import Store
from imgfn.http.function_compute import newest_keys, remember_context
from imgfn.imaging.limits import Limits
from imgfn.observability.events import configure_logging
from imgfn.ops import load_operations
from imgfn.process.private_folder import private_folder
from imgfn.renderpool.client import ProcessRenderer
from imgfn.renderpool.inline import InlineRenderer
from imgfn.service.rate_limit import PlanRate
from imgfn.service.render_queue import RenderQueue
from imgfn.service.renderer import Renderer
from imgfn.service.service import Listener, Service
from imgfn.service.singleflight import SingleFlight
from imgfn.service.styles import Styles, from_file, from_store
from imgfn.stores.cached_stats import Remembered
from imgfn.stores.s3.credentials import Keys, KeySource

if TYPE_CHECKING:
    from imgfn.config.settings import Settings
    from imgfn.flows.journal import Journal
    from imgfn.purge.setup import Announcer


@functools.cache
def settings() -> "Settings":
    """The Settings of this process, read once and with all operations at hand. Raises BadSettings."""
    from imgfn.config.settings import load_settings

    loaded = load_settings()
    configure_logging(loaded.log_level)
    load_operations()
    return loaded


@functools.cache
def service() -> Service:
    """The Service of this process, made at the first request and so after every fork."""
    return build_service(settings())


@functools.cache
def styles() -> Styles:
    """The Styles of this process: from a file, else from the store, else none."""
    chosen = settings()
    changed = _style_changed if chosen.purge else None
    if chosen.styles_file is not None:
        return Styles(from_file(chosen.styles_file), changed)
    if chosen.styles_key:
        return Styles(from_store(service().sources, Key.parse(chosen.styles_key, "IMGFN_STYLES_KEY")), changed)
    return Styles(lambda _: None)


def open_service(context: Any) -> Service:
    """Make the Service ahead of the first request; `context` is Function Compute's, for its credentials.

    Raises SandboxIncomplete where IMGFN_SANDBOX=require and a layer is missing.
    """
    remember_context(context)
    opened = service()
    if isinstance(opened.renderer, ProcessRenderer):
        opened.renderer.start()
        if settings().sandbox == "require":
            opened.renderer.confirm_sandbox()
    return opened


@functools.cache
def announcer() -> "Announcer | None":
    """Who tells the caches in front of changes; None where the settings name none."""
    chosen = settings()
    if not chosen.purge:
        return None
    from imgfn.purge.setup import Announcer

    return Announcer(chosen, lambda: styles().all())


def stop_purges() -> None:
    """Send what waits, if anything was ever purged."""
    if announcer.cache_info().currsize and (told := announcer()) is not None:
        told.close()


@functools.cache
def cache_tag_headers() -> tuple[str, ...]:
    """The headers in which answers carry their tags."""
    chosen = settings()
    if not chosen.purge and not chosen.cache_tag_headers:
        return ()
    from imgfn.purge.setup import headers_of_tags

    return headers_of_tags(chosen)


def _key_changed(key: Key) -> None:
    if (told := announcer()) is not None:
        told.key_changed(key)


def _style_changed(name: str) -> None:
    if (told := announcer()) is not None:
        told.style_changed(name)


def build_service(chosen: "Settings") -> Service:
    """A Service as `chosen` says."""
    return Service(
        sources=build_sources(chosen),
        results=build_store(chosen, "results"),
        renderer=build_renderer(chosen),
        queue=build_queue(chosen),
        singleflight=SingleFlight(
            # Processes that share a result store share the lock file: their digests name the same results.
            private_folder(chosen.runtime_dir, "singleflight") / "lock",
            chosen.render_wait_seconds + chosen.render_seconds + chosen.store_deadline_seconds,
        ),
        plan_rate=PlanRate(chosen.new_results_per_source),
        auto_formats=chosen.auto_formats,
        max_source_bytes=chosen.max_source_bytes,
        keep_results=chosen.keep_results,
        listener=build_listener(chosen),
        changed=_key_changed if chosen.purge else None,
    )


def flows_folder(chosen: "Settings") -> Path:
    """Where flows keep their journal, and their database unless it is PostgreSQL."""
    return chosen.flows_folder or chosen.folder / "flows"


def build_journal(chosen: "Settings") -> "Journal | None":
    """Where events wait for a worker; None where no flows are configured."""
    if chosen.flows_file is None:
        return None
    from imgfn.flows.journal import Journal

    return Journal(flows_folder(chosen))


def build_listener(chosen: "Settings") -> Listener | None:
    """Who hears of uploads and deletes: the journal of flows, where there are any."""
    if chosen.flows_file is None:
        return None
    from imgfn.flows.publisher import Publisher

    return Publisher(flows_folder(chosen), chosen.s3_source_bucket)


def build_sources(chosen: "Settings") -> Store:
    """The store of the sources, its stats remembered where that saves anything."""
    store = build_store(chosen, "sources")
    if chosen.store == "folder" and not chosen.stat_ttl_seconds:
        return store
    return Remembered(store, chosen.stat_ttl_seconds)


def build_store(chosen: "Settings", area: str) -> Store:
    """The store of the `sources` or of the `results`."""
    if _kind_of_store(chosen, area) == "folder":
        from imgfn.stores.folder.store import FolderStore

        # A result that a power cut costs is made again; waiting for the disk costs more than a small render.
        return FolderStore(chosen.folder / area, durable=area == "sources")
    return build_bucket(chosen, _bucket(chosen, area))


def build_bucket(chosen: "Settings", bucket: str) -> Store:
    """A store in one bucket of the configured S3."""
    from imgfn.stores.s3.store import MinioStore

    return MinioStore(
        endpoint=chosen.s3_address,
        region=chosen.s3_region,
        bucket=bucket,
        keys=build_keys(chosen),
        secure=chosen.s3_secure,
        virtual_host=chosen.s3_virtual_host,
        create_bucket=chosen.s3_create_buckets,
        connect_seconds=chosen.store_connect_seconds,
        read_seconds=chosen.store_read_seconds,
        deadline_seconds=chosen.store_deadline_seconds,
        retries=chosen.store_retries,
        connections=chosen.threads,
    )


def describe_store(chosen: "Settings", area: str) -> str:
    """Where the `sources` or the `results` are, for people."""
    if _kind_of_store(chosen, area) == "folder":
        return f"folder {(chosen.folder / area).resolve()}"
    return f"bucket {_bucket(chosen, area)} at {'https' if chosen.s3_secure else 'http'}://{chosen.s3_address}"


def _kind_of_store(chosen: "Settings", area: str) -> str:
    return chosen.store if area == "sources" or chosen.result_store == "same" else chosen.result_store


def _bucket(chosen: "Settings", area: str) -> str:
    return chosen.s3_source_bucket if area == "sources" else chosen.s3_result_bucket


def build_keys(chosen: "Settings") -> KeySource:
    """Where the keys to S3 come from: the settings, else what Function Compute gave us last."""
    if chosen.s3_access_key and chosen.s3_secret_key:
        token = chosen.s3_session_token
        keys = Keys(
            chosen.s3_access_key.get_secret_value(),
            chosen.s3_secret_key.get_secret_value(),
            token.get_secret_value() if token else None,
        )
        return lambda: keys
    return newest_keys


def build_queue(chosen: "Settings") -> RenderQueue:
    """The queue of this process: its share of the pool's places, and a quarter of its threads for all else."""
    places = max(1, (chosen.render_processes + chosen.render_queue) // chosen.workers)
    return RenderQueue(places, max(1, chosen.threads * 3 // 4), chosen.render_wait_seconds)


def build_renderer(chosen: "Settings") -> Renderer:
    """Renders in expendable processes, or in this one."""
    limits = Limits(
        max_pixels=chosen.max_pixels,
        max_side=chosen.max_side,
        max_frames=chosen.max_frames,
        max_scans=chosen.max_scans,
        max_output_side=chosen.max_output_side,
        max_output_pixels=chosen.max_output_pixels,
        max_seconds=chosen.render_seconds,
        strict=chosen.strict,
    )
    fonts = tuple(str(Path(folder).resolve()) for folder in chosen.font_dirs)
    if chosen.render == "inline":
        return InlineRenderer(limits, fonts)
    return ProcessRenderer(
        limits,
        runtime_dir=chosen.runtime_dir,
        processes=chosen.render_processes,
        queue=chosen.render_queue,
        seconds=chosen.render_seconds,
        memory_bytes=chosen.render_memory_bytes,
        recycle=chosen.render_recycle,
        font_dirs=fonts,
        require_sandbox=chosen.sandbox == "require",
        wait_seconds=chosen.render_wait_seconds,
    )
