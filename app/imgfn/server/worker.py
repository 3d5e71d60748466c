"""Gunicorn's threaded worker, without what lets one client hold up its main loop or a lack of descriptors end it."""

import errno
import select
import selectors
import sys
import time
from functools import partial
from typing import Any

from gunicorn.util import close_graceful
from gunicorn.workers.gthread import TConn, ThreadWorker

RETRY_SECONDS = 0.05  # until a descriptor may be free again
BACKLOG = 2048  # connections that wait in the kernel's queue at most: gunicorn's default
KEEPALIVE_POLL_MS = 5  # that a thread stays with a connection whose next request may follow at once


class Worker(ThreadWorker):  # type: ignore[misc]  # untyped there
    """gthread with three of its public methods overridden.

    Its main loop takes connections and waits for requests on them, its threads answer them.
    """

    alive: bool
    sockets: list[Any]

    def accept(self, listener: Any) -> None:
        """Take a connection, and wait for its first request in the main loop, as for all later ones.

        gthread has a thread wait for the first, for up to five seconds. Where no descriptor is free connections stay
        in the kernel's queue; gthread would end.
        """
        try:
            sock, client = listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                time.sleep(RETRY_SECONDS)
            elif error.errno not in (errno.EAGAIN, errno.ECONNABORTED):  # another worker's by now, or nobody's
                raise
            return
        self.nr_conns += 1
        connection = Connection(self.cfg, sock, client, listener.getsockname())
        connection.set_timeout()
        self.pending_conns.append(connection)
        self.poller.register(sock, selectors.EVENT_READ, partial(self.on_pending_socket_readable, connection))

    def handle(self, conn: Any) -> Any:
        """Answer requests on a connection for as long as one follows the other; close it here where it is not kept.

        Handing a connection to the main loop and back takes two changes of threads, a third of the CPU time of a kept
        result. A graceful close waits up to two seconds for the client; gthread does that in its main loop, where
        everybody waits for it.
        """
        while keep := super().handle(conn):
            if not (self.alive and _readable(conn)):
                return keep
        close_graceful(conn.sock)
        return keep

    def set_accept_enabled(self, enabled: bool) -> None:
        """Take what waits in the kernel's queue before the worker ends, then close the door.

        A listening socket that closes resets those connections, and their clients may have sent requests already.
        """
        super().set_accept_enabled(enabled)
        if self.alive or enabled:
            return
        sys.setswitchinterval(1e-5)  # little time must pass between the last look and the close
        for listener in self.sockets:
            listener.setblocking(False)
            for _ in range(BACKLOG):
                if not select.select([listener], [], [], 0)[0]:
                    break
                self.accept(listener)
            listener.close()
        self.sockets = []


class Connection(TConn):  # type: ignore[misc]  # untyped there
    """A connection that can be closed twice: by the thread that answered last, and by the main loop."""

    def close(self, graceful: bool = False) -> None:  # noqa: ARG002  # a thread has done that
        self.sock.close()


def _readable(connection: Any) -> bool:
    """Whether the next request comes within KEEPALIVE_POLL_MS. What was read ahead is the main loop's, as ever."""
    if connection.parser.unreader.buf.getvalue():
        return False
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return bool(poll.poll(KEEPALIVE_POLL_MS))
