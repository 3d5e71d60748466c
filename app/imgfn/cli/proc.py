"""`imgfn proc`: plans on files, without a server."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import click

from imgfn import wiring
from imgfn.cli.settings import read_settings
from imgfn.core.faults import Fault, InvalidArgument
from imgfn.core.formats import FORMATS, SNIFF_BYTES, Format, sniff
from imgfn.core.plan import Plan, parse_oss, parse_path, parse_step, suggestion
from imgfn.core.registry import REGISTRY
from imgfn.imaging.render import Rendered
from imgfn.process.streams import CLOSED_AT_START
from imgfn.service.negotiation import settle_format
from imgfn.service.renderer import Renderer

EXTENSIONS = {"jpeg": "jpg", "jpe": "jpg", "tif": "tiff", "heif": "heic"}
REPORTS = {"application/json": ".json", "text/plain; charset=utf-8": ".txt"}
OSS = ("image/", "style/")
STDOUT = Path("-")
AnyPath = click.Path(path_type=Path)


@dataclass(frozen=True)
class Task:
    """One file, and where its result goes; a `folder` is where its name is still to be found."""

    source: Path
    target: Path | None
    folder: Path | None = None


class Files:
    """Renders files as a plan says; what else the plan needs lies beside each file."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    @cached_property
    def _renderer(self) -> Renderer:
        return wiring.build_renderer(read_settings())

    def render(self, task: Task) -> Rendered:
        """Raises Fault, and OSError for what cannot be read."""
        own = format_of(task.source)
        plan = self._plan
        if not plan.reports:
            chosen = own or FORMATS["png"]
            if task.target is not None:
                chosen = FORMATS.get(extension(task.target), chosen)
            plan = _end_in(plan, chosen, own or FORMATS["png"])
        watermarks = {watermark: (task.source.parent / watermark.key).read_bytes() for watermark in plan.watermarks}
        with task.source.open("rb") as file:
            return self._renderer.render(file, task.source.stat().st_size, plan, watermarks)


@click.command()
@click.argument("plan")
@click.argument("files", nargs=-1, required=True, type=AnyPath)
@click.option("-o", "--output", type=AnyPath, help="Where results go: a folder, or a file where there is one input.")
def proc(plan: str, files: tuple[Path, ...], output: Path | None) -> None:
    """Run a plan on files, without a server.

    \b
    imgfn proc rotate/10/resize/w_200 in.jpg out.webp
    imgfn proc image/resize,w_200/format,webp photos/ more.png -o small/
    imgfn proc style/thumb *.jpg -o thumbs/

    PLAN is in the grammar of URLs or of OSS. A target's extension is the format unless the plan says one; - is the
    standard output. Folders are gone through, and files that are no pictures left out. Other pictures that the plan
    needs are looked for beside each file.
    """
    no_stdout = 1 in CLOSED_AT_START
    read_settings()
    try:
        parsed = parse_plan(plan)
        tasks = list(_tasks(files, output, parsed))
    except Fault as fault:
        raise click.ClickException(_say(fault)) from fault
    if no_stdout and any(task.target == STDOUT for task in tasks):
        raise click.ClickException("the result goes to the standard output, which is closed")
    failed = _run(Files(parsed), tasks)
    if failed:
        sys.exit(1)


def parse_plan(text: str) -> Plan:
    """A plan in either grammar, or the style of that name. Raises the parsers' faults."""
    text = text.strip().removeprefix("?").removeprefix("x-oss-process=").strip("/")
    find = wiring.styles().find
    if text.startswith(OSS):
        return parse_oss(text, find)
    plan, rest = parse_path(text, find)
    if rest:
        name = rest.partition("/")[0]
        raise InvalidArgument(f"there is no operation {name!r}{suggestion(name)}", expected=", ".join(REGISTRY.names()))
    return plan


def format_of(path: Path) -> Format | None:
    """The format that the first bytes of a file are of. Raises OSError."""
    with path.open("rb") as file:
        return sniff(file.read(SNIFF_BYTES))


def extension(path: Path) -> str:
    """The format's name that a file's name ends with."""
    found = path.suffix.removeprefix(".").lower()
    return EXTENSIONS.get(found, found)


def _tasks(files: Sequence[Path], output: Path | None, plan: Plan) -> Iterator[Task]:
    """What is to be done. Raises click's errors for files that are not there and names that cannot be."""
    if output is None:
        if len(files) != 2 or files[0].is_dir():
            raise click.UsageError("expected IN and OUT, or any number of files and folders and -o OUT")
        *files, output = files
    for path in files:
        if not path.exists():
            raise click.BadParameter(f"{str(path)!r} does not exist", param_hint="FILES")
    several = len(files) > 1 or files[0].is_dir() or output.is_dir() or str(output).endswith("/")
    if not several:
        _check_name(output, plan)
        yield Task(files[0], output)
        return
    if output == STDOUT or (output.exists() and not output.is_dir()):
        raise click.BadParameter(f"{output} is no folder, which several results need", param_hint="-o")
    for path in files:
        if path.is_dir():
            for found in sorted(path.rglob("*")):
                if found.is_file() and not found.is_relative_to(output) and format_of(found):
                    yield Task(found, None, output / found.relative_to(path).parent)
        else:
            yield Task(path, None, output)


def _check_name(target: Path, plan: Plan) -> None:
    """Refuse an extension that is none of a format that is written, which would be misleading."""
    name = extension(target)
    if name and not plan.reports and target != STDOUT and not (name in FORMATS and FORMATS[name].written):
        written = ", ".join(name for name, known in FORMATS.items() if known.written)
        raise click.BadParameter(f"{target.name!r}: no format is called {name!r}; expected {written}", param_hint="OUT")


def _run(files: Files, tasks: Sequence[Task]) -> int:
    """Do all tasks; how many failed comes back. A bar shows how far that is, on a terminal."""
    failed = 0
    written: dict[Path, Path] = {}
    with click.progressbar(tasks, file=sys.stderr, label="imgfn proc", hidden=len(tasks) < 2) as bar:
        for task in bar:
            try:
                rendered = files.render(task)
                target = task.target or _named(task, rendered)
                if target in written:
                    raise InvalidArgument(f"{target} is the result of {written[target]} already")
                if target != STDOUT:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    written[target] = task.source
                with click.open_file(str(target), "wb") as file:
                    file.write(rendered.body)
            except (Fault, OSError) as error:
                failed += 1
                click.echo(f"Error: {task.source}: {_say(error)}", err=True)
            else:
                for note in rendered.notes:
                    click.echo(f"note: {task.source}: {note}", err=True)
    if len(tasks) != 1:
        click.echo(f"{len(tasks) - failed} of {len(tasks)} pictures done", err=True)
    return failed


def _named(task: Task, rendered: Rendered) -> Path:
    """The target in its folder: the source's name, with the extension of what was made."""
    suffixes = {known.content_type: f".{name}" for name, known in reversed(FORMATS.items())}
    suffix = (suffixes | REPORTS)[rendered.content_type]
    own = EXTENSIONS.get(task.source.suffix.lower().removeprefix("."), task.source.suffix.lower().removeprefix("."))
    name = task.source.name if f".{own}" == suffix else task.source.with_suffix(suffix).name
    return (task.folder or Path()) / name


def _say(error: Fault | OSError) -> str:
    if isinstance(error, Fault):
        return error.detail + (f" (expected: {error.expected})" if error.expected else "")
    return f"{error.filename or ''}: {error.strerror}".removeprefix(": ")


def _end_in(plan: Plan, chosen: Format, own: Format) -> Plan:
    """`plan` with the format of the target's name where it leaves that open."""
    if plan.last("format") is None:
        formatting = REGISTRY.get("format")
        if formatting is None or not chosen.written:
            return plan
        return plan + Plan((parse_step(formatting, (chosen.name,)),))
    settled, _ = settle_format(plan, own.content_type, lambda kind: (1.0, kind == chosen.content_type), [chosen.name])
    return settled
