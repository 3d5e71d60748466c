"""What is said of requests: one log line each, and the metrics."""

import logging
import re
import secrets
import sys
from collections.abc import Mapping
from typing import Any

import structlog

_ACCEPTED_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def choose_request_id(offered: str | None) -> str:
    """The caller's id where it is harmless, else a new one."""
    return offered if offered and _ACCEPTED_ID.fullmatch(offered) else secrets.token_hex(12)


def configure_logging(level: str) -> None:
    """JSON lines on stdout; for people where stdout is a terminal. Every line of a request carries its id."""
    processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    if sys.stdout.isatty():
        processors.append(structlog.dev.ConsoleRenderer())
    else:
        processors += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(),
        cache_logger_on_first_use=True,
    )


def observe_request(line: Mapping[str, Any]) -> None:
    """Write the one line of a request."""
    structlog.get_logger().info("request", **line)
