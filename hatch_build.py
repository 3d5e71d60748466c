"""Compiles the C loops while imgfn is installed; without a compiler the package is pure Python and slower."""

import os
import shlex
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER, LIBRARY = "app/imgfn/imaging/native", "app/imgfn/imaging/native/libnative.so"
OPTIONS = ("-O3", "-fno-math-errno", "-shared", "-fPIC")


class Native(BuildHookInterface):
    """`IMGFN_NATIVE=0` in the environment leaves it out: for packages that are built for another platform."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002  hatchling's signature
        """Compile the library beside its source, and tell the wheel's platform where there is one."""
        sources, library = sorted(Path(self.root, FOLDER).glob("*.c")), Path(self.root, LIBRARY)
        if os.environ.get("IMGFN_NATIVE") == "0":
            return
        library.unlink(missing_ok=True)
        compiler = shlex.split(os.environ.get("CC", "cc"))
        command = [*compiler, *OPTIONS, "-o", str(library), *map(str, sources), "-lm"]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603  our own words and CC
        except (OSError, subprocess.CalledProcessError) as error:
            reason = getattr(error, "stderr", None) or error
            self.app.display_warning(f"imgfn's native loops are not compiled, libraries do their work: {reason}")
            return
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data |= {"pure_python": False, "tag": f"py3-none-{platform}"}  # no Python in it: any version will do
        build_data["artifacts"].append(LIBRARY)
