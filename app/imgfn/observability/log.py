"""The log: structlog, which is loaded with the first line and not with this module.

It looks for pretty printers to bring along, and together they would take a fifth of a cloud function's cold import.
"""

from typing import Any


class _Log:
    def __getattr__(self, level: str) -> Any:
        """The method of structlog's logger that writes a line of `level`, made once: it costs as much as a line."""
        import structlog

        method = getattr(structlog.get_logger(), level)
        setattr(self, level, method)
        return method

    def forget(self) -> None:
        """Make all methods anew: structlog was configured."""
        self.__dict__.clear()


log = _Log()


def bind(**facts: str) -> None:
    """Put `facts` on each line that this thread writes from now on."""
    import structlog

    structlog.contextvars.bind_contextvars(**facts)


def unbind(*names: str) -> None:
    """Leave the facts of these names off again."""
    import structlog

    structlog.contextvars.unbind_contextvars(*names)
