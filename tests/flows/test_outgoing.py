"""Calls to others: where they may go, what robots get, what a mail says."""

import base64
import hashlib
import hmac
import json
import socketserver
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from imgfn.flows.mail import send_mail
from imgfn.flows.outgoing import Outgoing, OutgoingFailed, OutgoingRefused
from imgfn.flows.robots import Notice, compose, send
from imgfn.flows.rules import Robot
from tests.flows.receiver import Receiver, receiving

NOTICE = Notice("A <title>", "line 1\nline 2", {"Answer": "https://x.example/flows/answer/t"})


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as server:
        yield server


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.evil.example/a",
        "https://hooks.example/other",
        "https://hooks.example/apiary",
        "https://hooks.example/api/../other",
        "http://hooks.example/api/",
        "https://hooks.example:8443/api/",
        "https://user@hooks.example/api/",
        "https://hooks.example@evil.example/api/",
        "ftp://hooks.example/api/",
        "file:///etc/passwd",
        "//hooks.example/api/",
        "",
    ],
)
def test_only_what_is_listed_is_called(url: str) -> None:
    outgoing = Outgoing(["https://hooks.example/api"], lambda *_: pytest.fail("the host was looked up"))
    with pytest.raises(OutgoingRefused):
        outgoing.request("POST", url)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.169.254", "::1", "fe80::1%eth0", "fd00::1", "0.0.0.0"]
)
def test_a_name_with_an_address_in_a_private_network_is_refused(address: str) -> None:
    with pytest.raises(OutgoingRefused, match="private network"):
        Outgoing(["https://hooks.example/"], lambda *_: ["93.184.216.34", address]).request(
            "POST", "https://hooks.example/a"
        )


def test_a_name_that_is_listed_as_internal_is_called(receiver: Receiver) -> None:
    port = urlsplit(receiver.url).port
    outgoing = Outgoing([f"internal+http://approvals.lan:{port}/"], lambda *_: ["127.0.0.1"])
    assert outgoing.request("POST", f"http://approvals.lan:{port}/a?b=1", {"c": 1}).status == 200
    method, path, headers, body = receiver.got[0]
    assert (method, path, headers["Host"], body) == ("POST", "/a?b=1", f"approvals.lan:{port}", {"c": 1})


@pytest.mark.parametrize(
    ("status", "passes"), [(500, True), (503, True), (429, True), (400, False), (404, False), (302, False)]
)
def test_what_is_no_success_is_told(receiver: Receiver, status: int, passes: bool) -> None:
    receiver.answers["/a"] = [(status, "x")]
    with pytest.raises(OutgoingFailed) as caught:
        Outgoing([receiver.url]).request("POST", f"{receiver.url}/a", {})
    assert caught.value.passes is passes
    assert len(receiver.got) == 1


def test_dingtalk_signs_the_url() -> None:
    url, body = compose(
        Robot("dingtalk", "https://oapi.dingtalk.com/robot/send?access_token=t", "SECx"), NOTICE, 1700000000.5
    )
    query = parse_qs(urlsplit(url).query)
    expected = base64.b64encode(hmac.new(b"SECx", b"1700000000500\nSECx", hashlib.sha256).digest()).decode()
    assert (query["timestamp"], query["sign"], query["access_token"]) == (["1700000000500"], [expected], ["t"])
    assert body["msgtype"] == "actionCard"
    assert body["actionCard"]["btns"] == [{"title": "Answer", "actionURL": "https://x.example/flows/answer/t"}]


def test_feishu_signs_the_body() -> None:
    _, body = compose(Robot("feishu", "https://open.feishu.cn/open-apis/bot/v2/hook/x", "s"), NOTICE, 1700000000.5)
    expected = base64.b64encode(hmac.new(b"1700000000\ns", b"", hashlib.sha256).digest()).decode()
    assert (body["timestamp"], body["sign"], body["msg_type"]) == ("1700000000", expected, "interactive")


def test_wecom_and_slack() -> None:
    _, body = compose(Robot("wecom", "https://qyapi.weixin.qq.com/x"), NOTICE, 0)
    assert "[Answer](https://x.example/flows/answer/t)" in body["markdown"]["content"]
    _, body = compose(Robot("slack", "https://hooks.slack.com/services/x"), NOTICE, 0)
    assert "A &lt;title&gt;" in json.dumps(body)
    assert body["blocks"][1]["elements"][0]["url"] == "https://x.example/flows/answer/t"


@pytest.mark.parametrize(
    ("reply", "passes"),
    [
        ({"errcode": 310000, "errmsg": "sign not match"}, False),
        ({"errcode": 130101, "errmsg": "too fast"}, True),
        ({"code": 19021}, False),
    ],
)
def test_a_robot_that_answers_200_and_refuses_has_failed(receiver: Receiver, reply: Any, passes: bool) -> None:
    receiver.answers["/robot"] = [(200, reply)]
    with pytest.raises(OutgoingFailed) as caught:
        send(Robot("dingtalk", f"{receiver.url}/robot"), NOTICE, Outgoing([receiver.url]))
    assert caught.value.passes is passes


class Smtp(socketserver.StreamRequestHandler):
    """As much of RFC 5321 as one message needs."""

    def handle(self) -> None:
        server: Any = self.server
        self.wfile.write(b"220 test\r\n")
        while line := self.rfile.readline():
            verb = line.split()[0].upper()
            if verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                lines = []
                while (text := self.rfile.readline()) != b".\r\n":
                    lines.append(text)
                server.mails.append(b"".join(lines).decode())
            if verb == b"RCPT" and b"nobody" in line:
                self.wfile.write(b"550 no such user\r\n")
            else:
                self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")


@pytest.fixture
def smtp() -> Iterator[Any]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Smtp) as server:
        server.mails = []  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_a_mail_carries_its_text_and_no_header_of_a_stranger(smtp: Any) -> None:
    url = f"smtp://127.0.0.1:{smtp.server_address[1]}"
    send_mail(url, "imgfn@example.com", ["ann@example.com"], "Hello\r\nBcc: all@example.com", "text\nlink: https://x")
    head, _, body = smtp.mails[0].partition("\r\n\r\n")
    assert "Subject: Hello Bcc: all@example.com" in head
    assert "\r\nBcc:" not in head
    assert "Auto-Submitted: auto-generated" in head
    assert "link: https://x" in body


def test_what_keeps_a_mail_from_going_out(smtp: Any) -> None:
    url = f"smtp://127.0.0.1:{smtp.server_address[1]}"
    for server, to, kind, passes in (
        ("", "ann@example.com", OutgoingRefused, None),
        ("http://x", "ann@example.com", OutgoingRefused, None),
        (url, "ann@example.com>\r\nRCPT TO:<all@x", OutgoingRefused, None),
        (url, "nobody@example.com", OutgoingFailed, False),
        ("smtp://127.0.0.1:1", "ann@example.com", OutgoingFailed, True),
        (url.replace("://", "://user:pass@"), "ann@example.com", OutgoingFailed, True),  # no TLS: no password
    ):
        with pytest.raises(kind) as caught:
            send_mail(server, "imgfn@example.com", [to], "s", "t")
        assert getattr(caught.value, "passes", None) is passes, server
    assert smtp.mails == []
