"""What a render process may not ask of the kernel: everything that it never needs once it has been started."""

import errno
import os
import socket
from functools import cache
from importlib import import_module
from types import ModuleType

from imgfn.renderpool.sandbox.rules import Rules

NEVER = (
    # network: the one socket is there already, and connections come by accept
    "socket", "socketpair", "connect", "bind", "listen",
    # other programs and processes
    "execve", "execveat", "fork", "vfork", "kill", "tkill", "ptrace", "process_vm_readv", "process_vm_writev",
    "pidfd_open", "pidfd_getfd", "pidfd_send_signal", "setns", "unshare",
    # files: none is made, moved, changed in its rights or removed
    "creat", "mkdir", "mkdirat", "mknod", "mknodat", "link", "linkat", "symlink", "symlinkat", "unlink", "unlinkat",
    "rename", "renameat", "renameat2", "rmdir", "truncate", "chmod", "fchmod", "fchmodat", "chown", "fchown",
    "fchownat", "lchown", "setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr", "fremovexattr",
    # … nor stamped with another time: a source's descriptor would be enough for that
    "utime", "utimes", "futimesat", "utimensat",
    "mount", "umount2", "chroot", "pivot_root",
    # corners of the kernel with a history of holes
    "bpf", "userfaultfd", "perf_event_open", "keyctl", "add_key", "request_key", "io_uring_setup", "open_by_handle_at",
    "kexec_load", "init_module", "finit_module", "delete_module",
)  # fmt: skip
# fchmodat2, setxattrat, removexattrat, file_setattr: numbers, for libseccomp may not know the names yet.
YOUNGER = 452, 463, 466, 469
# Requests of file systems (ext, XFS, btrfs), by the second byte of their numbers: flags, seals, clones of a file.
REQUESTS = 0x6600, 0x5800, 0x9400
WRITING = os.O_WRONLY, os.O_RDWR, os.O_CREAT, os.O_TRUNC
CLONE_THREAD = 0x10000


def forbid(_rules: Rules) -> None:
    """Take those calls from this process and its threads for good; they fail with EPERM.

    Raises OSError where the platform knows no filters.
    """
    binding = libseccomp()
    refuse = binding.ERRNO(errno.EPERM)
    calls = binding.SyscallFilter(binding.ALLOW)
    for call in (*NEVER, *YOUNGER):
        calls.add_rule(refuse, call)
    for request in REQUESTS:
        calls.add_rule(refuse, "ioctl", binding.Arg(1, binding.MASKED_EQ, 0xFF00, request))
    for flag in WRITING:
        calls.add_rule(refuse, "open", binding.Arg(1, binding.MASKED_EQ, flag, flag))
        calls.add_rule(refuse, "openat", binding.Arg(2, binding.MASKED_EQ, flag, flag))
    # glibc falls back from clone3, whose flags a filter cannot see, and from openat2, to these.
    calls.add_rule(binding.ERRNO(errno.ENOSYS), "clone3")
    calls.add_rule(binding.ERRNO(errno.ENOSYS), "openat2")
    calls.add_rule(refuse, "clone", binding.Arg(0, binding.MASKED_EQ, CLONE_THREAD, 0))
    # abort() signals the process itself; no other one.
    calls.add_rule(refuse, "tgkill", binding.Arg(0, binding.NE, os.getpid()))
    calls.load()


def holds(_rules: Rules) -> bool:
    """Whether this process cannot make a socket, which everybody may."""
    try:
        socket.socket(socket.AF_UNIX).close()
    except PermissionError:
        return True
    return False


@cache
def libseccomp() -> ModuleType:
    """The binding, which runs programs to find the library: load it while that is allowed.

    Raises OSError where there is none.
    """
    try:
        return import_module("pyseccomp")
    except (ImportError, RuntimeError) as error:  # it raises RuntimeError where the library is missing
        raise OSError(errno.ENOSYS, "libseccomp is not installed") from error
