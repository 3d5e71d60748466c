"""Notices to chat robots, in the JSON and with the signatures that each documents.

- DingTalk: https://open.dingtalk.com/document/robots/custom-robot-access
- Feishu: https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot
- WeCom: https://developer.work.weixin.qq.com/document/path/91770
- Slack: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
"""

import base64
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus

from imgfn.flows.outgoing import Outgoing, OutgoingFailed
from imgfn.flows.rules import Robot


@dataclass(frozen=True)
class Notice:
    """A title, a text of some lines, and links with their words."""

    title: str
    text: str
    links: Mapping[str, str] = field(default_factory=dict)


def send(robot: Robot, notice: Notice, outgoing: Outgoing, now: float | None = None) -> None:
    """Have a robot say it. Raises OutgoingRefused, and OutgoingFailed also where the robot answers 200 and refuses."""
    url, body = compose(robot, notice, time.time() if now is None else now)
    reply = outgoing.request("POST", url, body)
    code = reply.body.get("errcode", reply.body.get("code", 0)) if isinstance(reply.body, dict) else 0
    if code:
        words = reply.body.get("errmsg", reply.body.get("msg", ""))
        # DingTalk's 130101, Feishu's 9499 and 11232, WeCom's 45009: too many within a minute.
        passes = code in (130101, 9499, 11232, 45009)
        raise OutgoingFailed(f"{robot.kind} refused the notice: {code} {words}", passes=passes)


def compose(robot: Robot, notice: Notice, now: float) -> tuple[str, dict[str, Any]]:
    """The URL and the JSON for one notice; `now` in Unix seconds."""
    return {"dingtalk": _dingtalk, "feishu": _feishu, "wecom": _wecom, "slack": _slack}[robot.kind](robot, notice, now)


def _dingtalk(robot: Robot, notice: Notice, now: float) -> tuple[str, dict[str, Any]]:
    url = robot.url
    if robot.secret:
        stamp = str(round(now * 1000))
        sign = base64.b64encode(hmac.digest(robot.secret.encode(), f"{stamp}\n{robot.secret}".encode(), "sha256"))
        url += f"{'&' if '?' in url else '?'}timestamp={stamp}&sign={quote_plus(sign)}"
    text = f"### {notice.title}\n\n" + notice.text.replace("\n", "\n\n")
    if not notice.links:
        return url, {"msgtype": "markdown", "markdown": {"title": notice.title, "text": text}}
    buttons = [{"title": words, "actionURL": link} for words, link in notice.links.items()]
    card = {"title": notice.title, "text": text, "btnOrientation": "1", "btns": buttons}
    return url, {"msgtype": "actionCard", "actionCard": card}


def _feishu(robot: Robot, notice: Notice, now: float) -> tuple[str, dict[str, Any]]:
    elements: list[dict[str, Any]] = [{"tag": "div", "text": {"tag": "plain_text", "content": notice.text}}]
    if notice.links:
        buttons = [
            {"tag": "button", "text": {"tag": "plain_text", "content": words}, "type": "default", "url": link}
            for words, link in notice.links.items()
        ]
        elements.append({"tag": "action", "actions": buttons})
    header = {"title": {"tag": "plain_text", "content": notice.title}}
    body: dict[str, Any] = {"msg_type": "interactive", "card": {"header": header, "elements": elements}}
    if robot.secret:
        # The key is stamp and secret, and what is signed is empty: as documented.
        stamp = str(int(now))
        sign = base64.b64encode(hmac.digest(f"{stamp}\n{robot.secret}".encode(), b"", "sha256")).decode()
        body |= {"timestamp": stamp, "sign": sign}
    return robot.url, body


def _wecom(robot: Robot, notice: Notice, _: float) -> tuple[str, dict[str, Any]]:
    links = "".join(f"\n[{words}]({link})" for words, link in notice.links.items())
    return robot.url, {"msgtype": "markdown", "markdown": {"content": f"**{notice.title}**\n{notice.text}{links}"}}


def _slack(robot: Robot, notice: Notice, _: float) -> tuple[str, dict[str, Any]]:
    title, text = _slack_escaped(notice.title), _slack_escaped(notice.text)
    blocks: list[dict[str, Any]] = [
        {"type": "section", "text": {"type": "mrkdwn", "text": f"*{title}*\n{text}"[:3000]}}
    ]
    if notice.links:
        buttons = [
            {"type": "button", "text": {"type": "plain_text", "text": words[:75]}, "url": link}
            for words, link in notice.links.items()
        ]
        blocks.append({"type": "actions", "elements": buttons})
    return robot.url, {"text": f"{title}\n{text}"[:3000], "blocks": blocks}


def _slack_escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
