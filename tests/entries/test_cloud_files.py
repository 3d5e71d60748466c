import importlib
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from imgfn.config.settings import Settings

ROOT = Path(__file__).parents[2]
CLOUD = ROOT / "deploy" / "fc"


def read(name: str) -> Any:
    return yaml.safe_load((CLOUD / name).read_text(encoding="utf-8"))


def functions_of_fun() -> list[dict[str, Any]]:
    service = read("template.yml")["Resources"]["pydemo"]
    return [service[name]["Properties"] for name in ("upload", "proc")]


def functions_of_fc3() -> list[dict[str, Any]]:
    return [resource["props"] for resource in read("s.yaml")["resources"].values()]


def handlers() -> list[str]:
    named = [part[kind] for part in functions_of_fun() for kind in ("Handler", "Initializer")]
    for props in functions_of_fc3():
        if "handler" in props:
            named += [props["handler"], props["instanceLifecycleConfig"]["initializer"]["handler"]]
    return sorted(set(named))


@pytest.mark.parametrize("handler", handlers())
def test_every_handler_that_the_cloud_files_name_loads(handler: str):
    path, _, name = handler.rpartition(".")
    assert (ROOT / f"{path}.py").is_file()
    assert callable(getattr(importlib.import_module(path.replace("/", ".")), name))


def test_the_tutorials_two_functions_are_both_there():
    assert {part["Handler"] for part in functions_of_fun()} == {"functions/upload.handler", "functions/proc.handler"}
    assert {props["functionName"] for props in functions_of_fc3()} == {"imgfn", "upload", "proc", "derive"}


def test_the_custom_runtime_starts_our_gunicorn_where_function_compute_looks_for_it():
    props = next(props for props in functions_of_fc3() if props["runtime"].startswith("custom"))
    config = props["customRuntimeConfig"]
    assert config["command"] == ["python3", "-m", "gunicorn"]
    environment = props["environmentVariables"]
    assert (environment["IMGFN_HOST"], int(environment["IMGFN_PORT"])) == ("0.0.0.0", config["port"])
    assert int(environment["IMGFN_THREADS"]) == props["instanceConcurrency"]
    arguments = dict(zip(config["args"][::2], config["args"][1::2], strict=True))
    assert int(arguments["--keep-alive"]) >= 15 * 60
    module = arguments["--config"].removeprefix("python:")
    assert (ROOT / "app" / f"{module.replace('.', '/')}.py").is_file()


@pytest.mark.parametrize("part", [*functions_of_fun(), *functions_of_fc3()], ids=str)
def test_every_variable_is_a_setting_and_its_value_passes(part: dict[str, Any], monkeypatch: pytest.MonkeyPatch):
    for name, value in (part.get("EnvironmentVariables") or part["environmentVariables"]).items():
        assert isinstance(value, str), f"{name}: Function Compute takes text only"
        assert name == "PYTHONPATH" or name.removeprefix("IMGFN_").lower() in Settings.model_fields
        monkeypatch.setenv(name, value)
    assert Settings().render == "inline"


def test_the_runtimes_have_a_python_that_we_support():
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert needed == ">=3.11"
    for part in functions_of_fun():
        assert part["Runtime"] == "python3.12"
    for props in functions_of_fc3():
        assert props["runtime"] in ("python3.12", "custom.debian11")  # both have Python 3.12
