"""Credentials for S3."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from imgfn.core.faults import StoreUnavailable


@dataclass(frozen=True)
class Keys:
    """An access key; with `session_token` a temporary one."""

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


KeySource = Callable[[], Keys]  # called at each request, so that renewed keys are used at once


def read_context(context: Any) -> Keys | None:
    """The temporary keys in Function Compute's `context`; None where it has none, as in its newer runtimes."""
    given = getattr(context, "credentials", None)
    access_key = getattr(given, "access_key_id", None)
    secret_key = getattr(given, "access_key_secret", None)
    if not access_key or not secret_key:
        return None
    return Keys(access_key, secret_key, getattr(given, "security_token", None) or None)


def read_environment() -> Keys:
    """The keys that Function Compute keeps in a function's environment, or those of Alibaba's own tools.

    https://help.aliyun.com/zh/functioncompute/fc/user-guide/environment-variables. Raises StoreUnavailable where there
    are none.
    """
    access_key = os.environ.get("ALIBABA_CLOUD_ACCESS_KEY_ID")
    secret_key = os.environ.get("ALIBABA_CLOUD_ACCESS_KEY_SECRET")
    if not access_key or not secret_key:
        raise StoreUnavailable(
            "no credentials: set IMGFN_S3_ACCESS_KEY and IMGFN_S3_SECRET_KEY, or ALIBABA_CLOUD_ACCESS_KEY_ID and "
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET"
        )
    return Keys(access_key, secret_key, os.environ.get("ALIBABA_CLOUD_SECURITY_TOKEN") or None)
