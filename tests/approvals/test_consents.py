"""What rides on a standing consent, and what never does? Limits of count, amount, rows and time; origin; revocation."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from approvals.house import WHY, House, states
from daeri.errors import Conflict, DaeriError, NotFound, PermissionDenied, ValidationFailed
from daeri.operations import Catalog, Form, Limit, Line, Ref, Won, anyone, holder, superior
from daeri.operations.deciding.consents import Wish
from daeri.operations.outcome import Done, Held
from daeri.operations.provenance import Origins, Read
from daeri.records import Actor, Records
from daeri.wording import Text
from worlds import COLLEAGUE, FINANCE, HR, LEAD, OWNER, STRANGER, Department, Project, Said, open_world

pytestmark = pytest.mark.anyio


def claim_line(amount: Won) -> Line:
    """The lead, and finance for much."""
    steps = (superior(1),) if amount < 1_000 else (superior(1), holder("finance"))
    return Line(*steps, rule="claim", because=WHY)


claims = Catalog("claims", Text("청구", "Claims"))


@claims.write(
    label=Text("청구", "Claim"),
    allow=anyone,
    approval=Form(claim_line, prefix="CL", consent=Limit(days=30, count=5, amount=2_000, rows=10)),
)
async def claim(records: Records, actor: Actor, amount: Won, team: Ref[Department] | None = None) -> Said:
    """Claim money."""
    await records.add(Project(name="x", team_id=team or actor.team_id or 0, cost=amount))
    return Said(value=str(amount))


@claims.write(label=Text("늘 묻기", "Always asked"), allow=anyone, approval=claim_line)
async def strict(records: Records, actor: Actor, amount: Won) -> Said:
    """Claim money by a form without consents."""
    await records.add(Project(name="x", team_id=actor.team_id or 0, cost=amount))
    return Said(value=str(amount))


@pytest.fixture
async def house(furnished: Path, tmp_path: Path) -> AsyncIterator[House]:
    async with open_world(furnished, tmp_path, claims) as world:
        yield House(world)


async def grant(house: House, by: int = LEAD, **more: Any) -> str:
    usual: dict[str, Any] = {"count": 3, "amount_each": 500, "amount_total": 1_000, "rows": 10}
    ends = house.world.clock.now() + timedelta(days=10)
    wish = Wish(operation="claims.claim", ends_at=ends, **(usual | more))
    return str((await house.consents.grant(await house.world.actor(by), wish))["consent_id"])


async def ask(house: House, amount: int, *, by: int = OWNER, actor: Actor | None = None) -> Done | Held:
    who = actor or await house.world.actor(by)
    outcome = await house.world.door.call(who, "claims.claim", {"amount": amount})
    assert isinstance(outcome, Done | Held)
    return outcome


async def test_what_a_consent_covers_is_done_at_once_and_leaves_a_whole_document(house: House) -> None:
    consent_id = await grant(house)
    done = await ask(house, 300)
    assert isinstance(done, Done)
    assert done.approval_id is not None
    body = await house.show(OWNER, done.approval_id)
    assert (body["status"], body["number"], states(body)) == ("applied", "CL-2026-000001", [(LEAD, "approved")])
    assert body["line"][0]["manner"] == "consent"
    rows = [row for row in await house.world.audited() if row["approval_id"] == done.approval_id]
    assert [(row["action"], row["outcome"], row["person_id"], row["door"]) for row in rows] == [
        ("claims.claim", "filed", OWNER, "test"),
        ("approval.approve", "done", LEAD, "consent"),
        ("claims.claim", "applied", OWNER, "test"),
    ]
    (shown,) = await house.consents.shown(await house.world.actor(LEAD))
    assert (shown["consent_id"], shown["used"]) == (consent_id, {"count": 1, "amount": 300, "rows": 1})


@pytest.mark.parametrize(
    ("limits", "amounts", "held_at"),
    [
        ({"count": 2}, [100, 100, 100], 2),
        ({"amount_each": 200}, [200, 201], 1),
        ({"amount_total": 500}, [300, 200, 1], 2),
        ({"rows": 1}, [100, 100], 1),
    ],
)
async def test_a_consent_covers_no_more_than_its_limits(
    house: House, limits: dict[str, int], amounts: list[int], held_at: int
) -> None:
    await grant(house, **limits)
    outcomes = [await ask(house, amount) for amount in amounts]
    assert [isinstance(outcome, Held) for outcome in outcomes] == [number == held_at for number in range(len(amounts))]


async def test_a_consent_ends_with_its_day_and_with_its_revocation(house: House) -> None:
    consent_id = await grant(house)
    house.world.clock.at += timedelta(days=10)
    assert isinstance(await ask(house, 100), Held)
    again = await grant(house)
    lead = await house.world.actor(LEAD)
    with pytest.raises(Conflict):
        await house.consents.revoke(lead, consent_id)
    with pytest.raises(NotFound):
        await house.consents.revoke(await house.world.actor(STRANGER), again)
    with pytest.raises(PermissionDenied):
        await house.consents.revoke(await house.world.deputy(LEAD), again)
    assert (await house.consents.revoke(lead, again))["active"] is False
    assert isinstance(await ask(house, 100), Held)


async def test_a_consent_speaks_for_its_giver_alone(house: House) -> None:
    await grant(house, by=COLLEAGUE)
    assert isinstance(await ask(house, 100), Held)
    await grant(house, amount_each=2_000, amount_total=2_000)
    held = await ask(house, 1_500)
    assert isinstance(held, Held)
    body = await house.show(OWNER, held.approval_id)
    assert states(body) == [(LEAD, "approved"), (FINANCE, "waiting")]
    assert (await house.approve(held.approval_id, FINANCE))["status"] == "applied"


async def test_a_consent_may_name_whose_documents_it_covers(house: House) -> None:
    await grant(house, drafter_id=COLLEAGUE)
    assert isinstance(await ask(house, 100), Held)
    assert isinstance(await ask(house, 100, by=COLLEAGUE), Done)


async def test_a_consent_of_someone_who_left_or_lost_the_role_covers_nothing(house: House) -> None:
    await grant(house, amount_each=2_000, amount_total=2_000)
    await grant(house, by=FINANCE, amount_each=2_000, amount_total=2_000)
    assert isinstance(await ask(house, 1_500), Done)
    await house.world.sql("update w_employee set left_on = '2026-11-20' where id = :id", id=LEAD)
    assert isinstance(await ask(house, 100), Held)


async def test_a_consent_is_for_the_operation_as_it_was(house: House) -> None:
    await grant(house)
    await house.world.sql("update consent set operation_digest = 'another shape'")
    assert isinstance(await ask(house, 100), Held)


@pytest.mark.parametrize(
    "wrong",
    [
        {"count": 6},
        {"count": 0},
        {"amount_each": 2_001},
        {"amount_total": None},
        {"amount_total": 2_001},
        {"rows": 11},
        {"rows": None},
        {"amount_each": -1},
    ],
)
async def test_a_consent_is_never_wider_than_its_form(house: House, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationFailed):
        await grant(house, **wrong)


async def test_a_consent_never_lasts_longer_than_its_form_says(house: House) -> None:
    lead, now = await house.world.actor(LEAD), house.world.clock.now()
    limits: dict[str, Any] = {"count": 1, "amount_each": 1, "amount_total": 1, "rows": 1}
    for ends in (now, now + timedelta(days=31)):
        with pytest.raises(ValidationFailed):
            await house.consents.grant(lead, Wish("claims.claim", ends, **limits))


async def test_only_a_person_consents_and_only_where_a_form_allows_it(house: House) -> None:
    wish = Wish("claims.claim", house.world.clock.now() + timedelta(days=1), 1, 1, 1, 1)
    for actor in (await house.world.deputy(LEAD), await house.world.actor(LEAD, decides=False)):
        with pytest.raises(PermissionDenied):
            await house.consents.grant(actor, wish)
    strict_wish = Wish("claims.strict", house.world.clock.now() + timedelta(days=1), 1, 1, 1, 1)
    with pytest.raises(Conflict):
        await house.consents.grant(await house.world.actor(LEAD), strict_wish)


class Heard:
    """A run's journal that only tells what the run had heard and read."""

    run_id, step, question = "run_x", 1, "청구해줘"

    def __init__(self, origins: Origins) -> None:
        self.origins: Origins | None = origins

    def check(self, connection: Any) -> None:
        """The run is ours."""

    def record(self, connection: Any, outcome: Any) -> None:
        """Nothing to write."""


@pytest.mark.parametrize(
    ("origins", "rides"),
    [
        (Origins(said=("300원 청구해줘",), values=frozenset({"300"})), True),
        (Origins(said=("청구해줘",)), False),
        (
            Origins(
                said=("청구해줘",), reads=(Read("documents.search", outside=True, result={"text": "300원을 청구한다"}),)
            ),
            False,
        ),
        (
            Origins(
                ("300원 청구해줘",), frozenset({"300"}), reads=(Read("documents.search", outside=True, result={}),)
            ),
            False,
        ),
        (
            Origins(("300원 청구해줘",), frozenset({"300"}), reads=(Read("leave.balance", outside=False, result={}),)),
            True,
        ),
    ],
    ids=["said", "unknown", "a document's", "said, after reading a document", "said, after reading a record"],
)
async def test_a_value_that_nobody_vouched_for_never_rides_on_a_consent(
    house: House, origins: Origins, rides: bool
) -> None:
    await grant(house)
    deputy = await house.world.deputy(OWNER)
    outcome = await house.world.door.call(deputy, "claims.claim", {"amount": 300}, journal=Heard(origins))
    assert isinstance(outcome, Done) is rides


async def test_a_program_with_a_plain_key_never_rides_on_a_consent(house: House) -> None:
    await grant(house)
    program = await house.world.actor(OWNER, decides=False)
    assert isinstance(await ask(house, 300, actor=program), Held)


async def test_consents_are_shown_to_their_giver_and_to_whom_they_name(house: House) -> None:
    await grant(house, drafter_id=COLLEAGUE)
    counts = {person: len(await house.consents.shown(await house.world.actor(person))) for person in (LEAD, COLLEAGUE)}
    assert counts == {LEAD: 1, COLLEAGUE: 1}
    assert await house.consents.shown(await house.world.actor(HR)) == []


async def test_an_effect_that_the_rules_refuse_uses_nothing_of_a_consent(house: House) -> None:
    await grant(house)
    with pytest.raises(DaeriError):
        await house.world.door.call(await house.world.actor(OWNER), "claims.claim", {"amount": 100, "team": 2})
    assert await house.world.sql("select * from consent_use") == []
