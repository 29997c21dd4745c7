"""Who mails people that a document waits for them, and posts it to the company's webhook? One worker of the server.

A message links to the document and carries nothing of its content: whoever opens the link signs in, and a GET never
decides. Delivery is at least once; the id stays the same for the same news.
"""

import asyncio
import hashlib
import hmac
import json
import smtplib
import ssl
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import structlog

from daeri.clock import rfc3339
from daeri.errors import DaeriError
from daeri.gateway.guard import NewsOptions
from daeri.operations.notices import Notice, Notices
from daeri.outbound.guard import Unsent, resolved, sent
from daeri.records.people import person_body

LOOK_SECONDS: Final = 5.0
TIMEOUT_SECONDS: Final = 10.0
SIGNATURE: Final = "X-Daeri-Signature"
"""The HMAC-SHA256 of the body under the secret, as `sha256=` and hexadecimal digits."""
DELIVERY: Final = "X-Daeri-Delivery"
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")

log = structlog.get_logger()


class Notifier:
    """Sends what is due, until it is stopped."""

    def __init__(self, notices: Notices, news: NewsOptions, public_url: str) -> None:
        """Take the outbox, where news goes, and where the documents are."""
        self._notices = notices
        self._news = news
        self._here = public_url.rstrip("/")
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begin, where there is anywhere to send to."""
        if self._news.is_wanted:
            self._task = asyncio.create_task(self._work())

    async def close(self) -> None:
        """Stop; what was not sent stays due."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    async def send_due(self) -> int:
        """Send everything that is due now; return how many messages were tried."""
        due = await self._notices.take()
        for notice in due:
            try:
                await self._send(notice)
            except (Unsent, DaeriError, OSError, ValueError, smtplib.SMTPException) as error:
                log.warning("news.unsent", notice=notice.id, why=type(error).__name__)
            else:
                await self._notices.sent(notice.id)
        return len(due)

    async def _work(self) -> None:
        while True:
            try:
                more = await self.send_due()
            except DaeriError as error:
                log.warning("news.looking_failed", code=error.code)
                more = 0
            if not more:
                await asyncio.sleep(LOOK_SECONDS)

    async def _send(self, notice: Notice) -> None:
        if self._news.hook:
            await self._post(notice)
        if self._news.smtp_url and notice.addresses:
            await asyncio.to_thread(mailed, self._news.smtp_url, self.message(notice))

    async def _post(self, notice: Notice) -> None:
        body = json.dumps(self.body(notice), ensure_ascii=False, separators=(",", ":")).encode()
        headers = {"Content-Type": "application/json", DELIVERY: notice.id}
        if self._news.hook_secret:
            signature = hmac.new(self._news.hook_secret.encode(), body, hashlib.sha256).hexdigest()
            headers[SIGNATURE] = f"sha256={signature}"
        # The administrator named this address, so it may be one inside the network.
        target = await resolved(self._news.hook, private=True)
        status, _ = await sent("POST", target, headers=headers, body=body)
        if not 200 <= status < 300:  # noqa: PLR2004 - the class of success
            raise Unsent(f"HTTP {status}")

    def body(self, notice: Notice) -> dict[str, Any]:
        """Return what the webhook is told."""
        return {
            "id": notice.id,
            "kind": notice.kind,
            "at": rfc3339(notice.at),
            "person": person_body(notice.person),
            "approval_id": notice.approval_id,
            "number": notice.number,
            "title": {"ko": notice.title.ko, "en": notice.title.en},
            "drafter": person_body(notice.drafter),
            "says": {"ko": notice.says.ko, "en": notice.says.en},
            "link": self._link(notice),
        }

    def message(self, notice: Notice) -> EmailMessage:
        """Return the mail for a person, in both languages."""
        message, says = EmailMessage(), notice.says
        drafter = _line(notice.drafter.called)
        message["From"] = Address("Daeri", addr_spec=self._news.mail_from)
        message["To"] = [Address(addr_spec=address) for address in notice.addresses]
        message["Subject"] = _line(f"[결재] {notice.title.ko} · {drafter}: {says.ko}")
        message["Message-ID"] = f"<{notice.id}@{self._news.mail_from.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(
            f"{drafter}님의 {notice.title.ko}: {says.ko}.\n"
            f"문서 열기: {self._link(notice)}\n\n"
            f"{notice.title.en} by {drafter} {says.en}.\n"
            f"Open it: {self._link(notice)}\n"
        )
        return message

    def _link(self, notice: Notice) -> str:
        return f"{self._here}/approvals/{notice.approval_id}"


def mailed(url: str, message: EmailMessage) -> None:
    """Hand a mail to the server; beyond this machine always encrypted, with its certificate checked.

    Raises:
        SMTPException: the server does not take it.
        OSError: it is not there, or not who it says it is.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    context = ssl.create_default_context()
    connection: smtplib.SMTP
    if parts.scheme == "smtps":
        connection = smtplib.SMTP_SSL(host, parts.port or 465, timeout=TIMEOUT_SECONDS, context=context)
    else:
        connection = smtplib.SMTP(host, parts.port or 587, timeout=TIMEOUT_SECONDS)
    with connection:
        if parts.scheme != "smtps" and host not in _LOOPBACK:
            connection.starttls(context=context)
        if parts.username:
            connection.login(unquote(parts.username), unquote(parts.password or ""))
        connection.send_message(message)


def _line(text: str) -> str:
    """Keep a text of the records in the one line of a header."""
    return " ".join(text.split())
