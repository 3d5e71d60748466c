import subprocess
import sys
from pathlib import Path


def test_the_modules_of_the_web_server_and_the_functions_know_no_engine(tmp_path: Path) -> None:
    code = (
        "import sys, imgfn.web.app, imgfn.functions.proc, imgfn.functions.derive, imgfn.cli.main;"
        "assert not {'dbos', 'sqlalchemy', 'psycopg', 'croniter', 'yaml'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-P", "-c", code], check=True, cwd=tmp_path)


def test_the_function_that_serves_pictures_imports_nothing_of_flows(tmp_path: Path) -> None:
    code = "import sys, imgfn.functions.proc; assert not [n for n in sys.modules if n.startswith('imgfn.flows')]"
    subprocess.run([sys.executable, "-P", "-c", code], check=True, cwd=tmp_path)


def test_one_module_imports_the_engine() -> None:
    app = Path(__file__).parents[2] / "app" / "imgfn"
    told = [path for path in app.rglob("*.py") if "import dbos" in (text := path.read_text()) or "from dbos" in text]
    assert [path.relative_to(app).as_posix() for path in told] == ["flows/engine.py"]
