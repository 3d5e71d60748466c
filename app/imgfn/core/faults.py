"""The faults: one class, one HTTP status and one code for each way a request can fail."""

from typing import Any, ClassVar


class Fault(Exception):
    """A failure that is explained to the caller.

    `detail` is a sentence for people. `parameter` names the wrong argument and `expected` says what is accepted.
    `headers` go out with the answer. `code` is the member of the problem document (RFC 9457) that programs read; where
    Alibaba OSS has a code for the same thing, it is OSS's.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "InternalError"
    title: ClassVar[str] = "Something went wrong on our side"

    def __init__(
        self,
        detail: str = "",
        *,
        parameter: str | None = None,
        expected: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.parameter = parameter
        self.expected = expected
        self.headers = headers or {}

    def facts(self) -> dict[str, Any]:
        """The members of the problem document that this fault knows, without the empty ones."""
        document = {"title": self.title, "status": self.status, "detail": self.detail, "code": self.code}
        if self.parameter is not None:
            document["parameter"] = self.parameter
        if self.expected is not None:
            document["expected"] = self.expected
        return document


class InvalidArgument(Fault):
    status, code, title = 400, "InvalidArgument", "An argument is not valid"


class MissingArgument(Fault):
    status, code, title = 400, "MissingArgument", "An argument is missing"


class WatermarkError(Fault):
    status, code, title = 400, "WatermarkError", "The watermark cannot be made"


class BadRequest(Fault):
    status, code, title = 400, "BadRequest", "The request cannot be understood"


class AccessDenied(Fault):
    status, code, title = 403, "AccessDenied", "This caller may not do that"


class SignatureDoesNotMatch(Fault):
    status, code, title = 403, "SignatureDoesNotMatch", "The signature does not match the URL"


class Expired(Fault):
    status, code, title = 403, "Expired", "The signature has expired"


class NoSuchKey(Fault):
    status, code, title = 404, "NoSuchKey", "No object has this key"


class NoSuchStyle(Fault):
    status, code, title = 404, "NoSuchStyle", "No style has this name"


class NotFound(Fault):
    status, code, title = 404, "NotFound", "Nothing is here"


class MethodNotAllowed(Fault):
    status, code, title = 405, "MethodNotAllowed", "This method is not allowed here"


class ObjectAlreadyExists(Fault):
    status, code, title = 409, "ObjectAlreadyExists", "Another object has this key"


class AlreadyAnswered(Fault):
    status, code, title = 409, "AlreadyAnswered", "This question has been answered"


class NoLongerAsked(Fault):
    status, code, title = 410, "NoLongerAsked", "Nobody waits for this answer any more"


class PreconditionFailed(Fault):
    status, code, title = 412, "PreconditionFailed", "A condition of the request does not hold"


class EntityTooLarge(Fault):
    status, code, title = 413, "EntityTooLarge", "The upload is too large"


class UnsupportedMediaType(Fault):
    status, code, title = 415, "UnsupportedMediaType", "This is not an image that we read"


class RangeNotSatisfiable(Fault):
    status, code, title = 416, "InvalidRange", "The range lies outside the object"


class BadImage(Fault):
    status, code, title = 422, "BadImage", "The image is broken"


class ImageTooLarge(Fault):
    status, code, title = 422, "ImageTooLarge", "The image is over a limit"


class PlanTooCostly(Fault):
    status, code, title = 422, "PlanTooCostly", "The plan would take too long on this image"


class TooManyPlans(Fault):
    status, code, title = 429, "TooManyPlans", "Too many new results of one picture"


class InternalError(Fault):
    """A bug of ours. The caller learns the request id and nothing else; the log has the trace."""


class StoreUnavailable(Fault):
    status, code, title = 502, "StoreUnavailable", "The object store is out of reach"


class SourceChanged(StoreUnavailable):
    """Another version is stored by now, or none. Who looks again finds out which."""

    title = "The object changed while it was read"

    def __init__(self, detail: str = "", **more: Any) -> None:
        super().__init__(detail, **{"headers": {"Retry-After": "1"}, **more})


class SlowDown(Fault):
    status, code, title = 503, "SlowDown", "Too many requests are waiting"


class NotReady(Fault):
    status, code, title = 503, "NotReady", "The server is not ready"


class StoreReadOnly(Fault):
    status, code, title = 503, "StoreReadOnly", "The object store cannot be written at the moment"


class StoreTimeout(Fault):
    status, code, title = 504, "StoreTimeout", "The object store is too slow"


class RenderTimeout(Fault):
    status, code, title = 504, "RenderTimeout", "The picture took too long to make"


class StoreFull(Fault):
    status, code, title = 507, "StoreFull", "The object store has no room left"


def fault_of(code: str) -> type[Fault]:
    """The class that has this code; InternalError where none has."""
    return next((kind for kind in Fault.__subclasses__() if kind.code == code), InternalError)
