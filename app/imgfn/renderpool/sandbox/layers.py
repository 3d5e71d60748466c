"""The layers of the sandbox: what is put between a renderer and the machine, each declared once.

The launcher, the pool's supervisor and every renderer apply the layers of their stage. Then each renderer looks, before
its first picture, which layers hold for itself, and reports it: what the log, `imgfn doctor` and /metrics say is that.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from imgfn.imaging import kernels
from imgfn.renderpool.sandbox import bubblewrap, landlock, posix, seccomp
from imgfn.renderpool.sandbox.rules import Launch, Rules

Stage = Literal["launch", "supervisor", "renderer", "job"]
Report = dict[str, str]  # a layer's name, and why it does not hold: "" where it does
LINUX = "Linux has it; elsewhere run imgfn in a container"


@dataclass(frozen=True)
class Layer:
    """One layer. `apply` gets a Launch in the stage `launch`, else the Rules; it may raise OSError, for one."""

    name: str
    summary: str
    stage: Stage
    apply: Callable[[Any], None]
    holds: Callable[[Rules], bool]  # asked in the renderer, when all stages have been applied
    remedy: str
    required: bool = True  # by IMGFN_SANDBOX=require


LAYERS = (
    Layer(
        "environment",
        "no settings, keys or tokens in the environment",
        *("launch", posix.clear_environment, posix.environment_is_clear),
        "report this as a bug of imgfn: its launcher hands variables on",
    ),
    Layer(
        "bubblewrap",
        "no network, no other processes, no data: namespaces of its own",
        *("launch", bubblewrap.enter, bubblewrap.entered),
        "apt-get install bubblewrap, and let it make user namespaces; containers forbid that by default",
        required=False,
    ),
    Layer(
        "no-new-privs",
        "no rights by set-user-ID programs",
        *("supervisor", posix.forbid_new_privileges, posix.new_privileges_are_forbidden),
        LINUX,
    ),
    Layer(
        "address-space",
        "no more memory than IMGFN_RENDER_MEMORY_BYTES (RLIMIT_AS)",
        *("supervisor", posix.limit_memory, posix.memory_is_limited),
        LINUX,
    ),
    Layer(
        "core-dumps",
        "no core files (RLIMIT_CORE)",
        *("supervisor", posix.forbid_core_dumps, posix.core_dumps_are_forbidden),
        "let processes lower their limits: ulimit -c 0",
    ),
    Layer(
        "file-size",
        "no file over 1 MB (RLIMIT_FSIZE)",
        *("supervisor", posix.limit_file_size, posix.file_size_is_limited),
        "let processes lower their limits: ulimit -f",
    ),
    Layer(
        "libvips",
        "no loaders that libvips calls untrusted",
        *("renderer", lambda _: kernels.vips(), lambda _: kernels.untrusted_is_blocked()),
        "pip install --force-reinstall pyvips pyvips-binary",
    ),
    Layer(
        "landlock",
        "no files but programs, libraries and fonts",
        *("renderer", landlock.allow_reading, landlock.holds),
        "a Linux kernel from 5.13 on with landlock in CONFIG_LSM or lsm=, and a seccomp profile that lets it through",
    ),
    Layer(
        "seccomp",
        "no sockets, no programs, no processes, no writing to files",
        *("renderer", seccomp.forbid, seccomp.holds),
        "apt-get install libseccomp2, on a Linux kernel with CONFIG_SECCOMP_FILTER",
    ),
    Layer(
        "deadline",
        "killed by the kernel after IMGFN_RENDER_SECONDS of a job, by the clock and by CPU time",
        *("job", posix.arm_deadline, posix.deadline_is_armed),
        "leave SIGALRM and SIGPROF alone in operations of your own",
    ),
)


class SandboxIncomplete(Exception):
    """IMGFN_SANDBOX=require, and a required layer does not hold: the message names each one and its remedy."""


def apply(stage: Stage, to: Launch | Rules) -> Report:
    """Apply all layers of a stage; gives what hindered those that could not be applied."""
    failed = {}
    for layer in LAYERS:
        if layer.stage == stage:
            try:
                layer.apply(to)
            except (OSError, ValueError, AttributeError, ImportError) as error:  # AttributeError: not on this platform
                failed[layer.name] = str(error) or type(error).__name__
    return failed


def inspect(rules: Rules, failed: Report) -> Report:
    """Which layers hold for this process, which has applied all. `failed` is what `apply` gave in all stages."""
    return {layer.name: "" if _holds(layer, rules) else failed.get(layer.name, "it does not hold") for layer in LAYERS}


def _holds(layer: Layer, rules: Rules) -> bool:
    try:
        return layer.holds(rules)
    except (OSError, ValueError, AttributeError, ImportError):
        return False


def merge(reports: list[Report]) -> Report:
    """What holds in all of several renderers."""
    return {
        layer.name: next((why for report in reports if (why := report.get(layer.name, "it is not reported"))), "")
        for layer in LAYERS
    }


def complain(report: Report) -> str:
    """What `require` has against it, in words: the required layers that do not hold; "" for nothing."""
    return "\n".join(
        describe_missing(layer, report[layer.name]) for layer in LAYERS if layer.required and report[layer.name]
    )


def describe_missing(layer: Layer, reason: str) -> str:
    """A layer that does not hold, in words, and what helps."""
    return f"sandbox layer {layer.name} is missing ({layer.summary}): {reason}; remedy: {layer.remedy}"
