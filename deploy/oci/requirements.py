"""Print what imgfn and the extras named as arguments require, a line each: requirements.py flows traces"""

import sys
import tomllib
from pathlib import Path

project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
extras = project["optional-dependencies"]
unknown = [name for name in sys.argv[1:] if name not in extras]
if unknown:
    sys.exit(f"pyproject.toml has no extra {', '.join(unknown)}; it has {', '.join(extras)}")
requirements = [*project["dependencies"], *(line for name in sys.argv[1:] for line in extras[name])]
sys.stdout.write("\n".join(requirements) + "\n")
