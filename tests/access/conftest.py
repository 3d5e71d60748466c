from tests.http.conftest import photo

__all__ = ["photo"]
