"""Settings to the caches that are told, and who tells them of what a server changes."""

from collections.abc import Callable, Iterable

from imgfn.config.settings import BadSettings, Settings
from imgfn.core.key import Key
from imgfn.purge.change import Change, change_of_key, change_of_style
from imgfn.purge.purger import Background, Purger
from imgfn.purge.targets import Target, parse_targets, tag_headers


def build_targets(chosen: Settings) -> tuple[Target, ...]:
    """The caches of IMGFN_PURGE. Raises BadSettings."""
    told = chosen.purge_tokens.get_secret_value() if chosen.purge_tokens else ""
    tokens = (word.strip().partition("=") for word in told.split(",") if word.strip())
    try:
        return parse_targets(chosen.purge, {kind: secret for kind, _, secret in tokens})
    except ValueError as error:
        raise BadSettings(f"IMGFN_PURGE: {error}") from error


def headers_of_tags(chosen: Settings) -> tuple[str, ...]:
    """The headers in which answers carry their tags: those that the caches read, and those of the settings."""
    return tuple(dict.fromkeys((*tag_headers(build_targets(chosen)), *chosen.cache_tag_headers)))


class Announcer:
    """Tells the caches of `chosen` of changed keys and styles; `styles` gives the names of all styles."""

    def __init__(self, chosen: Settings, styles: Callable[[], Iterable[str]]) -> None:
        self._chosen, self._styles = chosen, styles
        self._purger = Purger(build_targets(chosen), chosen.public_url)
        self._background: Background | None = None

    def key_changed(self, key: Key) -> None:
        """In the background: a source was replaced or deleted."""
        self._later(self._change(key))

    def style_changed(self, name: str) -> None:
        """In the background: a style has become another plan, or is gone."""
        self._later(change_of_style(name))

    def purge_key(self, key: Key) -> None:
        """At once, for a caller that tries again. Raises PurgeError that names the caches that were not told."""
        self._purger.purge(self._change(key))

    def close(self) -> None:
        """Send what waits."""
        if self._background is not None:
            self._background.close()

    def _change(self, key: Key) -> Change:
        return change_of_key(key, self._styles(), self._chosen.style_delimiter, at_root=self._chosen.oss_mount)

    def _later(self, change: Change) -> None:
        if self._background is None:
            self._background = Background(self._purger)
        self._background.purge(change)
