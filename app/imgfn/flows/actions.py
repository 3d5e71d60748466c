"""What a flow's tasks can do: `resource: imgfn:saveas`. The operator names them, the code has them.

Each takes the step's input and its serviceParams (these win) and gives a JSON object. Each may be done twice.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from imgfn.core.faults import InvalidArgument, MissingArgument
from imgfn.core.key import Key
from imgfn.flows import mail, robots
from imgfn.flows.attempts import attempt
from imgfn.flows.outgoing import Outgoing
from imgfn.flows.pictures import Pictures
from imgfn.flows.robots import Notice
from imgfn.flows.rules import Rules
from imgfn.flows.target import Target

PREFIX = "imgfn:"
FIELD = re.compile(r"\{(\w+)\}")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "PURGE")

Data = dict[str, Any]


@dataclass(frozen=True)
class Mail:
    """How mail goes out: smtp://user:password@host:587, and whose it is."""

    server: str = ""
    sender: str = ""


@dataclass(frozen=True)
class Actions:
    """The table of actions, and what they need."""

    pictures: Callable[[], Pictures]
    rules: Callable[[], Rules]
    outgoing: Outgoing
    mail: Mail = Mail()
    public_url: str = ""
    purge: Callable[[str], None] | None = None  # has every cache forget a key's results
    more: Mapping[str, Callable[[str, Data], Data]] = field(default_factory=dict)

    def resources(self) -> list[str]:
        """What `resource` may be."""
        return [*RESOURCES, *self.more]

    def act(self, run: str, resource: str, given: Data, params: Data) -> Data:
        """Do it: {"ok": result}, or {"error": name, "cause": words}. The names of errors are Fault's codes, and
        Outgoing.Failed and Outgoing.Refused of calls to others."""
        work = self.more.get(resource) or getattr(self, f"_{resource.removeprefix(PREFIX)}")
        outcome = attempt(work, run, {**given, **params})
        outcome.pop("passes", None)
        return outcome

    def _derive(self, _: str, given: Data) -> Data:
        """`key`, and `style` or `plan`: have the results kept; `url` shows the first."""
        key, plan = _key(given), _plan(given)
        return {"made": self.pictures().make(key, plan), "url": self._url(key, plan)}

    def _saveas(self, _: str, given: Data) -> Data:
        """`key`, `to` (a template), and `style` or `plan` (neither: as it is), `bucket`: the sources' or the public."""
        key = _key(given)
        plan = _plan(given, needed=False)
        bucket = str(given.get("bucket") or "")
        return self.pictures().save(key, plan, _target(given, key), self._bucket(bucket))

    def _move(self, _: str, given: Data) -> Data:
        """`key`, `to` (a template), `bucket`: the same bytes under another name."""
        key = _key(given)
        return self.pictures().move(key, _target(given, key), self._bucket(str(given.get("bucket") or "")))

    def _delete(self, _: str, given: Data) -> Data:
        """`key`: the object and all results of it."""
        self.pictures().delete(_key(given))
        return {}

    def _notify(self, run: str, given: Data) -> Data:
        """`robot` (of the rules' file) and mail `to`, either may be missing; `title`, `text` with {fields} of the input

        Where the input has `taskToken`, a button (`button`: its words) leads to the page where it is answered.
        """
        name = str(given.get("robot") or "")
        notice = self._notice(run, given)
        if name:
            robot = self.rules().robots.get(name)
            if robot is None:
                known = ", ".join(self.rules().robots) or "a [robot.<name>] in IMGFN_FLOWS_FILE"
                raise InvalidArgument(f"no robot is called {name!r}", parameter="robot", expected=known)
            robots.send(robot, notice, self.outgoing)
        to = _addresses(given)
        if to:
            self._send_mail(to, notice)
        return {"robot": name, "to": to}

    def _mail(self, run: str, given: Data) -> Data:
        """`to` (an address or a list), `title`, `text`: as a notice, its links below the text."""
        to = _addresses(given)
        if not to:
            raise MissingArgument("mail needs to", parameter="to", expected="a mail address or a list of them")
        self._send_mail(to, self._notice(run, given))
        return {"to": to}

    def _send_mail(self, to: list[str], notice: Notice) -> None:
        links = "".join(f"\n{words}: {link}" for words, link in notice.links.items())
        mail.send_mail(self.mail.server, self.mail.sender, to, notice.title, notice.text + links)

    def _purge(self, _: str, given: Data) -> Data:
        """`key`: caches in front of imgfn forget what they have of it. With `url` an HTTP call of method PURGE."""
        if "url" in given:
            self.outgoing.request(str(given.get("method", "PURGE")), str(given["url"]))
            return {}
        if self.purge is None:
            return {"purged": False}  # there is no cache that we know of
        self.purge(_key(given))
        return {"purged": True}

    def _http(self, run: str, given: Data) -> Data:
        """`url`, `method` (POST), `headers`, `body` (else the whole input as JSON); gives {status, body}.

        The body's own object, where it is one, is the result: what a service answers, mappings can take.
        """
        method = str(given.get("method", "POST")).upper()
        if method not in METHODS:
            raise InvalidArgument(f"method {method!r}", parameter="method", expected=", ".join(METHODS))
        if not isinstance(given.get("url"), str):
            raise MissingArgument("http needs url", parameter="url", expected="https://…, listed in IMGFN_NOTICE_URLS")
        told = {name: value for name, value in given.items() if name not in ("url", "method", "headers", "body")}
        body = given.get("body", None if method in ("GET", "DELETE", "PURGE") else told)
        headers = {str(name): str(value) for name, value in (given.get("headers") or {}).items()}
        headers.setdefault("Idempotency-Key", run)
        reply = self.outgoing.request(method, given["url"], body, headers)
        return reply.body if isinstance(reply.body, dict) else {"status": reply.status, "body": reply.body}

    def _notice(self, run: str, given: Data) -> Notice:
        title = fill(str(given.get("title") or "imgfn"), given)
        text = fill(str(given.get("text") or ""), given)
        links = {str(words): fill(str(link), given) for words, link in (given.get("links") or {}).items()}
        if given.get("taskToken"):
            links = {
                str(given.get("button") or "Answer"): f"{self.public_url}/flows/answer/{given['taskToken']}",
                **links,
            }
        # At least once: who reads the same twice sees by its run that it is one.
        return Notice(title, f"{text}\n(run {run})".strip(), links)

    def _url(self, key: str, plan: str) -> str:
        return f"{self.public_url}/proc/{quote(plan)}/{quote(key)}"

    def _bucket(self, name: str) -> str:
        return self.pictures().public_bucket if name == "public" else name


RESOURCES = tuple(PREFIX + name for name in ("derive", "saveas", "move", "delete", "notify", "mail", "purge", "http"))


def fill(text: str, values: Mapping[str, Any]) -> str:
    """`text` with each {field} replaced by the value of that name; unknown ones stay as they are."""

    def value(found: re.Match[str]) -> str:
        if found[1] not in values:
            return found[0]
        return "" if values[found[1]] is None else str(values[found[1]])

    return FIELD.sub(value, text)


def _addresses(given: Data) -> list[str]:
    to = given.get("to") or ()
    return [to] if isinstance(to, str) else [str(one) for one in to]


def _key(given: Data) -> Key:
    if not isinstance(given.get("key"), str):
        raise MissingArgument("the input has no key", parameter="key", expected="the key of an object")
    return Key.parse(given["key"])


def _target(given: Data, key: str) -> Key:
    if not isinstance(given.get("to"), str):
        raise MissingArgument(
            "the input has no to", parameter="to", expected="a key; {stem}, {name} … are the source's"
        )
    return Target(given["to"]).fill(key)


def _plan(given: Data, *, needed: bool = True) -> str:
    if given.get("style"):
        return f"style/{given['style']}"
    if needed and not given.get("plan"):
        raise MissingArgument("the input has no style and no plan", parameter="style", expected="style or plan")
    return str(given.get("plan") or "")
