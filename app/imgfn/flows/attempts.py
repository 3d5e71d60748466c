"""From what goes wrong to what is done about it: some failures pass, the others wait for a person."""

import time
from collections.abc import Callable
from typing import Any

from imgfn.core.faults import Fault, SlowDown
from imgfn.flows.outgoing import OutgoingFailed, OutgoingRefused
from imgfn.flows.run import Run, RunFailed
from imgfn.observability.log import log

# The machine's or the store's fault, not the picture's.
PASSING = {"StoreUnavailable", "StoreTimeout", "StoreFull", "StoreReadOnly", "SlowDown", "NotReady"}
QUEUE_SECONDS = 60.0  # that one step waits for room in the queue of renders; then it makes room for others' steps
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0  # seconds between tries
TRIES = 300  # about a day of them


def attempt(work: Callable[..., Any], *args: Any) -> dict[str, Any]:
    """The result as {"ok": …}, or {"error": code, "cause": words, "passes": whether another try may succeed}.

    A value, never an exception: what a step raised comes back from its record as another type. A full queue of renders
    is waited for, since it is no failure.
    """
    until = time.monotonic() + QUEUE_SECONDS
    pause = 0.05
    while True:
        try:
            return {"ok": work(*args)}
        except SlowDown as fault:
            if time.monotonic() > until:
                return _told(fault.code, fault.detail, passes=True)
            time.sleep(pause)
            pause = min(2 * pause, 1.0)
        except Fault as fault:
            expected = f" (expected: {fault.expected})" if fault.expected else ""
            return _told(fault.code, fault.detail + expected, passes=fault.code in PASSING)
        except OutgoingRefused as error:
            return _told("Outgoing.Refused", str(error), passes=False)
        except OutgoingFailed as error:
            return _told("Outgoing.Failed", str(error), passes=error.passes)
        except ValueError as error:
            return _told("InvalidArgument", str(error), passes=False)
        except Exception as error:
            log.exception("bug")
            return _told("InternalError", type(error).__name__, passes=False)


async def insist(run: Run, name: str, work: Callable[..., Any], *args: Any) -> Any:
    """The result of a step, tried again while its failure passes. Raises RunFailed."""
    pause = FIRST_PAUSE
    for _ in range(TRIES):
        outcome = await run.step(name, attempt, work, *args)
        if "ok" in outcome:
            return outcome["ok"]
        if not outcome["passes"]:
            break
        await run.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
    raise RunFailed(outcome["cause"], outcome["error"])


def _told(code: str, words: str, *, passes: bool) -> dict[str, Any]:
    return {"error": code, "cause": words, "passes": passes}
