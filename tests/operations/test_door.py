"""Does the single door govern every call? Allowed or refused, done once, rehearsed, audited."""

import json
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect

from daeri.canonical import digest
from daeri.errors import (
    DaeriError,
    FieldHidden,
    IdempotencyMismatch,
    PermissionDenied,
    Refused,
    ValidationFailed,
)
from daeri.operations import Catalog, Change, Line, Pending, anyone, superior
from daeri.operations.outcome import Replayed
from daeri.records import Actor, Clock, Records
from daeri.wording import Text
from worlds import (
    COLLEAGUE,
    DIRECTOR,
    HR,
    LEAD,
    NAMESAKE,
    OWNER,
    SALARIES,
    STRANGER,
    Employee,
    Leave,
    Project,
    Said,
    World,
    open_world,
)

pytestmark = pytest.mark.anyio
REQUEST = {"start": "2026-12-01", "days": "1", "reason": "병원"}


async def test_a_read_answers_with_words_sources_and_what_was_masked(world: World) -> None:
    done = await world.done(await world.actor(COLLEAGUE), "work.find", {"employee": OWNER})
    assert (done.result, done.say, done.status) == ({"value": "김하은"}, "김하은이에요.", 200)
    assert done.sources[0]["records"] == [{"type": "w_employee", "id": OWNER, "title": "김하은 대리"}]
    assert done.masked == ["w_employee.pin", "w_employee.roles", "w_employee.salary"]
    assert set(done.body()) == {"operation", "result", "say", "sources", "masked"}


async def test_a_read_speaks_english_when_asked(world: World) -> None:
    done = await world.done(await world.actor(OWNER), "work.find", {"employee": "Kim Haeun"}, lang="en")
    assert done.say == "It is 김하은."


async def test_an_operation_is_found_by_its_tool_name_too(world: World) -> None:
    done = await world.done(await world.actor(OWNER), "work__find", {"employee": OWNER})
    assert done.operation == "work.find"


async def test_whoever_may_not_call_an_operation_neither_sees_nor_calls_it(world: World) -> None:
    owner, hr = await world.actor(OWNER), await world.actor(HR)
    assert "work.headcount" not in {operation.name for operation in world.door.operations(owner)}
    assert "work.headcount" in {operation.name for operation in world.door.operations(hr)}
    with pytest.raises(PermissionDenied) as refusal:
        await world.door.call(owner, "work.headcount", {})
    assert refusal.value.detail.ko == "인원은 인사 담당만 할 수 있어요"
    assert refusal.value.detail.en == "Headcount is for HR only"
    assert (await world.done(hr, "work.headcount", {})).result == {"value": "12"}


async def test_an_agent_may_not_use_a_role_that_it_was_not_given(world: World) -> None:
    assert (await world.done(await world.deputy(HR), "work.headcount", {})).say
    with pytest.raises(PermissionDenied):
        await world.door.call(await world.deputy(HR, "reader"), "work.headcount", {})


@pytest.mark.parametrize(("name", "arguments"), [("work.request", REQUEST), ("work.add_project", {"name": "x"})])
async def test_an_agent_that_may_only_read_changes_nothing(world: World, name: str, arguments: dict[str, Any]) -> None:
    reader = await world.deputy(OWNER, "reader")
    for call in (world.door.call, world.door.dry_run):
        with pytest.raises(PermissionDenied):
            await call(reader, name, arguments)
    assert await world.sql("select * from approval") == []


async def test_a_key_reaches_no_further_than_its_scopes(world: World) -> None:
    actor = await world.actor(OWNER, scopes=(("work.find",),))
    assert [operation.name for operation in world.door.operations(actor)] == ["work.find"]
    await world.done(actor, "work.find", {"employee": OWNER})
    with pytest.raises(PermissionDenied):
        await world.door.call(actor, "work.salary", {"employee": OWNER})


async def test_a_key_that_may_not_list_records_does_not_read_them_from_the_shelf(world: World) -> None:
    actor = await world.actor(OWNER, scopes=(("work.find",),))
    with pytest.raises(PermissionDenied):
        await world.shelf.get(actor, "w_employee", COLLEAGUE, "ko")


async def test_a_colleagues_salary_is_refused_in_words_and_appears_nowhere(world: World) -> None:
    with pytest.raises(FieldHidden) as refusal:
        await world.door.call(await world.actor(COLLEAGUE), "work.salary", {"employee": OWNER})
    assert refusal.value.detail.ko == "연봉은 본인 · 인사 담당만 볼 수 있어요"
    assert str(SALARIES[OWNER]) not in str(refusal.value.problem("ko")) + str(await world.audited())


@pytest.mark.parametrize(
    ("name", "arguments", "error"),
    [
        ("work.nothing", {}, "not-found"),
        ("work.headcount", {}, "permission-denied"),
        ("work.find", {"employee": 3}, "not-found"),
        ("work.find", {"employee": "없는사람"}, "validation-failed"),
        ("work.find", {"employee": 1, "admin": True}, "validation-failed"),
        ("work.find", {}, "validation-failed"),
        ("work.salary", {"employee": 2}, "permission-denied"),
        ("work.request", {"start": "2026-12-01", "days": "11"}, "conflict"),
        ("work.add_project", {"name": "x", "team": 2}, "permission-denied"),
    ],
)
async def test_a_refused_call_is_audited_with_its_reason_and_changes_nothing(
    world: World, name: str, arguments: dict[str, Any], error: str
) -> None:
    with pytest.raises(DaeriError):
        await world.door.call(await world.deputy(OWNER), name, arguments)
    (row,) = await world.audited()
    named = ("employee", "team")  # rows are named, of other arguments it is only told that they were there
    asked = {key: str(value) if key in named else f"({type(value).__name__})" for key, value in arguments.items()}
    assert (row["action"], row["outcome"], row["agent"]) == (name, "refused", "assistant")
    assert row["detail"] == {"code": error, "arguments": asked}
    assert await world.sql("select * from approval") == []
    assert len(await world.sql("select * from w_project")) == 3


async def test_unknown_arguments_are_refused_by_name(world: World) -> None:
    with pytest.raises(ValidationFailed) as refusal:
        await world.door.call(await world.actor(OWNER), "work.request", {"start": "soon", "actor": 2, "days": "-1"})
    assert {error.pointer for error in refusal.value.errors} == {"/start", "/actor", "/days"}


async def test_a_name_that_fits_several_people_offers_them(world: World) -> None:
    with pytest.raises(ValidationFailed) as refusal:
        await world.door.call(await world.actor(HR), "work.find", {"employee": "김대리"})
    assert refusal.value.extra["candidates"] == [
        {"id": OWNER, "title": "김하은 대리"},
        {"id": NAMESAKE, "title": "김도현 대리"},
    ]


async def test_a_name_is_looked_up_among_visible_rows_only(world: World) -> None:
    done = await world.done(await world.actor(STRANGER), "work.find", {"employee": "김대리"})
    assert done.sources[0]["records"][0]["id"] == NAMESAKE


HOSTILE: list[tuple[str, dict[str, Any]]] = [
    ("work.find", {"employee": 10**30}),
    ("work.find", {"employee": "9" * 30}),
    ("work.find", {"employee": "9" * 5000}),
    ("work.find", {"employee": -1}),
    ("work.find", {"employee": 0}),
    ("work.find", {"employee": None}),
    ("work.find", {"employee": ["김하은"]}),
    ("work.find", {"employee": {"id": 1}}),
    ("work.find", {"employee": "\ud800"}),
    ("work.find", {"employee": "\x00"}),
    ("work.find", {"employee": "x" * 100_000}),
    ("work.find", {"employee": "1 or 1=1"}),
    ("work.add_project", {"name": "\ud800"}),
    ("work.spend", {"amount": 10**30, "project": 1}),
    ("work.spend", {"amount": float("nan"), "project": 1}),
    ("work.spend", {"amount": -5, "project": 1}),
    ("work.request", {"start": "2026-12-01", "days": "NaN"}),
    ("work.request", {"start": "2026-12-01", "days": "Infinity"}),
    ("work.request", {"start": "2026-12-01", "days": "1e400"}),
    ("work.request", {"start": "2026-12-01", "days": "0.001"}),
    ("work.request", {"start": "2026-12-01", "reason": "\ud800"}),
    ("work.request", {"start": "0000-00-00"}),
    ("\ud800", {}),
    ("'; drop table audit; --", {}),
    ("x" * 10_000, {}),
    ("", {}),
]


@pytest.mark.parametrize(("name", "arguments"), HOSTILE, ids=range(len(HOSTILE)))
async def test_hostile_input_is_refused_as_an_error_of_the_caller(
    world: World, name: str, arguments: dict[str, Any]
) -> None:
    with pytest.raises(DaeriError) as refusal:
        await world.door.call(await world.actor(OWNER), name, arguments)
    assert 400 <= refusal.value.status < 500
    json.dumps(refusal.value.problem("ko"), ensure_ascii=False).encode(errors="surrogatepass")
    assert len(await world.audited()) == 1
    assert await world.sql("select * from approval") == []


async def test_the_same_key_gives_the_same_answer_once(world: World) -> None:
    actor = await world.actor(OWNER)
    first = await world.door.call(actor, "work.add_project", {"name": "새 과제"}, idempotency_key="k")
    second = await world.door.call(actor, "work.add_project", {"name": "새 과제"}, idempotency_key="k", lang="en")
    assert isinstance(second, Replayed)
    assert (second.status, second.body()) == (first.status, first.body())
    assert len(await world.sql("select * from w_project")) == 4
    assert [row["outcome"] for row in await world.audited()] == ["done", "replayed"]


async def test_the_same_key_files_one_document(world: World) -> None:
    actor = await world.deputy(OWNER)
    first = await world.held(actor, "work.request", REQUEST, idempotency_key="k")
    second = await world.door.call(actor, "work.request", dict(reversed(REQUEST.items())), idempotency_key="k")
    assert (second.status, second.body("ko")) == (202, first.body("ko"))
    assert len(await world.sql("select * from approval")) == 1


@pytest.mark.parametrize(
    ("name", "arguments"), [("work.add_project", {"name": "다른 과제"}), ("work.request", REQUEST)]
)
async def test_the_same_key_for_another_request_is_refused(world: World, name: str, arguments: dict[str, Any]) -> None:
    actor = await world.actor(OWNER)
    await world.done(actor, "work.add_project", {"name": "새 과제"}, idempotency_key="k")
    with pytest.raises(IdempotencyMismatch):
        await world.door.call(actor, name, arguments, idempotency_key="k")
    assert len(await world.sql("select * from w_project")) == 4


async def test_a_key_is_ones_own(world: World) -> None:
    for person in (OWNER, COLLEAGUE):
        await world.done(await world.actor(person), "work.add_project", {"name": "새 과제"}, idempotency_key="k")
    assert len(await world.sql("select * from w_project")) == 5


async def test_a_refused_request_leaves_its_key_free(world: World) -> None:
    actor = await world.actor(OWNER)
    with pytest.raises(PermissionDenied):
        await world.door.call(actor, "work.add_project", {"name": "x", "team": 2}, idempotency_key="k")
    await world.done(actor, "work.add_project", {"name": "x", "team": 1}, idempotency_key="k")


async def test_a_key_gives_no_answer_to_an_agent_that_may_not_call(world: World) -> None:
    await world.held(await world.actor(OWNER), "work.request", REQUEST, idempotency_key="k")
    with pytest.raises(PermissionDenied):
        await world.door.call(await world.deputy(OWNER, "reader"), "work.request", REQUEST, idempotency_key="k")


async def tables(world: World) -> dict[str, Any]:
    names = await world.store.read(lambda connection: inspect(connection).get_table_names())
    return {name: await world.sql(f"select * from {name}") for name in names if name != "audit"}


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("work.request", REQUEST),
        ("work.add_project", {"name": "x"}),
        ("work.spend", {"amount": 5, "project": "가을 판촉"}),
    ],
)
async def test_a_dry_run_changes_nothing(world: World, name: str, arguments: dict[str, Any]) -> None:
    before = await tables(world)
    draft = await world.door.dry_run(await world.actor(OWNER), name, arguments)
    assert draft.body("ko")["dry_run"] is True
    assert await tables(world) == before


async def test_a_dry_run_tells_the_effect_the_line_and_why(world: World) -> None:
    body = (await world.door.dry_run(await world.actor(OWNER), "work.request", REQUEST | {"days": "2"})).body("ko")
    assert body["preview"] == [{"label": "쓴 휴가", "before": "0", "after": "2"}]
    assert [step["person"]["id"] for step in body["line"]] == [LEAD, DIRECTOR]
    assert body["because"] == "본부장까지 결재해요"
    assert body["arguments"] == {"start": "2026-12-01", "days": "2", "reason": "병원"}


async def test_a_dry_run_refuses_what_the_call_would_refuse(world: World) -> None:
    with pytest.raises(Refused, match="Ten days at most"):
        await world.door.dry_run(await world.actor(OWNER), "work.request", REQUEST | {"days": "11"})


async def test_a_dry_run_of_a_read_tells_that_there_is_nothing_to_decide(world: World) -> None:
    draft = await world.door.dry_run(await world.actor(OWNER), "work.find", {"employee": OWNER})
    assert (draft.effect, draft.line, draft.because, list(draft.preview)) == ("read", [], None, [])


async def test_a_held_call_is_rehearsed_so_a_business_refusal_comes_when_it_is_filed(world: World) -> None:
    actor = await world.actor(OWNER)
    with pytest.raises(Refused, match="Ten days at most"):
        await world.door.call(actor, "work.request", REQUEST | {"days": "11"})
    assert await world.sql("select * from approval") == []


async def test_a_held_call_books_nothing_and_tells_its_line(world: World) -> None:
    held = await world.held(await world.deputy(OWNER), "work.request", REQUEST)
    assert await world.sql("select * from w_leave") == []
    assert held.body("ko")["status"] == "in_progress"
    assert held.worded == [
        {"name": "start", "label": "첫날", "value": "2026. 12. 1.(화)"},
        {"name": "days", "label": "일수", "value": "1"},
        {"name": "reason", "label": "사유", "value": "병원"},
    ]
    (row,) = await world.audited()
    assert (row["outcome"], row["approval_id"], row["action"]) == ("filed", held.approval_id, "work.request")
    assert row["arguments_digest"] == digest({"start": "2026-12-01", "days": "1", "reason": "병원"})


async def test_an_operation_that_waits_for_the_network_is_refused_and_undone(world: World) -> None:
    with pytest.raises(RuntimeError, match="waits for something other than its records"):
        await world.door.call(await world.actor(OWNER), "work.wait_for_network", {"name": "x"})
    assert len(await world.sql("select * from w_project")) == 3


async def test_a_dry_run_by_the_system_itself_needs_no_line(world: World) -> None:
    assert (await world.door.dry_run(Actor.system("demo"), "work.farewell", {"employee": OWNER})).line == []


async def test_the_system_itself_skips_approval_lines(world: World) -> None:
    done = await world.done(Actor.system("demo"), "work.farewell", {"employee": OWNER})
    assert done.result == {"value": "김하은"}


async def test_an_operation_is_described_for_every_protocol_alike(world: World) -> None:
    operation = world.door.operation(await world.actor(OWNER), "work.request")
    told = operation.body("en")
    assert (told["label"], told["effect"], told["approval"]) == ("Request leave", "write", True)
    assert told["input_schema"]["required"] == ["start"]
    assert told["output_schema"]["properties"]["leave_id"]["type"] == "integer"


odd = Catalog("odd", Text("이상한 일", "Odd jobs"))


@odd.read(label=Text("몰래 쓰기", "Write in secret"), allow=anyone)
async def read_that_writes(records: Records) -> Said:
    """Say that it reads, but write."""
    return Said(value=(await records.add(Project(name="몰래", team_id=1))).name)


@odd.write(label=Text("거짓 결과", "Wrong result"), allow=anyone)
async def wrong_result(records: Records) -> Said:
    """Return something else than was declared."""
    await records.add(Project(name="x", team_id=1))
    return "done"  # type: ignore[return-value]


@odd.write(label=Text("두 번", "Twice"), allow=anyone)
async def same_id_twice(records: Records) -> Said:
    """Break a constraint of the database."""
    await records.add(Project(id=1, name="x", team_id=1))
    return Said(value="x")


@odd.write(label=Text("반올림", "Rounded"), allow=anyone)
async def too_exact(records: Records, actor: Actor) -> Said:
    """Write an amount that cannot be kept exactly."""
    await records.add(Leave(employee_id=actor.person_id, start=date(2026, 12, 1), days=Decimal("0.333")))
    return Said(value="x")


def never(actor: Actor) -> bool:
    """Nobody on weekdays."""
    return actor.person_id < 0


@odd.read(label=Text("아무도", "Nobody"), allow=never)
async def nobody(records: Records) -> Said:
    """Answer nobody."""
    return Said(value=str(await records.count(Project)))


def lead_line() -> Line:
    """The lead."""
    return Line(superior(1), rule="r", because=Text("팀장", "lead"))


async def writing_preview(records: Records) -> list[Change]:
    """Write while only looking."""
    await records.add(Project(name="미리보기", team_id=1))
    return []


@odd.write(label=Text("미리보기가 쓴다", "Preview writes"), allow=anyone, approval=lead_line, preview=writing_preview)
async def previewed(records: Records) -> Said:
    """Do nothing."""
    return Said(value=str(await records.count(Project)))


@odd.read(label=Text("대기 문서", "Pending"), allow=anyone)
async def waiting(pending: Pending, clock: Clock, person_id: int) -> Said:
    """Tell which documents of a person wait."""
    found = await pending.of("work.request", person_id)
    return Said(value=f"{clock.today()} {[document.arguments['start'] for document in found]}")


@pytest.fixture
async def odd_world(furnished: Path, tmp_path: Path) -> Any:
    async with open_world(furnished, tmp_path, odd) as opened:
        yield opened


async def test_a_read_that_writes_is_stopped_by_the_database(odd_world: World) -> None:
    with pytest.raises(Exception, match=r"read-?only"):
        await odd_world.door.call(await odd_world.actor(OWNER), "odd.read_that_writes", {})
    assert len(await odd_world.sql("select * from w_project")) == 3


async def test_a_rule_of_the_companys_own_is_told_in_its_own_words(odd_world: World) -> None:
    with pytest.raises(PermissionDenied, match=r"Nobody: Nobody on weekdays\."):
        await odd_world.door.call(await odd_world.actor(OWNER), "odd.nobody", {})


async def test_a_result_that_is_not_what_was_declared_undoes_the_call(odd_world: World) -> None:
    with pytest.raises(TypeError, match="returned str, not Said"):
        await odd_world.door.call(await odd_world.actor(OWNER), "odd.wrong_result", {})
    assert len(await odd_world.sql("select * from w_project")) == 3


@pytest.mark.parametrize("name", ["odd.same_id_twice", "odd.too_exact"])
async def test_what_the_database_refuses_is_told_as_a_conflict_and_undone(odd_world: World, name: str) -> None:
    with pytest.raises(DaeriError) as refusal:
        await odd_world.door.call(await odd_world.actor(OWNER), name, {})
    assert refusal.value.status in (409, 422)
    assert len(await odd_world.sql("select * from w_project")) == 3


@pytest.mark.parametrize("way", ["dry_run", "call"])
async def test_a_preview_that_writes_leaves_nothing_behind(odd_world: World, way: str) -> None:
    await getattr(odd_world.door, way)(await odd_world.actor(OWNER), "odd.previewed", {})
    assert len(await odd_world.sql("select * from w_project")) == 3


async def test_an_operation_learns_of_documents_under_way_that_concern_its_actor(odd_world: World) -> None:
    await odd_world.held(await odd_world.actor(OWNER), "work.request", REQUEST)

    async def told(person_id: int) -> str | None:
        done = await odd_world.done(await odd_world.actor(person_id), "odd.waiting", {"person_id": OWNER})
        return str(done.result["value"])

    assert await told(OWNER) == "2026-11-21 ['2026-12-01']"
    assert await told(LEAD) == "2026-11-21 ['2026-12-01']"
    assert await told(COLLEAGUE) == "2026-11-21 []"


async def test_an_answer_names_at_most_twenty_sources(world: World) -> None:
    assert Employee.__tablename__ == "w_employee"
    rows = [Project(name=f"과제 {number}", team_id=1) for number in range(40)]
    await world.do(await world.actor(OWNER), lambda records: records.add_all(rows))
    found = await world.see(await world.actor(OWNER), lambda records: records.find(Project))
    assert len(found) == 42


async def test_an_idempotency_key_is_forgotten_after_a_day(world: World) -> None:
    actor = await world.actor(HR)
    first = await world.door.call(actor, "work.add_project", {"name": "하나"}, idempotency_key="k")
    world.clock.at += timedelta(hours=23)
    await world.door.forget_old_keys()
    again = await world.door.call(actor, "work.add_project", {"name": "하나"}, idempotency_key="k")
    assert again.body() == first.body()
    world.clock.at += timedelta(hours=2)
    await world.door.forget_old_keys()
    assert await world.sql("select * from idempotency") == []
