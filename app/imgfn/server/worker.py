"""Gunicorn's threaded worker, whose threads take their requests from the kernel themselves, one at a time."""

import errno
import os
import select
import selectors
import socket
import sys
import time
from typing import Any

from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, TConn, ThreadWorker

from imgfn.process.scheduler import turn
from imgfn.server import connections

TICK_SECONDS = 0.05  # between two looks at what no event tells
QUEUE = 2048  # connections that the kernel lets wait (gunicorn's backlog)
HEAD_BYTES = 4096  # longer ones are rare
QUICK = (b"GET ", b"HEAD ")
GATHER_SECONDS = 0.05  # at most, that requests wait for others like them while the machine is crowded
YIELD_SECONDS = 0.001  # for a connection to be taken by a worker that has fewer
ONCE = select.EPOLLIN | select.EPOLLONESHOT


class Worker(ThreadWorker):  # type: ignore[misc]  # untyped there
    """One thread takes connections, the others take turns at answering the requests on them.

    gthread's main loop hands each request to a thread and is handed the connection back: three threads are woken for
    one answer, and all that are awake fight for the interpreter. Here one thread asks the kernel for a request, answers
    it, and asks for the next, until an answer has to wait; then another thread asks. HTTP itself, and when a connection
    is kept or closed, are gthread's.

    Where no descriptor is free connections stay in the kernel's queue (gthread raises), and at a stop those in that
    queue are answered first (gthread resets them).
    """

    alive: bool
    seat: int
    sockets: list[Any]

    def init_process(self) -> None:
        # On the connections below, each of which is armed for one event: on those whose last answer came at once, and
        # on the others, which are asked for only while requests that take long have a chance.
        self._quick, self._others = select.epoll(), select.epoll()
        self._quick.register(self._others, ONCE)
        self._others_armed, self._others_rest_until = True, 0.0
        self.keepalived_conns: dict[int, TConn] = {}  # those that wait for a request, by descriptor
        self._open: set[TConn] = set()
        self._told_to_stop = False
        self._stopped = float("inf")  # when, by the monotonic clock
        self._took = 0.0  # when, its last connection
        # gunicorn looks each of its settings up by __getattr__, twenty times for a request.
        self.cfg.__dict__.update({name: setting.get() for name, setting in self.cfg.settings.items()})
        super().init_process()

    def run(self) -> None:
        """Take connections until told to stop; then wait until what they have asked is answered."""
        for _ in range(self.cfg.threads):
            self.tpool.submit(self._serve)
        self._tell_crowd()
        self.poller.register(self.PIPE[0], selectors.EVENT_READ, lambda pipe: os.read(pipe, 4096))  # signals wake us
        while self.alive and self.is_parent_alive():
            self.set_accept_enabled(len(self._open) < self.worker_connections)
            self._tick()
            if self._told_to_stop:
                self._close_door()
        self.set_accept_enabled(False)
        self.alive = False
        self._stopped = time.monotonic()
        while self._open and time.monotonic() < self._stopped + self.cfg.graceful_timeout:
            self._tick()
        ended, other_end = os.pipe()
        os.close(other_end)
        self._quick.register(ended)  # a pipe that has hung up, for every thread to see
        self.tpool.shutdown(wait=False)

    def accept(self, listener: Any) -> None:
        """Take one connection, unless a worker that has fewer does; without a descriptor for it, later."""
        if not connections.has_fewest(self.seat):
            time.sleep(YIELD_SECONDS)
        self._take(listener)

    def _take(self, listener: Any) -> None:
        try:
            sock, client = listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                time.sleep(TICK_SECONDS)
            elif error.errno not in (errno.EAGAIN, errno.ECONNABORTED):  # another worker's by now, or nobody's
                raise
            return
        connection = TConn(self.cfg, _Socket(fileno=sock.detach()), client, listener.getsockname())
        connection.data_ready = True  # whenever a thread sees it
        self._open.add(connection)
        self._took = time.monotonic()
        self._tell_crowd()
        self._others.register(connection.sock, 0)
        connection.requests = self._others
        self._await_request(connection)

    def handle_exit(self, _signal: int, _frame: object) -> None:
        """Leave SIGTERM to the loop: it can come while this thread holds a lock that a connection needs."""
        self._told_to_stop = True

    def _serve(self) -> None:
        """What a thread does: answer request after request, until the worker ends."""
        while True:
            for descriptor, _ in turn.take(self._wait_for_request):
                connection = self.keepalived_conns.pop(descriptor, None)
                if connection is not None:
                    self._answer(connection)
                elif not self.alive and not self._open:
                    turn.give_way()
                    return

    def _wait_for_request(self) -> list[tuple[int, int]]:
        """The next request, or nothing.

        While the machine is crowded those of the others gather for a while, and are answered in one go: one by one
        between renders they would find cold caches, and cost half as much again.
        """
        now, seconds = time.monotonic(), None
        crowded = now < turn.crowded_until
        if crowded:
            seconds = max(0.0, self._others_rest_until - now)
        elif not self._others_armed:
            self._quick.modify(self._others, ONCE)
            self._others_armed = True
        # Between two of them those are heard who are answered at once, unless there are so many that nobody else is.
        late = crowded and now > self._others_rest_until + GATHER_SECONDS
        events = self._others.poll(0, maxevents=1) if late else []
        events = events or self._quick.poll(seconds, maxevents=1)
        if events and events[0][0] == self._others.fileno():
            self._others_armed = False
        elif events or seconds:
            return events
        events = self._others.poll(0, maxevents=1)
        if crowded and not events:
            self._others_rest_until = min(turn.crowded_until, now + GATHER_SECONDS)
        return events

    def _answer(self, connection: TConn) -> None:
        """Answer what has come on `connection`, and have it wait for more or close it."""
        keep = False
        try:
            if not _asks_at_once(connection):
                turn.give_way()
            keep = self.handle(connection)
            # What was read ahead into the next request makes the socket readable no more.
            while keep and connection.parser.unreader.buf.getvalue():
                keep = self.handle(connection)
            connection.sock.flush()
        except OSError:  # the client is gone
            keep = False
        finally:
            if keep:
                self._await_request(connection, quick=turn.quick)
            else:
                turn.give_way()  # a client may take its time to go
                self._close(connection, graceful=True)

    def _keepalive_after(self, connection: TConn, keepalive: bool) -> bool:
        """As gthread's, which reads what is left of a body; most requests have none."""
        if keepalive and getattr(connection.parser.mesg.body.reader, "length", None) == 0:
            return True
        return bool(super()._keepalive_after(connection, keepalive))

    def _await_request(self, connection: TConn, *, quick: bool = False) -> None:
        connection.set_timeout()
        descriptor = connection.sock.fileno()
        self.keepalived_conns[descriptor] = connection
        requests = self._quick if quick else self._others
        if connection.requests is requests:
            requests.modify(descriptor, ONCE)
        else:
            connection.requests.unregister(descriptor)
            connection.requests = requests
            requests.register(descriptor, ONCE)

    def _close(self, connection: TConn, graceful: bool) -> None:
        connection.close(graceful=graceful)
        self._open.discard(connection)
        self._tell_crowd()

    def _tell_crowd(self) -> None:
        if self.alive:
            connections.tell(self.seat, len(self._open), self._took)
        else:
            connections.leave(self.seat)

    def _tick(self) -> None:
        """Wait for events for a moment, and close the connections that have waited too long."""
        self.notify()
        self.wait_for_and_dispatch_events(TICK_SECONDS)
        turn.oversee()
        now = time.monotonic()
        for descriptor, connection in list(self.keepalived_conns.items()):  # who has waited longest comes first
            began = connection.timeout - self.cfg.keepalive
            if now < min(connection.timeout, max(began, self._stopped) + STOP_KEEPALIVE_LINGER):
                break
            if self.keepalived_conns.pop(descriptor, None) is not None:
                self._close(connection, graceful=False)

    def _close_door(self) -> None:
        """Take what has connected already, close the door, and let the worker finish.

        A socket that closes resets the connections that wait in its queue, and those clients may have sent everything.
        So little time must pass between the last look and the end: other threads keep the interpreter no longer for it.
        """
        sys.setswitchinterval(1e-5)
        self.set_accept_enabled(False)
        for listener in self.sockets:
            for _ in range(QUEUE):
                if not select.select([listener], [], [], 0)[0]:
                    break
                self._take(listener)
            listener.close()
        self.sockets = []
        self.alive = False
        self._tell_crowd()


class _Socket(socket.socket):
    """Sends the head of an answer together with what follows: gunicorn gives them one by one."""

    _head = b""

    def sendall(self, content: Any, *flags: int) -> None:
        if not self._head and len(content) < HEAD_BYTES:
            self._head = content
        else:
            head, self._head = self._head, b""
            super().sendall(b"".join((head, content)), *flags)

    def flush(self) -> None:
        """Send a head that nothing has followed."""
        head, self._head = self._head, b""
        if head:
            super().sendall(head)


def _asks_at_once(connection: TConn) -> bool:
    """Whether a request has come whole, and is of a kind that may be answered without waiting."""
    try:
        head = connection.sock.recv(HEAD_BYTES, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except OSError:
        return False
    return head.startswith(QUICK) and b"\r\n\r\n" in head
