"""What a pool's code is made of: a pool is shared only by those who would run the same code in the same way."""

import hashlib
import os
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

from imgfn.ops import GROUP
from imgfn.renderpool.sandbox.posix import PASSED_ON
from imgfn.renderpool.sandbox.rules import ROOT, python_path

STANDARD_LIBRARY = (str(Path(os.__file__).parent), sysconfig.get_config_var("DESTSHARED"))
CODE = (".py", ".so", ".pyd", ".pth")


def fingerprint(shape: object) -> str:
    """Names the pool of this shape, and of this state of all code that it runs.

    Whoever runs newer code, imgfn's own or that of another distribution's operations, must not use the pool of an
    older one, which lives as long as one of its clients does. Twelve hexadecimal digits.
    """
    hashed = hashlib.sha256()
    for fact in (shape, sys.executable, python_path(), [os.environ.get(name) for name in PASSED_ON]):
        hashed.update(f"{fact}\n".encode())
    for path in dict.fromkeys(_files()):
        try:
            told = path.stat()
        except OSError:  # a folder of the path that there is not, or a file that has just gone
            continue
        hashed.update(f"{path} {told.st_mtime_ns} {told.st_size}\n".encode(errors="surrogateescape"))
    return hashed.hexdigest()[:12]


def _files() -> Iterator[Path]:
    """All code of imgfn and of the distributions that name operations; the path's folders and the modules in them.

    What is installed below a folder of libraries changes the folder itself.
    """
    yield from _code_below(ROOT / "imgfn")
    for name in sorted({entry_point.module.partition(".")[0] for entry_point in entry_points(group=GROUP)}):
        with suppress(ImportError, ValueError):  # the renderers will say what is wrong with it
            module = find_spec(name)
            for place in (module.submodule_search_locations or [module.origin or ""]) if module else ():
                yield from _code_below(Path(place))
    for folder in python_path():
        yield Path(folder)
        if folder not in STANDARD_LIBRARY:  # it changes with the interpreter
            yield from _code_in(Path(folder))


def _code_below(place: Path) -> Iterator[Path]:
    if place.is_file():
        yield place
    for folder, _, _ in sorted(os.walk(place)):
        yield from _code_in(Path(folder))


def _code_in(folder: Path) -> Iterator[Path]:
    try:
        paths = sorted(folder.iterdir())
    except OSError:
        return
    yield from (path for path in paths if path.suffix in CODE)
