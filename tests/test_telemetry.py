import json
import os
import pty
import subprocess
import sys

from tests.servers import ROOT, need

LOG = """
from imgfn.observability.log import bind, log
from imgfn.observability.events import configure_logging
configure_logging("info")
bind(request_id="id-1")
log.info("request", function="proc", key="图.png")
secret = "do-not-log"
try:
    raise ValueError("told")
except ValueError:
    log.exception("bug")
"""


def test_lines_are_json_with_the_requests_id_where_stdout_is_no_terminal():
    told = subprocess.run([sys.executable, "-c", LOG], cwd=ROOT, capture_output=True, check=True).stdout
    line, bug = [json.loads(line) for line in told.decode().splitlines()]
    assert (line["event"], line["request_id"], line["key"], line["level"]) == ("request", "id-1", "图.png", "info")
    assert "ValueError: told" in bug["exception"]
    assert "do-not-log" not in told.decode()


def test_lines_are_for_people_on_a_terminal_and_show_no_values_of_variables():
    try:
        master, terminal = pty.openpty()
    except OSError as error:
        need("a pseudo-terminal", f"{error}: mount -t devpts devpts /dev/pts")
    subprocess.run([sys.executable, "-c", LOG], cwd=ROOT, stdout=terminal, check=True)
    os.close(terminal)
    told = b""
    try:
        while chunk := os.read(master, 65536):
            told += chunk
    except OSError:
        pass  # the end of a terminal
    os.close(master)
    assert not told.startswith(b"{")
    assert b"request" in told
    assert b"ValueError: told" in told
    assert b"do-not-log" not in told
