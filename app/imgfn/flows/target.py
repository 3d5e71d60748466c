"""Names for what is made of an object: `web/{stem}.webp`."""

import re
from dataclasses import dataclass

from imgfn.core.key import Key

FIELD = re.compile(r"\{([^{}]*)\}")
FIELDS = ("key", "path", "folder", "name", "stem", "ext")
EXPECTED = ", ".join(f"{{{name}}}" for name in FIELDS)


@dataclass(frozen=True)
class Target:
    """A template. {key} is the source's key, {path} it without the rule's prefix and extension, {folder} its folder,
    {name} its last segment, {stem} that without extension, {ext} the extension."""

    template: str

    def fill(self, key: str, prefix: str = "") -> Key:
        """The target's key for a source. Raises InvalidArgument where it is none."""
        folder, _, name = key.rpartition("/")
        stem, _, ext = name.rpartition(".") if "." in name else (name, "", "")
        below = key.removeprefix(prefix).lstrip("/")
        path = below[: -len(ext) - 1] if ext else below
        values = {"key": key, "path": path, "folder": folder, "name": name, "stem": stem, "ext": ext}
        filled = FIELD.sub(lambda found: values[found[1]], self.template)
        # A source without a folder leaves an empty segment where {folder} stood.
        return Key.parse(re.sub(r"/{2,}", "/", filled).lstrip("/"), "saveas")

    def may_meet(self, prefix: str, suffixes: tuple[str, ...]) -> bool:
        """Whether some source gives a target with this prefix and one of these suffixes."""
        start, end = FIELD.split(self.template)[0], FIELD.split(self.template)[-1].lower()
        if not FIELD.search(self.template):
            return start.startswith(prefix) and (not suffixes or start.lower().endswith(suffixes))
        if not (start.startswith(prefix) or prefix.startswith(start)):
            return False
        return not suffixes or any(end.endswith(suffix) or suffix.endswith(end) for suffix in suffixes)


def check_target(template: str) -> str:
    """What is wrong with a template, in words; empty where nothing is."""
    unknown = [name for name in FIELD.findall(template) if name not in FIELDS]
    if unknown or "{" in FIELD.sub("", template) or "}" in FIELD.sub("", template):
        return f"expected a key with {EXPECTED}"
    try:
        Target(template).fill("folder/name.ext")
    except Exception as error:
        return str(error)
    return ""
