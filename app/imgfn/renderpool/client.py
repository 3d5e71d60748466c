"""Renders in the pool's processes: hand over a source, take back a picture or the reason why there is none."""

import os
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from imgfn.core.faults import BadImage, Fault, RenderTimeout, SlowDown
from imgfn.core.kinds import WatermarkImage
from imgfn.core.plan import Plan
from imgfn.imaging.codecs.decode import Header
from imgfn.imaging.limits import Limits
from imgfn.imaging.render import Rendered
from imgfn.observability.events import observe_incident
from imgfn.observability.log import log
from imgfn.renderpool.deaths import Death
from imgfn.renderpool.launcher import Pool, Shape
from imgfn.renderpool.protocol import (
    Job,
    ProtocolError,
    Reply,
    limit,
    load_fault,
    load_header,
    load_rendered,
    send_job,
    share,
)
from imgfn.renderpool.quarantine import Quarantine
from imgfn.renderpool.sandbox.layers import Report, SandboxIncomplete, complain

IDLE_SECONDS = 0.07  # within which an idle process has taken a connection off the queue
POLL_SECONDS = 0.02  # between two tries for a place in a full queue
START_SECONDS = 5.0  # that a job waits longer in the queue of a pool that is just starting
LOCK_RELEASE_GRACE_SECONDS = 0.1  # that the threads of a killed master may go on holding its lock
CONFIRM_SECONDS = 20.0  # within which renderers have started, also on a busy machine
TRIES = 3  # of pools that go away under us
RETRY_AFTER = {"Retry-After": "1"}

T = TypeVar("T")
Load = Callable[[Mapping[str, Any], bytes], T]


@dataclass(frozen=True)
class JobSource:
    """A seekable file and its length in bytes."""

    file: BinaryIO
    size: int


class ProcessRenderer:
    """Runs plans in `processes` expendable processes that all clients of one machine share.

    A job has `seconds` of wall-clock time and `memory_bytes` of address space. At most `queue` jobs of all clients
    wait; another one tries for `wait_seconds` to be among them.
    """

    def __init__(
        self,
        limits: Limits,
        runtime_dir: Path | None,
        processes: int,
        queue: int,
        seconds: float,
        memory_bytes: int,
        recycle: int,
        font_dirs: tuple[str, ...] = (),
        *,
        require_sandbox: bool = False,
        wait_seconds: float = 0.0,
    ) -> None:
        self._limits = replace(limits, max_seconds=seconds)
        self._seconds = seconds
        self._wait_seconds = wait_seconds
        self._memory_bytes = memory_bytes
        shape = Shape(processes, queue, seconds, memory_bytes, recycle, font_dirs, require_sandbox)
        self._pool = Pool(shape, runtime_dir)
        self._quarantine = Quarantine(self._pool.quarantine_dir)

    def start(self) -> None:
        """Have the pool running before the first picture is asked for."""
        self._pool.start()

    def sandbox(self, seconds: float = 0.0) -> Report | None:
        """Which layers of the sandbox hold in all renderers, as they found themselves: "", or why one does not.

        None where no renderer has said so, after `seconds` of waiting.
        """
        return self._pool.sandbox(seconds)

    def confirm_sandbox(self) -> None:
        """Raise SandboxIncomplete, with remedies, unless renderers run in which all required layers hold."""
        report = self.sandbox(CONFIRM_SECONDS)
        if report is None:
            raise SandboxIncomplete(f"no renderer has reported on its sandbox; their log ends: {self._pool.log_tail()}")
        if complaint := complain(report):
            raise SandboxIncomplete(complaint)

    def runs(self) -> bool:
        """Whether the pool lives, be it ever so busy."""
        return self._pool.runs()

    def close(self) -> None:
        """Need the pool no more; the last client's going ends it. A later call joins again."""
        self._pool.close()

    def render(self, source: BinaryIO, size: int, plan: Plan, watermarks: Mapping[WatermarkImage, bytes]) -> Rendered:
        began = time.monotonic()
        images = [watermarks[watermark] for watermark in plan.watermarks]
        rendered, begun = self._ask(plan.text, JobSource(source, size), images, load_rendered)
        return replace(rendered, milliseconds={"queue": (begun - began) * 1000, **rendered.milliseconds})

    def inspect(self, source: BinaryIO, size: int) -> Header:
        return self._ask(None, JobSource(source, size), [], load_header)[0]

    def _ask(self, plan: str | None, source: JobSource, watermarks: list[bytes], load: Load[T]) -> tuple[T, float]:
        """What a process makes of one job, and when it began; a Fault where it refuses it or dies over it."""
        self._refuse_suspects(plan, source)
        job = Job(plan, self._limits, source.size, [len(watermark) for watermark in watermarks]).dump()
        descriptor = share(source.file)
        try:
            for _ in range(TRIES):
                answer, begun = self._begin(job, descriptor, watermarks)
                with answer:
                    try:
                        told, body = answer.receive_rest(self._memory_bytes)
                        if "fault" not in told:
                            return load(told, body), begun
                        fault, trace = load_fault(told)
                    except (ConnectionError, BlockingIOError, ProtocolError) as error:
                        reason = self._explain(error, plan, source, answer.number, begun)
                        if reason is None:
                            continue
                        raise reason from error
                if trace:
                    log.error("render_failed", plan=plan, trace=trace)
                raise fault
        finally:
            os.close(descriptor)
        raise self._report_death()

    def _begin(self, job: bytes, source: int, watermarks: list[bytes]) -> tuple[Reply, float]:
        """The answer of a process that has taken our job on, as far as it goes, and when it did that.

        Nothing has been tried before that, so a pool that goes away meanwhile costs only another try.
        """
        for _ in range(TRIES):
            try:
                connection = self._connect()
            except ConnectionRefusedError:
                continue
            answer = Reply(connection)
            try:
                limit(connection, self._seconds + START_SECONDS)
                send_job(connection, job, source, watermarks)
                queued = time.monotonic()
                begun = answer.receive_begin()
                return answer, min(max(queued, begun), time.monotonic())  # somebody else's code may run there
            except BlockingIOError as error:
                answer.close()
                self._pool.end_if_silent()
                raise SlowDown("the queue of renders does not move", headers=RETRY_AFTER) from error
            except ConnectionError:
                answer.close()
        raise self._report_death()

    def _connect(self) -> socket.socket:
        """A place in the pool's queue. Raises SlowDown where it stays full: with the jobs of other clients."""
        deadline = time.monotonic() + max(self._wait_seconds, IDLE_SECONDS)
        while True:
            try:
                return self._pool.connect()
            except BlockingIOError as error:
                if time.monotonic() >= deadline:
                    raise SlowDown("too many renders are waiting", headers=RETRY_AFTER) from error
                time.sleep(POLL_SECONDS)

    def _refuse_suspects(self, plan: str | None, source: JobSource) -> None:
        """Raise BadImage for a picture that crashed renderers, RenderTimeout for a plan that overran on it."""
        if self._quarantine.holds(source.file, source.size):
            observe_incident("image_in_quarantine", plan=plan, bytes=source.size)
            raise BadImage("this image crashed its renderer twice and is not tried again for some minutes")
        if self._quarantine.holds(source.file, source.size, plan or ""):
            observe_incident("plan_in_quarantine", plan=plan, bytes=source.size)
            raise RenderTimeout(
                f"this plan took longer than {self._seconds:g} seconds on this image twice, and is not tried again on "
                "it for some minutes; other plans are"
            )

    def _explain(
        self, error: Exception, plan: str | None, source: JobSource, number: int, begun: float
    ) -> Fault | None:
        """Why the renderer of that number gave no answer; None where its whole pool died: that says nothing."""
        seconds = time.monotonic() - begun
        if isinstance(error, BlockingIOError):  # past its deadline, and its master has not noticed
            self._pool.end_if_silent()
            return self._hung(seconds)
        if not isinstance(error, ProtocolError):
            time.sleep(LOCK_RELEASE_GRACE_SECONDS)
            if not self._pool.runs():
                return None
            match self._pool.find_death(number):
                case Death.OVERRAN:
                    self._strike("renderer_overran", source, seconds, plan or "")
                    return RenderTimeout(f"the picture took longer than {self._seconds:g} seconds to make")
                case Death.KILLED:
                    observe_incident("renderer_killed", plan=plan, bytes=source.size, seconds=round(seconds, 3))
                    return SlowDown("the renderer was killed from outside", headers=RETRY_AFTER)
                case Death.HUNG:
                    return self._hung(seconds)
        self._strike("renderer_crashed", source, seconds)
        return BadImage("the image crashed its renderer")

    def _hung(self, seconds: float) -> Fault:
        observe_incident("renderer_hung", seconds=round(seconds, 3))
        return SlowDown("the renderer did not move and is replaced", headers=RETRY_AFTER)

    def _strike(self, event: str, source: JobSource, seconds: float, plan: str | None = None) -> None:
        digest = self._quarantine.record(source.file, source.size, plan)
        observe_incident(event, sha256=digest, seconds=round(seconds, 3), **({"plan": plan} if plan else {}))

    def _report_death(self) -> Fault:
        """The fault of a pool that dies again and again: never the caller's, and another try may find it alive."""
        log.error("renderers_do_not_start", pool_log=self._pool.log_tail())
        return SlowDown("the renderers are not running", headers=RETRY_AFTER)
