"""Conditional and range requests: RFC 9110, 13 and 14, to the letter."""

import re
from collections.abc import Iterator
from datetime import datetime

from imgfn.core.faults import PreconditionFailed, RangeNotSatisfiable
from imgfn.http.request import Exchange
from imgfn.service.content import Choose, Part

CONDITIONS = ("HTTP_IF_MATCH", "HTTP_IF_UNMODIFIED_SINCE", "HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE")
RANGE = re.compile(r"[ \t]*(?:(\d+)-(\d*)|-(\d+))[ \t]*", re.ASCII)  # int-range or suffix-range
MOST_RANGES = 50  # of one request; more are no wish that anybody has


def has_conditions(exchange: Exchange) -> bool:
    """Whether the request depends on the version of what it names. Most do not."""
    return any(header in exchange.environ for header in CONDITIONS)


def is_unchanged(exchange: Exchange, etag: str | None, modified: datetime | None) -> bool:
    """Whether the caller has this version already, so that a GET or HEAD gets 304 (13.2.2, steps 1 to 4).

    `etag` and `modified` are those of what the URL names, None where there is nothing. Raises PreconditionFailed.
    """
    if not has_conditions(exchange):
        return False
    environ, request = exchange.environ, exchange.request
    seen = modified.replace(microsecond=0) if modified else None
    if "HTTP_IF_MATCH" in environ:
        if etag is None or not request.if_match.contains(etag):
            raise _failed("If-Match", etag)
    elif (since := request.if_unmodified_since) and (seen is None or seen > since):
        raise _failed("If-Unmodified-Since", etag)
    reads = exchange.method in ("GET", "HEAD")
    if "HTTP_IF_NONE_MATCH" in environ:
        known = etag is not None and request.if_none_match.contains_weak(etag)
        if known and not reads:
            raise _failed("If-None-Match", etag)
        return known
    return reads and seen is not None and (since := request.if_modified_since) is not None and seen <= since


def _failed(header: str, etag: str | None) -> PreconditionFailed:
    now = f'the ETag is "{etag}" now' if etag else "there is no such object"
    return PreconditionFailed(
        f"{header} does not hold: {now}", parameter=header, headers={"ETag": f'"{etag}"'} if etag else None
    )


def chosen_part(exchange: Exchange, etag: str, modified: datetime) -> Choose | None:
    """What a Range header asks for: a function from the size of the whole, which raises RangeNotSatisfiable.

    None for the whole: without a header or with one that is malformed, and where If-Range is of another version. Ranges
    with gaps between them, which would need multipart/byteranges, get the whole too (14.2).
    """
    header = exchange.environ.get("HTTP_RANGE", "")
    if exchange.method != "GET" or not header or not _if_range_holds(exchange, etag, modified):
        return None
    unit, _, text = header.partition("=")
    ranges = [RANGE.fullmatch(item) for item in text.split(",", MOST_RANGES) if item.strip(" \t")]
    if unit.strip().lower() != "bytes" or not ranges or not all(map(_is_valid, ranges)):
        return None

    def choose(size: int) -> Part | None:
        wanted = sorted(_satisfiable((match for match in ranges if match), size))
        if not wanted:
            raise RangeNotSatisfiable(expected=f"0-{size - 1}", headers={"Content-Range": f"bytes */{size}"})
        start, end = wanted[0]
        for following, last in wanted[1:]:
            if following > end:
                return None
            end = max(end, last)
        return start, end - start

    return choose


def _is_valid(match: re.Match[str] | None) -> bool:
    return match is not None and not (match[2] and int(match[2]) < int(match[1]))


def _satisfiable(ranges: Iterator[re.Match[str]], size: int) -> Iterator[tuple[int, int]]:
    """First byte and end of each range that has a byte of the `size` there are."""
    for first, last, suffix in (match.groups() for match in ranges):
        start = max(0, size - int(suffix)) if suffix else int(first)
        end = min(size, int(last) + 1) if last else size
        if start < end:
            yield start, end


def _if_range_holds(exchange: Exchange, etag: str, modified: datetime) -> bool:
    """By strong comparison: a weak tag never holds (13.1.5)."""
    value = exchange.environ.get("HTTP_IF_RANGE", "").strip()
    if not value or value == f'"{etag}"':
        return True
    date = None if value.endswith('"') else exchange.request.if_range.date
    return date is not None and date == modified.replace(microsecond=0)
