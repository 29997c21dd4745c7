"""News of approvals by mail and webhook: told once to whom it concerns, signed, without the content."""

import asyncio
import email
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from email import policy
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from approvals.claims import claims
from daeri.gateway.guard import NewsOptions, Options
from daeri.gateway.notifying import Notifier
from daeri.operations.notices import RETRY_SECONDS
from daeri.settings import Settings
from gateway.gateway_house import House, Keys, opened
from gateway.live import served
from worlds import COLLEAGUE, LEAD, OWNER, Employee

pytestmark = pytest.mark.anyio
HERE = "https://daeri.example"


class Box:
    """A mail server that takes what comes, or says that it cannot."""

    def __init__(self) -> None:
        self.mails: list[Any] = []
        self.busy = False

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - the library's name
        del server, session
        if self.busy:
            return "451 try again later"
        self.mails.append((envelope, email.message_from_bytes(envelope.content, policy=policy.default)))
        return "250 OK"


@asynccontextmanager
async def mail_server(box: Box) -> AsyncIterator[str]:
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(box), "127.0.0.1", 0)
    async with server:
        yield f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.fixture
async def house(keyed: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setattr(Employee, "__email__", "english_name")
    async with opened(keyed, tmp_path, Options(), catalogs=[claims]) as house:
        await house.world.sql("update w_employee set english_name = 'p' || id || '@small.example'")
        yield house


def notifier(house: House, **news: str) -> Notifier:
    return Notifier(house.services.office.notices, NewsOptions(mail_from="daeri@small.example", **news), HERE)


async def filed(house: House, amount: int = 12345) -> str:
    return str((await house.post("owner", "/v1/ops/claims.claim", {"amount": amount})).json()["approval_id"])


async def test_whose_turn_it_is_gets_one_mail_with_a_link_and_nothing_of_the_content(house: House, box: Box) -> None:
    async with mail_server(box) as url:
        sender = notifier(house, smtp_url=url)
        approval_id = await filed(house)
        assert (await sender.send_due(), await sender.send_due()) == (1, 0)
    ((envelope, mail),) = box.mails
    assert envelope.rcpt_tos == ["p4@small.example"]
    assert mail["Subject"] == "[결재] 청구 · 김하은 대리: 결재할 차례예요"
    text = mail.get_content()
    assert f"{HERE}/approvals/{approval_id}" in text
    assert "12345" not in text
    assert "12,345" not in text


async def test_the_next_one_and_then_the_drafter_are_told_and_strangers_never(house: House, box: Box) -> None:
    async with mail_server(box) as url:
        sender = notifier(house, smtp_url=url)
        approval_id = await filed(house)
        for who in ("lead", "director"):
            await house.post(who, f"/v1/approvals/{approval_id}/decisions", {"decision": "approve"})
        await sender.send_due()
    told = [(envelope.rcpt_tos[0], mail["Subject"].rpartition(": ")[2]) for envelope, mail in box.mails]
    assert told == [
        ("p4@small.example", "결재할 차례예요"),
        ("p5@small.example", "결재할 차례예요"),
        ("p1@small.example", "승인되어 반영됐어요"),
    ]


async def test_whoever_decides_for_someone_absent_is_told_too_unless_they_drafted_it(house: House, box: Box) -> None:
    lead, now = await house.world.actor(LEAD), house.world.clock.now()
    set_absence = house.services.office.absences.set
    async with mail_server(box) as url:
        for deputy, told in ((COLLEAGUE, ["p4@small.example", "p2@small.example"]), (OWNER, ["p4@small.example"])):
            away = await set_absence(lead, deputy_id=deputy, starts_at=now, ends_at=now + timedelta(days=1))
            await filed(house)
            await notifier(house, smtp_url=url).send_due()
            await house.services.office.absences.end(lead, away["absence_id"])
            assert box.mails.pop()[0].rcpt_tos == told


async def test_a_server_that_is_busy_is_tried_again_later_and_given_up_in_the_end(house: House, box: Box) -> None:
    box.busy = True
    async with mail_server(box) as url:
        sender = notifier(house, smtp_url=url)
        await filed(house)
        assert (await sender.send_due(), await sender.send_due()) == (1, 0)
        house.world.clock.at += timedelta(seconds=RETRY_SECONDS[1])
        box.busy = False
        assert await sender.send_due() == 1
        assert len(box.mails) == 1
        box.busy = True
        await filed(house)
        tried = 0
        for seconds in (*RETRY_SECONDS, 3600):
            house.world.clock.at += timedelta(seconds=seconds)
            tried += await sender.send_due()
    assert tried == len(RETRY_SECONDS)


async def test_what_is_older_than_a_day_is_news_no_more(house: House, box: Box) -> None:
    await filed(house)
    house.world.clock.at += timedelta(days=2)
    async with mail_server(box) as url:
        assert await notifier(house, smtp_url=url).send_due() == 0


async def test_two_servers_tell_a_thing_once(house: House, box: Box) -> None:
    async with mail_server(box) as url:
        one, other = notifier(house, smtp_url=url), notifier(house, smtp_url=url)
        await filed(house)
        taken = await house.services.office.notices.take()
        assert (len(taken), await one.send_due(), await other.send_due()) == (1, 0, 0)


async def test_a_name_cannot_write_headers(house: House, box: Box) -> None:
    name = "김\nBcc: x@evil.example"
    await house.world.sql("update w_employee set name = :name where id = 1", name=name)
    async with mail_server(box) as url:
        await filed(house)
        await notifier(house, smtp_url=url).send_due()
    ((envelope, mail),) = box.mails
    assert envelope.rcpt_tos == ["p4@small.example"]
    assert mail["Bcc"] is None


async def test_the_webhook_gets_the_same_signed_and_is_asked_again_until_it_takes_it(house: House) -> None:
    got: list[tuple[dict[str, str], bytes]] = []
    answers = [500, 200]

    async def take(request: Any) -> Response:
        got.append((dict(request.headers), await request.body()))
        return Response(status_code=answers.pop(0))

    async with served(Starlette(routes=[Route("/hook", take, methods=["POST"])])) as address:
        sender = notifier(house, hook=f"{address}/hook", hook_secret="s3cret")
        approval_id = await filed(house)
        await sender.send_due()
        house.world.clock.at += timedelta(seconds=RETRY_SECONDS[1])
        await sender.send_due()
    (first, body), (second, same) = got
    assert body == same
    assert first["x-daeri-delivery"] == second["x-daeri-delivery"]
    assert first["x-daeri-signature"] == "sha256=" + hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
    told = json.loads(body)
    assert (told["kind"], told["approval_id"], told["person"]["id"]) == ("approve", approval_id, 4)
    assert b"12345" not in body


@pytest.mark.parametrize(
    "given",
    [
        {"smtp_url": "smtp://mail.example"},
        {"smtp_url": "smtp://mail.example", "public_url": HERE},
        {"notify_url": "https://hooks.example"},
    ],
)
def test_settings_that_cannot_work_stop_the_server_at_once(given: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="need"):
        Settings(**given)
