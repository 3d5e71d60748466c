"""What is said of requests: one log line each, and what the metrics count."""

import logging
import re
import secrets
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Protocol

from imgfn.observability.log import log

# By this environment variable a server tells its workers where to count, before any of them imports metrics.
METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # the library's own name

_ACCEPTED_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class Meter(Protocol):
    """What counts: imgfn.observability.metrics."""

    def count_request(self, line: Mapping[str, Any]) -> None:
        """Count what the log line of a request says."""
        ...

    def count_incident(self, event: str) -> None:
        """Count one that has this name in the log."""
        ...

    def count_renders(self, more: int) -> None:
        """That many more renders are under way, or fewer."""
        ...

    def count_stage(self, name: str, milliseconds: float) -> None:
        """Count the time that one stage of a request took."""
        ...

    def count_purge(self, target: str, outcome: str) -> None:
        """Count a change that a cache was told of, or not."""
        ...

    def count_breakers(self, more: int) -> None:
        """That many more circuit breakers are open, or fewer."""
        ...


_meter: Meter | None = None


def choose_request_id(offered: str | None) -> str:
    """The caller's id where it is harmless, else a new one."""
    return offered if offered and _ACCEPTED_ID.fullmatch(offered) else secrets.token_hex(12)


def configure_logging(level: str) -> None:
    """JSON lines on stdout; for people where stdout is a terminal. Every line of a request carries its id."""
    import structlog

    structlog.configure(
        processors=[*_gather(), *_render()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(Stdout()),  # type: ignore[arg-type]  # it asks for these two only
    )
    log.forget()


class Stdout:
    """The standard output, where a full disk behind it costs lines and not requests."""

    def write(self, text: str) -> None:
        with suppress(OSError):
            sys.stdout.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            sys.stdout.flush()


def capture_logging(level: str, *names: str) -> None:
    """Have the lines of libraries, and of these loggers that keep to themselves, come out as ours do."""
    import structlog

    handler = logging.StreamHandler(sys.stdout)
    remove_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=_gather(), processors=[remove_meta, *_render()])
    )
    for name in ("", *names):
        logging.getLogger(name).handlers = [handler]
    # What libraries do is their business: urllib3 would tell of each connection.
    logging.getLogger().setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level.upper()]))


def _gather() -> list[Any]:
    import structlog

    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]


def _render() -> list[Any]:
    import structlog

    if sys.stdout.isatty():
        # The default shows the values of local variables where `rich` is installed, secrets among them.
        return [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]


def count_with(meter: Meter) -> None:
    """Count from now on. A cloud function that nobody scrapes does without, and starts faster."""
    global _meter
    _meter = meter


def observe_request(line: Mapping[str, Any]) -> None:
    """Write and count the one line of a request."""
    log.info("request", **line)
    if _meter is not None:
        _meter.count_request(line)


def observe_incident(event: str, **facts: Any) -> None:
    """Warn of something that the answer does not show, and count it: a result not kept, a renderer that died."""
    log.warning(event, **facts)
    if _meter is not None:
        _meter.count_incident(event)


def observe_stage(name: str, milliseconds: float) -> None:
    """Count the time of a stage that ends after the answer, so that the log line cannot have it."""
    if _meter is not None:
        _meter.count_stage(name, milliseconds)


def observe_purge(target: str, outcome: str) -> None:
    """Count a change that a cache was told of: sent, failed or dropped."""
    if _meter is not None:
        _meter.count_purge(target, outcome)


def observe_breaker(more: int) -> None:
    """Count a circuit breaker that opens (+1) or closes (-1)."""
    if _meter is not None:
        _meter.count_breakers(more)


class observe_render:  # a context, as contextlib's are
    """Count a render as under way, from asking for it to its answer: what is more than the renderers waits."""

    def __enter__(self) -> None:
        if _meter is not None:
            _meter.count_renders(+1)

    def __exit__(self, *_: object) -> None:
        if _meter is not None:
            _meter.count_renders(-1)
