"""How is an e-mail read? Its subject and people, its text, and its attachments, each as a file of its own."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from email import policy
from email.errors import MessageError
from email.message import EmailMessage
from email.parser import BytesParser
from functools import partial
from typing import Final

from daeri.library.blocks import Block, Found, Limits, Place, Problem, Unreadable
from daeri.library.formats import html, plain
from daeri.library.formats.encodings import is_known

NESTED_MAX: Final = 3
"""Mails within mails; a deeper one is only named."""
HEADERS: Final = (("From", "보낸 사람"), ("To", "받는 사람"), ("Cc", "참조"), ("Date", "날짜"))
HEADER_MAX: Final = 500

ReadFile = Callable[[bytes, str, Limits, int], Found]


def read(data: bytes, limits: Limits, read_file: ReadFile, nested: int = 0) -> Found:
    """Yield the blocks of a mail; `read_file` reads its attachments.

    Raises:
        Unreadable: it is no mail.
    """
    try:
        message = BytesParser(policy=policy.default).parsebytes(data)
    except (MessageError, ValueError, LookupError) as error:
        raise Unreadable("broken", str(error)) from None
    if not isinstance(message, EmailMessage) or not message.keys():
        raise Unreadable("unknown", "it has no header")
    yield from _head(message)
    yield from _body(message, limits)
    for number, attachment in enumerate(_attachments(message)):
        name = _safe(attachment.get_filename) or "?"
        place = Place(part=name[:200])
        if nested >= NESTED_MAX or number >= limits.attachments_max:
            yield Problem("too_large", place)
            continue
        yield from _attached(attachment, place, limits, read_file, nested)


def _head(message: EmailMessage) -> Iterator[Block]:
    subject = _safe(partial(_header, message, "Subject"))
    if subject:
        yield Block("heading", " ".join(subject.split())[:HEADER_MAX], depth=1)
    said = []
    for name, label in HEADERS:
        value = _safe(partial(_header, message, name))
        if value:
            said.append(f"{label}: {' '.join(value.split())[:HEADER_MAX]}")
    if said:
        yield Block("text", "\n".join(said))


def _body(message: EmailMessage, limits: Limits) -> Found:
    body = message.get_body(preferencelist=("plain", "html"))
    if body is None:
        return
    content = body.get_payload(decode=True)
    if not isinstance(content, bytes) or not content.strip():
        return
    charset = body.get_content_charset()
    if charset and charset not in {"utf-8", "us-ascii"} and is_known(charset):
        content = content.decode(charset, "replace").encode()
    reader = html.read if body.get_content_subtype() == "html" else plain.read
    try:
        yield from reader(content, limits)
    except Unreadable as error:
        yield error.problem


def _attachments(message: EmailMessage) -> Iterator[EmailMessage]:
    body = message.get_body(preferencelist=("plain", "html"))
    for part in message.walk():
        if part is message or part is body or (part.is_multipart() and part.get_content_type() != "message/rfc822"):
            continue
        if isinstance(part, EmailMessage) and part.get_filename():
            yield part


def _attached(
    attachment: EmailMessage, place: Place, limits: Limits, read_file: ReadFile, nested: int
) -> Iterator[Block | Problem]:
    content = attachment.get_payload(decode=True)
    if not isinstance(content, bytes):
        yield Problem("unknown", place)
        return
    if len(content) > limits.bytes_max:
        yield Problem("too_large", place)
        return
    try:
        for found in read_file(content, place.part, limits, nested + 1):
            inner = " · ".join(filter(None, (place.part, found.place.part)))
            yield replace(found, place=replace(found.place, part=inner))
    except Unreadable as error:
        yield replace(error.problem, place=place)


def _header(message: EmailMessage, name: str) -> str:
    return str(message[name] or "")


def _safe(get: Callable[[], str | None]) -> str:
    """Return a header; one that cannot be decoded is as if it were not there."""
    try:
        return get() or ""
    except (MessageError, ValueError, LookupError, AttributeError, IndexError, TypeError):
        return ""
