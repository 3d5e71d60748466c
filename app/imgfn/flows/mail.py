"""Notices by mail (SMTP, RFC 5321; messages by the standard library)."""

import smtplib
import ssl
from contextlib import closing
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from urllib.parse import unquote, urlsplit

from imgfn.flows.outgoing import OutgoingFailed, OutgoingRefused

SECONDS = 15.0


def send_mail(server: str, sender: str, to: list[str], subject: str, text: str) -> None:
    """Hand one message over to `server`: smtp://[user:password@]host[:587] or smtps://….

    With a password the connection has to be encrypted. Raises OutgoingRefused and OutgoingFailed.
    """
    parts = urlsplit(server)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise OutgoingRefused("mail is off: expected IMGFN_SMTP_URL as smtp://user:password@host:587")
    message = EmailMessage()
    # Header classes refuse line breaks, so no text of a stranger adds a header.
    message["From"], message["To"] = _address(sender), [_address(one) for one in to]
    message["Subject"] = " ".join(subject.split())
    message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain=_address(sender).domain or "imgfn")
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    context = ssl.create_default_context()
    try:
        if parts.scheme == "smtps":
            client: smtplib.SMTP = smtplib.SMTP_SSL(parts.hostname, parts.port or 465, timeout=SECONDS, context=context)
        else:
            client = smtplib.SMTP(parts.hostname, parts.port or 587, timeout=SECONDS)
        with closing(client):
            client.ehlo()
            if parts.scheme == "smtp" and (parts.username or client.has_extn("starttls")):
                client.starttls(context=context)
            if parts.username:
                client.login(unquote(parts.username), unquote(parts.password or ""))
            client.send_message(message)
            client.quit()
    except smtplib.SMTPResponseException as error:
        raise OutgoingFailed(f"the mail server answered {error.smtp_code}", passes=error.smtp_code < 500) from error
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        raise OutgoingFailed(f"the mail server refused {', '.join(to)}", passes=all(c < 500 for c in codes)) from error
    except (OSError, smtplib.SMTPException) as error:
        raise OutgoingFailed(f"the mail server {parts.hostname}: {type(error).__name__}", passes=True) from error


def _address(text: str) -> Address:
    try:
        return Address(addr_spec=text)
    except Exception as error:
        raise OutgoingRefused(f"{text[:80]!r} is no mail address") from error
