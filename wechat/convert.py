"""Converts the Alipay mini-program in miniprogram/ to WeChat's: `python wechat/convert.py OUT`."""

import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).parents[1] / "miniprogram"
ADAPTER = Path(__file__).parent / "my.js"

EXTENSIONS = {".axml": ".wxml", ".acss": ".wxss"}
DIRECTIVE = re.compile(r"(?<=\s)a:(for-item|for-index|for|key|if|elif|else)\b")
EVENT = re.compile(r"(?<=\s)(on|catch)([A-Z]\w*)(?==)")
KEYS = {"defaultTitle": "navigationBarTitleText", "titleBarColor": "navigationBarBackgroundColor"}
# The media query for dark works on WeChat where the app says so; its bars take their colours from theme.json.
DARK = {"darkmode": True, "themeLocation": "theme.json"}
BARS = {"navigationBarBackgroundColor": "@paper", "navigationBarTextStyle": "@title", "backgroundColor": "@paper"}
THEME = {"light": {"paper": "#f6f6f3", "title": "black"}, "dark": {"paper": "#121315", "title": "white"}}
PROJECT = {"compileType": "miniprogram", "appid": "touristappid", "projectname": "imgfn", "setting": {"es6": True}}


def convert(source: Path, target: Path) -> None:
    """Write WeChat's form of the mini-program in `source` to `target`, which is emptied first."""
    if target.exists():
        shutil.rmtree(target)
    for path in sorted(source.rglob("*")):
        if path.is_dir() or path.name == "mini.project.json":
            continue
        relative = path.relative_to(source)
        written = target / relative.with_suffix(EXTENSIONS.get(path.suffix, path.suffix))
        written.parent.mkdir(parents=True, exist_ok=True)
        written.write_text(convert_text(path.read_text("utf-8"), relative), "utf-8")
    shutil.copy(ADAPTER, target / "my.js")
    _write_json(target / "project.config.json", PROJECT)
    _write_json(target / "theme.json", THEME)
    app = json.loads((target / "app.json").read_text("utf-8"))
    _write_json(target / "app.json", app | DARK | {"window": app["window"] | BARS})


def convert_text(text: str, relative: Path) -> str:
    """One file's text. Templates change their prefixes, manifests their keys, scripts get `my` from the adapter."""
    if relative.suffix == ".axml":
        return EVENT.sub(_rename_event, DIRECTIVE.sub(r"wx:\1", text))
    if relative.suffix == ".json":
        return json.dumps(_rename_keys(json.loads(text)), indent=2) + "\n"
    if relative.suffix == ".js" and re.search(r"\bmy\.", text):
        return text.replace(
            '"use strict";\n', f'"use strict";\n\nconst my = require("{_way_to_root(relative)}my");\n', 1
        )
    return text


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", "utf-8")


def _rename_event(found: re.Match[str]) -> str:
    return f"{'bind' if found[1] == 'on' else 'catch'}:{found[2].lower()}"


def _rename_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {KEYS.get(key, key): _rename_keys(inner) for key, inner in value.items()}
    return [_rename_keys(inner) for inner in value] if isinstance(value, list) else value


def _way_to_root(relative: Path) -> str:
    return "../" * (len(relative.parts) - 1) or "./"


if __name__ == "__main__":
    convert(SOURCE, Path(sys.argv[1]))
