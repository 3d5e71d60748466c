"""The layers that any Unix has: the environment, resource limits, deadlines; and no_new_privs, which is Linux's."""

import ctypes
import os
import resource
import signal

from imgfn.renderpool.sandbox.rules import Launch, Rules

POOL = "IMGFN_POOL"  # the variable in which the pool finds what it is to be
PASSED_ON = ("LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "FONTCONFIG_FILE", "FONTCONFIG_PATH")
# Set by the launcher, by bubblewrap, by Python in the C locale, and by gunicorn.
ADDED = {POOL, "PYTHONPATH", "PWD", "LC_CTYPE", "SERVER_SOFTWARE"}
RENDERING = {
    "VIPS_CONCURRENCY": "1",  # as many processes as cores are busy already
    "VIPS_WARNING": "1",  # none: what broken pictures make libraries say would fill the log
    "PYTHONWARNINGS": "ignore",
    "VIPS_DISC_THRESHOLD": "1t",  # nothing is written; the address space is the limit
    "MALLOC_ARENA_MAX": "1",  # what one thread has freed is there for the next
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",  # huge pages: a fifth off whatever makes large pictures
    "PYTHONDONTWRITEBYTECODE": "1",
}
LOG_BYTES = 1 << 20  # the pool's log and the report on its layers are all that is ever written
CPU_MORE_SECONDS = 2
PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS = 38, 39


def clear_environment(launch: Launch) -> None:
    """Keep a dozen harmless variables: no settings, no keys, no tokens."""
    launch.environment = {name: launch.environment[name] for name in PASSED_ON if name in launch.environment}


def environment_is_clear(_rules: Rules) -> bool:
    """Whether this process has no variable but those that renderers need."""
    return not set(os.environ) - {*PASSED_ON, *RENDERING, *ADDED}


def forbid_new_privileges(_rules: Rules) -> None:
    """Set no_new_privs: neither this process nor its children can gain rights by running a set-user-ID program.

    https://docs.kernel.org/userspace-api/no_new_privs.html
    """
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "no_new_privs cannot be set")


def new_privileges_are_forbidden(_rules: Rules) -> bool:
    """Whether no_new_privs is set."""
    return bool(ctypes.CDLL(None).prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)


def limit_memory(rules: Rules) -> None:
    """Bound the address space."""
    _limit(resource.RLIMIT_AS, rules.memory_bytes)


def memory_is_limited(rules: Rules) -> bool:
    """Whether the address space is bounded."""
    return _is_limited(resource.RLIMIT_AS, rules.memory_bytes)


def forbid_core_dumps(_rules: Rules) -> None:
    """Write no core file: it would have the picture in it, and fill the disk."""
    _limit(resource.RLIMIT_CORE, 0)


def core_dumps_are_forbidden(_rules: Rules) -> bool:
    """Whether no core file is written."""
    return _is_limited(resource.RLIMIT_CORE, 0)


def limit_file_size(_rules: Rules) -> None:
    """Bound the size of every file that is written to."""
    _limit(resource.RLIMIT_FSIZE, LOG_BYTES)


def file_size_is_limited(_rules: Rules) -> bool:
    """Whether that bound holds."""
    return _is_limited(resource.RLIMIT_FSIZE, LOG_BYTES)


def arm_deadline(rules: Rules) -> None:
    """Let the kernel kill this process at the deadline of its job, by the clock and by its CPU time.

    SIGALRM and SIGPROF keep their default action: no handler is in their way.
    """
    signal.setitimer(signal.ITIMER_REAL, rules.seconds)
    signal.setitimer(signal.ITIMER_PROF, rules.seconds + CPU_MORE_SECONDS)  # runs out only if several threads run


def deadline_is_armed(rules: Rules) -> bool:
    """Whether this process will be killed in time, by both clocks."""
    return all(
        0 < signal.getitimer(timer)[0] <= rules.seconds + CPU_MORE_SECONDS + 0.1
        and signal.getsignal(number) == signal.SIG_DFL
        for timer, number in ((signal.ITIMER_REAL, signal.SIGALRM), (signal.ITIMER_PROF, signal.SIGPROF))
    )


def lift_deadline() -> None:
    """Take the deadline back: the job is done."""
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.setitimer(signal.ITIMER_PROF, 0)


def _limit(what: int, most: int) -> None:
    """Set both limits, or less where somebody has lowered the hard one already."""
    _, hard = resource.getrlimit(what)
    value = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (value, value))


def _is_limited(what: int, most: int) -> bool:
    return all(limit != resource.RLIM_INFINITY and limit <= most for limit in resource.getrlimit(what))
