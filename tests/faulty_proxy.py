"""A TCP proxy that does to its connections what bad networks do."""

import contextlib
import socket
import struct
import threading
import time

DRIP_SECONDS = 0.1  # between two drops; less than any read timeout in the tests


class FaultyProxy:
    """Forwards to `upstream` (host:port), at once as badly as `fault` says, on connections that exist, too.

    delay, drip, drip-body (the head at once), reset, swallow, cut-head, cut-body, away (nobody listens); or none.
    """

    def __init__(self, upstream: str) -> None:
        host, port = upstream.split(":")
        self._upstream = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self.endpoint = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.fault = "none"
        self.drip_bytes = 1
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()
        for side in list(self._open):
            self._break(side)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                if self.fault == "away":
                    self._break(client)
                    continue
                server = socket.create_connection(self._upstream)
                self._open |= {client, server}
                threading.Thread(target=self._ask, args=(client, server), daemon=True).start()
                threading.Thread(target=self._answer, args=(server, client), daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := client.recv(65536):
                if self.fault in ("reset", "away"):
                    break
                if self.fault != "swallow":
                    server.sendall(chunk)
        self._break(client)
        self._break(server)

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := server.recv(65536):
                end = chunk.find(b"\r\n\r\n")
                head, body = (chunk[: end + 4], chunk[end + 4 :]) if end >= 0 else (b"", chunk)
                match self.fault:
                    case "none":
                        client.sendall(chunk)
                    case "delay":
                        time.sleep(1)
                        client.sendall(chunk)
                    case "drip":
                        self._drip(client, chunk)
                    case "drip-body":
                        client.sendall(head)
                        self._drip(client, body)
                    case "cut-head":
                        client.sendall(head[: len(head) // 2])
                        break
                    case "cut-body":
                        client.sendall(head + body[: len(body) // 2])
                        break
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)  # an end that looks regular
        self._open -= {client, server}

    def _drip(self, client: socket.socket, content: bytes) -> None:
        while content and self.fault != "none":
            client.sendall(content[: self.drip_bytes])
            content = content[self.drip_bytes :]
            time.sleep(DRIP_SECONDS)
        client.sendall(content)

    def _break(self, side: socket.socket) -> None:
        with contextlib.suppress(OSError):
            side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closes with a reset
            side.close()
