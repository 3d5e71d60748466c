"""A real PostgreSQL for the tests: Debian's, on a free port, with data of its own."""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers import free_port, need

SECONDS = 60
INSTALL = "Debian: apt-get install postgresql"


def find(name: str) -> str:
    """The path of one of its programs: on the PATH, or where Debian keeps them."""
    found = shutil.which(name) or next(
        (str(path) for path in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)), None
    )
    if found is None:
        need("PostgreSQL", f"no {name}; {INSTALL}")
        raise AssertionError
    return found


@dataclass
class Postgres:
    """A server; `kill` and `start` keep its port and its data."""

    data: Path
    port: int
    user: str | None  # whom it runs as: it refuses to run as root
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def as_user(self, *command: str) -> list[str]:
        return ["runuser", "-u", self.user, "--", *command] if self.user else [*command]

    def start(self) -> None:
        options = ("-c", f"port={self.port}", "-c", "listen_addresses=127.0.0.1")
        options += ("-c", f"unix_socket_directories={self.data}")
        command = self.as_user(find("postgres"), "-D", str(self.data), *options)
        log = (self.data / "log").open("ab")
        self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/", start_new_session=True)
        log.close()
        end = time.monotonic() + SECONDS
        while not self.answers():
            assert self.process.poll() is None, (self.data / "log").read_text()
            assert time.monotonic() < end, (self.data / "log").read_text()
            time.sleep(0.1)

    def answers(self) -> bool:
        import psycopg

        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def database(self) -> str:
        """The URL of a new database."""
        import psycopg

        name = f"flows_{secrets.token_hex(6)}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f"create database {name}")  # type: ignore[arg-type]
        return self.url.rpartition("/")[0] + f"/{name}"

    def kill(self) -> None:
        """End all its processes as a power cut would."""
        if self.process:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            (self.data / "postmaster.pid").unlink(missing_ok=True)


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    initdb = find("initdb")
    user = None
    folder = Path(tempfile.mkdtemp(prefix="imgfn-postgres-"))
    if os.geteuid() == 0:
        try:
            owner = pwd.getpwnam("postgres")
        except KeyError:
            need("PostgreSQL", f"it does not run as root, and there is no user postgres; {INSTALL}")
            raise
        user = "postgres"
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    server = Postgres(folder / "data", free_port(), user)
    try:
        made = server.as_user(initdb, "-D", str(server.data), "-U", "postgres", "--auth=trust", "--no-sync")
        subprocess.run(made, check=True, capture_output=True, cwd="/")
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)
