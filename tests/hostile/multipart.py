"""Forms that a browser would never send."""

from dataclasses import dataclass

from tests.hostile.bombs import jpeg

BOUNDARY = b"frontier"
FORM = f"multipart/form-data; boundary={BOUNDARY.decode()}"


@dataclass(frozen=True)
class Form:
    """A request's body, its media type, and what it gets."""

    body: bytes
    status: int
    content_type: str = FORM


def part(name: str, body: bytes, more: bytes = b"") -> bytes:
    disposition = f'Content-Disposition: form-data; name="{name}"; filename="x"\r\n'.encode()
    return b"--" + BOUNDARY + b"\r\n" + disposition + more + b"\r\n" + body + b"\r\n"


END = b"--" + BOUNDARY + b"--\r\n"
GOOD = part("good.jpg", jpeg())

# Each carries one good picture too: it must not be stored either.
FORMS = {
    "a file over the limit": Form(GOOD + part("big.jpg", jpeg() + bytes(21 << 20)) + END, 413),
    "a header of 5 MB": Form(GOOD + part("a.jpg", jpeg(), b"X-Long: " + b"a" * (5 << 20) + b"\r\n") + END, 413),
    "a name of 5 MB": Form(GOOD + part("a" * (5 << 20), jpeg()) + END, 413),
    "no boundary": Form(GOOD + END, 400, "multipart/form-data"),
    "an empty boundary": Form(GOOD + END, 400, "multipart/form-data; boundary="),
    "another boundary": Form(GOOD + END, 400, "multipart/form-data; boundary=elsewhere"),
    "a boundary of 10 kB": Form(GOOD + END, 400, "multipart/form-data; boundary=" + "a" * 7000),
    "no end": Form(GOOD, 400),
    "half a part": Form(GOOD + part("a.jpg", jpeg())[:-500], 400),
    "half a header": Form(GOOD + b"--" + BOUNDARY + b"\r\nContent-Dispo", 400),
    "21 parts": Form(GOOD + b"".join(part(f"{n}.jpg", jpeg()) for n in range(20)) + END, 413),
    "10,000 fields": Form(GOOD + part("", b"x") * 10_000 + END, 413),
    "the same name twice": Form(GOOD + GOOD + END, 400),
    "the same name in two normal forms": Form(GOOD + part("\u00e9", jpeg()) + part("e\u0301", jpeg()) + END, 400),
    "no name": Form(GOOD + part("", jpeg()) + END, 400),
    "a name that climbs": Form(GOOD + part("../../x.jpg", jpeg()) + END, 400),
    "a name that is absolute": Form(GOOD + part("/etc/x.jpg", jpeg()) + END, 400),
    "a name with a NUL": Form(GOOD + part("a\0.jpg", jpeg()) + END, 400),
    "a name with a backslash": Form(GOOD + part("..\\\\x.jpg", jpeg()) + END, 400),
    "a name that turns around": Form(GOOD + part("a\u202egpj.exe", jpeg()) + END, 400),
    "one part that is no picture": Form(GOOD + part("a.jpg", b"<html>") + END, 415),
    "one part that is broken": Form(GOOD + part("a.jpg", jpeg()[:200]) + END, 422),
    "one part that is empty": Form(GOOD + part("a.jpg", b"") + END, 415),
    "nothing": Form(b"", 400),
    "another kind of form": Form(b"a=b", 400, "application/x-www-form-urlencoded"),
    "a form in a form": Form(b"--x\r\n\r\n" + GOOD + END, 400, "multipart/mixed; boundary=x"),
}
