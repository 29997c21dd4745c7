"""Does an effect outside the database happen once, and does a person hear of one that nobody knows about?"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import BaseModel

from approvals.house import WHY, House
from daeri.errors import Conflict, DeclarationError, ValidationFailed
from daeri.operations import Catalog, Change, Errand, ErrandFailed, Form, Limit, Line, anyone, superior
from daeri.records import Records
from daeri.wording import Text
from worlds import COLLEAGUE, LEAD, OWNER, Project, open_world

pytestmark = pytest.mark.anyio


@dataclass
class Bank:
    """The world outside: what was sent to it, and how it behaves."""

    sent: list[str] = field(default_factory=list)
    behaves: str = "well"

    async def transfer(self, intent: "Transfer", key: str) -> BaseModel | None:
        if self.behaves == "refuses":
            raise ErrandFailed(Text("계좌가 없어요", "no such account"))
        self.sent.append(f"{intent.name} {key}")
        if self.behaves == "breaks":
            raise ConnectionResetError
        return Receipt(number="R-1")


class Transfer(BaseModel):
    """What is to be sent."""

    name: str

    def say(self, lang: str) -> str:
        return f"{self.name} 보냈어요" if lang == "ko" else f"{self.name} was sent"


class Receipt(BaseModel):
    """What the bank answers."""

    number: str


def transfer_line(name: str) -> Line:
    """The lead."""
    del name
    return Line(superior(1), rule="transfer", because=WHY)


async def transfer_preview(name: str) -> list[Change]:
    """What is sent."""
    return [Change(Text("송금", "transfer"), "", name)]


def banking(bank: Bank, *, idempotent: bool = False) -> Catalog:
    catalog = Catalog("bank", Text("은행", "Bank"))

    @catalog.irreversible(
        label=Text("송금", "Transfer"),
        allow=anyone,
        approval=transfer_line,
        preview=transfer_preview,
        errand=Errand(bank.transfer, idempotent=idempotent),
    )
    async def transfer(records: Records, name: str) -> Transfer:
        """Send money."""
        await records.add(Project(name=name, team_id=1))
        return Transfer(name=name)

    return catalog


@pytest.fixture(params=[False, True], ids=["once", "idempotent"])
async def safe(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
async def bank() -> Bank:
    return Bank()


@pytest.fixture
async def house(furnished: Path, tmp_path: Path, bank: Bank, safe: bool) -> AsyncIterator[House]:
    async with open_world(furnished, tmp_path, banking(bank, idempotent=safe)) as world:
        yield House(world)


async def approved(house: House) -> str:
    held = await house.world.held(await house.world.actor(OWNER), "bank.transfer", {"name": "월세"})
    body = await house.approve(held.approval_id, LEAD)
    assert (body["status"], body["number"]) == ("approved", None)
    return held.approval_id


async def test_nothing_is_sent_before_the_decision_is_committed_and_once_after(house: House, bank: Bank) -> None:
    approval_id = await approved(house)
    assert bank.sent == []
    assert await house.world.approvals.errands.sweep() == 1
    body = await house.show(OWNER, approval_id)
    assert (body["status"], body["result_say"], body["number"]) == ("applied", "월세 보냈어요", "DR-2026-000001")
    assert await house.world.approvals.errands.sweep() == 0
    assert len(bank.sent) == 1
    assert await house.projects() == 1


async def test_what_certainly_failed_is_tried_again_without_a_new_approval(house: House, bank: Bank) -> None:
    approval_id = await approved(house)
    bank.behaves = "refuses"
    await house.world.approvals.errands.sweep()
    body = await house.show(OWNER, approval_id)
    assert (body["status"], body["failure"], bank.sent) == ("apply_failed", "계좌가 없어요", [])
    bank.behaves = "well"
    await house.act(OWNER, approval_id, "retry")
    await house.world.approvals.errands.sweep()
    assert (await house.show(OWNER, approval_id))["status"] == "applied"
    assert (len(bank.sent), await house.projects()) == (1, 1)


async def test_an_unknown_outcome_reaches_a_person_who_settles_it(house: House, bank: Bank) -> None:
    approval_id = await approved(house)
    bank.behaves = "breaks"
    await house.world.approvals.errands.sweep()
    body = await house.show(OWNER, approval_id)
    assert body["status"] == "apply_unknown"
    assert "settle" in body["acts"]
    with pytest.raises(Conflict):
        await house.act(OWNER, approval_id, "retry")
    with pytest.raises(ValidationFailed):
        await house.act(OWNER, approval_id, "settle", outcome="applied")
    body = await house.act(OWNER, approval_id, "settle", "은행에 확인했어요", outcome="applied")
    assert (body["status"], body["number"], len(bank.sent)) == ("applied", "DR-2026-000001", 1)


async def test_what_a_person_found_not_to_have_happened_is_tried_again_without_a_new_approval(
    house: House, bank: Bank
) -> None:
    approval_id = await approved(house)
    bank.behaves = "breaks"
    await house.world.approvals.errands.sweep()
    bank.sent.clear()  # it never arrived
    body = await house.act(OWNER, approval_id, "settle", "안 왔대요", outcome="apply_failed")
    assert body["status"] == "apply_failed"
    bank.behaves = "well"
    assert (await house.act(OWNER, approval_id, "retry"))["status"] == "approved"
    with pytest.raises(Conflict):
        await house.act(OWNER, approval_id, "retry")
    await house.world.approvals.errands.sweep()
    assert (await house.show(OWNER, approval_id))["status"] == "applied"
    assert (len(bank.sent), await house.projects()) == (1, 1)


async def test_a_call_whose_process_died_is_made_again_only_under_an_idempotency_contract(
    house: House, bank: Bank, safe: bool
) -> None:
    approval_id = await approved(house)
    now = house.world.clock.now()
    await house.world.sql("update errand set state = 'calling', attempts = 1, called_at = :at", at=str(now)[:26])
    assert await house.world.approvals.errands.sweep() == 0
    house.world.clock.at += timedelta(minutes=5)
    assert await house.world.approvals.errands.sweep() == 1
    body = await house.show(OWNER, approval_id)
    assert (body["status"], len(bank.sent)) == (("applied", 1) if safe else ("apply_unknown", 0))


@pytest.mark.parametrize("safe", [True], indirect=True)
async def test_a_refusal_after_a_process_died_says_nothing_of_the_call_before(house: House, bank: Bank) -> None:
    approval_id = await approved(house)
    at = str(house.world.clock.now())[:26]
    await house.world.sql("update errand set state = 'calling', attempts = 1, called_at = :at", at=at)
    house.world.clock.at += timedelta(minutes=5)
    bank.behaves = "refuses"
    assert await house.world.approvals.errands.sweep() == 1
    assert (await house.show(OWNER, approval_id))["status"] == "apply_unknown"


async def test_two_processes_make_a_call_once(house: House, bank: Bank) -> None:
    await approved(house)
    errands = house.world.approvals.errands
    await asyncio.gather(*(errands.sweep() for _ in range(4)))
    assert len(bank.sent) == 1


async def test_a_call_may_only_be_settled_by_its_drafter_or_an_administrator(house: House, bank: Bank) -> None:
    approval_id = await approved(house)
    bank.behaves = "breaks"
    await house.world.approvals.errands.sweep()
    for person in (LEAD, COLLEAGUE):
        with pytest.raises(Exception, match=r"Only the drafter|No such"):
            await house.act(person, approval_id, "settle", "확인", outcome="applied")


def test_what_goes_outside_never_rides_on_a_consent() -> None:
    catalog = Catalog("bank", Text("은행", "Bank"))
    with pytest.raises(DeclarationError, match="decided each time"):
        catalog.irreversible(
            label=Text("송금", "Transfer"),
            allow=anyone,
            approval=Form(transfer_line, consent=Limit()),
            preview=transfer_preview,
            errand=Errand(Bank().transfer),
        )
