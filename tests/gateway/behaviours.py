"""What must be the same by whichever door it comes? The table of behaviours.

Each is a short story told to a door (`way`); `needs` names what the door must be able to say. What it returns is
compared with what the services themselves returned, and so are the audit rows it left.
"""

import unicodedata
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from daeri.records.identity import Origin
from gateway.ways import Got, Python, Way
from worlds import COLLEAGUE, DIRECTOR, HR, LEAVER, OWNER

Story = Callable[[Way, Any], Awaitable[Any]]


@dataclass(frozen=True)
class Behaviour:
    name: str
    needs: tuple[str, ...]
    story: Story


BEHAVIOURS: list[Behaviour] = []


def behaviour(*needs: str) -> Callable[[Story], Story]:
    def declare(story: Story) -> Story:
        BEHAVIOURS.append(Behaviour(story.__name__, needs, story))
        return story

    return declare


LEAVE = "work.request"
ADD = "work.add_project"


async def key(house, person_id, **more) -> str:
    """A key of a person who has none yet."""
    made = await house.identity.add_key(person_id, "table", **({"decides": False} | more))
    return made.secret


async def decided(house, approval_id, decision="approve", comment=None, who="lead") -> Got:
    """A person decides in their own session, whatever door the drafter came by."""
    return await Python(house).decide(who, approval_id, decision, comment)


async def booked(house) -> int:
    return len(await house.world.sql("SELECT id FROM w_leave"))


def said(got: Got) -> Any:
    return got.kind if got.code or got.held else (got.body.get("result"), got.body.get("say"))


# Reading --------------------------------------------------------------------------------------------------------


@behaviour("call")
async def a_person_reads_what_they_may(way, _):
    got = await way.call("owner", "work.find", {"employee": OWNER})
    assert got.body["result"] == {"value": "김하은"}
    return said(got), got.body["sources"], got.body["masked"]


@behaviour("call")
async def a_row_may_be_named_instead_of_numbered(way, _):
    got = await way.call("owner", "work.find", {"employee": "김민준"})
    assert got.body["result"] == {"value": "김민준"}
    return said(got)


@behaviour("call")
async def a_name_that_fits_nobody_visible_is_not_found(way, _):
    got = await way.call("owner", "work.find", {"employee": "이서준"})
    assert got.code
    return got.kind


@behaviour("call")
async def a_hidden_row_is_not_found(way, _):
    got = await way.call("owner", "work.find", {"employee": 3})
    assert got.code == "not-found"
    return got.kind


@behaviour("call")
async def a_hidden_row_and_a_missing_one_answer_alike(way, _):
    told = [(await way.call("owner", "work.find", {"employee": number})).problem for number in (3, 999)]
    assert told[0]["detail"] == told[1]["detail"]
    return told[0]["detail"]


@behaviour("call")
async def a_hidden_field_is_refused(way, _):
    got = await way.call("owner", "work.salary", {"employee": COLLEAGUE})
    assert got.code == "permission-denied"
    return got.kind, got.problem["detail"]


@behaviour("call")
async def ones_own_hidden_field_is_told(way, _):
    got = await way.call("owner", "work.salary", {"employee": OWNER})
    assert got.body["result"] == {"value": "47000001"}
    return said(got)


@behaviour("call")
async def an_operation_of_another_role_is_refused(way, _):
    got = await way.call("owner", "work.headcount")
    assert got.code == "permission-denied"
    return got.problem["detail"]


@behaviour("call")
async def a_role_lets_its_holder_in(way, house):
    got = await way.call(await key(house, HR), "work.headcount")
    assert got.body["result"] == {"value": "12"}
    return said(got)


@behaviour("call")
async def a_role_that_was_taken_is_gone_at_the_next_call(way, house):
    hr = await key(house, HR)
    first = await way.call(hr, "work.headcount")
    await house.world.sql("UPDATE w_employee SET roles = '[]' WHERE id = :id", id=HR)
    second = await way.call(hr, "work.headcount")
    assert (first.kind, second.kind) == ("done", "permission-denied")
    return first.kind, second.kind


@behaviour("call")
async def an_unknown_operation_is_not_found(way, _):
    got = await way.call("owner", "work.nothing", {"a": 1})
    assert got.code == "not-found"
    return got.kind


@behaviour("call")
async def a_name_with_underscores_is_the_same_operation(way, _):
    got = await way.call("owner", "work__find", {"employee": OWNER})
    assert got.kind == "done"
    return said(got)


@behaviour("call", "lang")
async def words_come_in_the_language_that_was_asked_for(way, _):
    got = await way.call("owner", "work.find", {"employee": OWNER}, lang="en")
    assert got.body["say"] == "It is 김하은."
    return said(got)


@behaviour("operations")
async def the_list_of_operations_is_what_the_caller_may(way, _):
    got = await way.operations("owner")
    assert "work.headcount" not in got.body
    return sorted(got.body)


# Input ----------------------------------------------------------------------------------------------------------


@behaviour("call")
async def a_missing_argument_is_named(way, _):
    got = await way.call("owner", LEAVE, {})
    assert got.code == "validation-failed"
    return got.kind, _pointers(got)


@behaviour("call")
async def an_unknown_argument_is_named(way, _):
    got = await way.call("owner", "work.find", {"employee": OWNER, "actor": 5})
    assert got.code == "validation-failed"
    return got.kind, _pointers(got)


@behaviour("call")
async def an_argument_of_the_wrong_kind_is_named(way, _):
    got = await way.call("owner", LEAVE, {"start": "언젠가"})
    assert got.code == "validation-failed"
    return got.kind, _pointers(got)


@behaviour("call")
async def an_argument_out_of_its_bounds_is_named(way, _):
    got = await way.call("owner", LEAVE, {"start": "2026-12-01", "days": "-1"})
    assert got.code == "validation-failed"
    return got.kind, _pointers(got)


@behaviour("call")
async def text_is_kept_letter_by_letter(way, house):
    name = "여름 판촉 — “가나다” ☀️ <b>&amp;</b> 'x'; DROP TABLE"
    got = await way.call("owner", ADD, {"name": name})
    assert got.body["result"] == {"value": name}
    rows = await house.world.sql("SELECT name FROM w_project ORDER BY id DESC LIMIT 1")
    assert rows[0]["name"] == name
    return said(got)


@behaviour("call")
async def decomposed_hangul_is_the_same_text(way, house):
    got = await way.call("owner", ADD, {"name": unicodedata.normalize("NFD", "한글")})
    rows = await house.world.sql("SELECT name FROM w_project ORDER BY id DESC LIMIT 1")
    return said(got), rows[0]["name"]


@behaviour("call")
async def a_long_text_comes_back_whole(way, _):
    got = await way.call("owner", ADD, {"name": "가" * 100_000})
    assert got.body["result"]["value"] == "가" * 100_000
    return len(got.body["result"]["value"])


@behaviour("call")
async def a_large_result_comes_back_whole(way, _):
    got = await way.call("owner", "bulk.lines", {"count": 5_000})
    assert len(got.body["result"]["rows"]) == 5_000
    return got.body["result"]["rows"][-1]


# Writing --------------------------------------------------------------------------------------------------------


@behaviour("call")
async def a_write_is_done_and_written_down(way, house):
    got = await way.call("owner", ADD, {"name": "봄"})
    assert len(await house.world.sql("SELECT id FROM w_project WHERE name = '봄'")) == 1
    return said(got)


@behaviour("call")
async def a_write_outside_of_ones_rows_is_refused_and_leaves_nothing(way, house):
    got = await way.call("owner", ADD, {"name": "남의 것", "team": 2})
    assert got.code
    assert await house.world.sql("SELECT id FROM w_project WHERE name = '남의 것'") == []
    return got.kind


@behaviour("call")
async def the_companys_own_rule_refuses_in_its_own_words(way, _):
    got = await way.call("owner", LEAVE, {"start": "2026-12-01", "days": "11"})
    assert (got.code, got.problem["detail"]) == ("conflict", "열흘까지만 쓸 수 있어요")
    return got.kind


@behaviour("call")
async def what_fails_inside_leaves_nothing(way, house):
    got = await way.call("owner", "bulk.broken", {"name": "깨짐"})
    assert got.code == "conflict"
    assert await house.world.sql("SELECT id FROM w_project WHERE name = '깨짐'") == []
    return got.kind


@behaviour("call", "key")
async def the_same_key_never_acts_twice(way, house):
    first = await way.call("owner", ADD, {"name": "여름"}, key="k-1")
    again = await way.call("owner", ADD, {"name": "여름"}, key="k-1")
    assert first.body["result"] == again.body["result"]
    assert len(await house.world.sql("SELECT id FROM w_project WHERE name = '여름'")) == 1
    return said(first), said(again)


@behaviour("call", "key")
async def the_same_key_for_something_else_is_refused(way, _):
    await way.call("owner", ADD, {"name": "여름"}, key="k-1")
    got = await way.call("owner", ADD, {"name": "겨울"}, key="k-1")
    assert got.code == "idempotency-mismatch"
    return got.kind


@behaviour("call", "key")
async def a_key_is_its_callers_own(way, house):
    for who in ("owner", "colleague"):
        assert (await way.call(who, ADD, {"name": "여름"}, key="k-1")).kind == "done"
    return len(await house.world.sql("SELECT id FROM w_project WHERE name = '여름'"))


@behaviour("call", "key")
async def a_held_call_is_not_filed_twice_under_a_key(way, house):
    first = await way.call("owner", LEAVE, {"start": "2026-12-01"}, key="k-1")
    again = await way.call("owner", LEAVE, {"start": "2026-12-01"}, key="k-1")
    assert first.held == again.held
    assert len(await house.world.sql("SELECT id FROM approval")) == 1
    return first.kind, again.kind


@behaviour("dry_run")
async def a_dry_run_tells_and_does_nothing(way, house):
    got = await way.dry_run("owner", LEAVE, {"start": "2026-12-01"})
    assert got.body["dry_run"]
    assert await house.world.sql("SELECT id FROM approval") == []
    return got.body["preview"], [step["person"]["name"] for step in got.body["line"]]


@behaviour("dry_run")
async def a_dry_run_is_refused_as_the_call_would_be(way, _):
    got = await way.dry_run("owner", LEAVE, {"start": "2026-12-01", "days": "11"})
    assert got.code == "conflict"
    return got.kind


# Approvals ------------------------------------------------------------------------------------------------------


@behaviour("call")
async def a_call_that_needs_approval_is_held(way, house):
    got = await way.call("owner", LEAVE, {"start": "2026-12-01"})
    assert got.kind == "held"
    assert await booked(house) == 0
    return got.kind


@behaviour("call", "approval")
async def its_drafter_sees_whose_turn_it_is(way, _):
    got = await way.call("owner", LEAVE, {"start": "2026-12-01"})
    shown = await way.approval("owner", got.held)
    assert shown.body["status"] == "in_progress"
    return shown.body["status"]


@behaviour("call", "approval")
async def it_is_carried_out_when_it_is_approved(way, house):
    got = await way.call("owner", LEAVE, {"start": "2026-12-01"})
    await decided(house, got.held)
    shown = await way.approval("owner", got.held)
    assert (shown.body["status"], await booked(house)) == ("applied", 1)
    return shown.body["status"]


@behaviour("call", "approval")
async def two_days_need_two_people(way, house):
    got = await way.call("owner", LEAVE, {"start": "2026-12-01", "days": "2"})
    await decided(house, got.held)
    half = await way.approval("owner", got.held)
    await decided(house, got.held, who=await key(house, DIRECTOR, decides=True))
    whole = await way.approval("owner", got.held)
    assert (half.body["status"], whole.body["status"], await booked(house)) == ("in_progress", "applied", 1)
    return half.body["status"], whole.body["status"]


@behaviour("call", "approval")
async def it_is_not_carried_out_when_it_is_rejected(way, house):
    got = await way.call("owner", LEAVE, {"start": "2026-12-01"})
    await decided(house, got.held, "reject", "바빠요")
    shown = await way.approval("owner", got.held)
    assert (shown.body["status"], await booked(house)) == ("rejected", 0)
    return shown.body["status"]


@behaviour("call", "approval")
async def what_became_impossible_meanwhile_is_not_forced(way, house):
    got = await way.call("owner", LEAVE, {"start": "2026-12-01"})
    other = await way.call("owner", LEAVE, {"start": "2026-12-01"})
    await decided(house, got.held)
    await decided(house, other.held)
    shown = await way.approval("owner", other.held)
    assert (shown.body["status"], await booked(house)) == ("apply_failed", 1)
    return shown.body["status"]


@behaviour("call", "approval")
async def a_stranger_does_not_learn_of_a_document(way, house):
    got = await way.call("owner", LEAVE, {"start": "2026-12-01"})
    told = [await way.approval("stranger", each) for each in (got.held, "apr_00000000000000000000000000")]
    assert [each.code for each in told] == ["not-found", "not-found"]
    assert told[0].problem["detail"] == told[1].problem["detail"]
    del house
    return told[0].kind


@behaviour("call", "withdraw")
async def a_drafter_takes_a_document_back(way, house):
    got = await way.call("owner", LEAVE, {"start": "2026-12-01"})
    back = await way.withdraw("owner", got.held)
    late = await decided(house, got.held)
    assert (back.body["status"], late.code) == ("withdrawn", "conflict")
    return back.body["status"]


@behaviour("call", "withdraw")
async def nobody_else_takes_it_back(way, _):
    got = await way.call("owner", LEAVE, {"start": "2026-12-01"})
    refused = [(await way.withdraw(who, got.held)).code for who in ("lead", "stranger")]
    assert refused == ["permission-denied", "not-found"]
    return refused


@behaviour("call", "withdraw")
async def a_decided_document_is_not_taken_back(way, house):
    got = await way.call("owner", LEAVE, {"start": "2026-12-01"})
    await decided(house, got.held)
    late = await way.withdraw("owner", got.held)
    assert late.code == "conflict"
    return late.kind


@behaviour("call", "box")
async def it_stands_in_the_box_of_whose_turn_it_is(way, _):
    await way.call("owner", LEAVE, {"start": "2026-12-01"})
    counts = [len((await way.box(who, box)).body) for who, box in (("lead", "waiting"), ("owner", "drafted"))]
    assert counts == [1, 1]
    assert (await way.box("stranger", "waiting")).body == []
    return counts


@behaviour("box")
async def an_unknown_box_is_named(way, _):
    got = await way.box("lead", "secret")
    assert got.code == "validation-failed"
    return got.kind


@behaviour("call", "decide")
async def a_person_decides(way, house):
    got = await way.call("owner", LEAVE, {"start": "2026-12-01"})
    done = await way.decide("lead", got.held, "approve")
    assert (done.body["status"], await booked(house)) == ("applied", 1)
    return done.body["status"], done.body["number"]


@behaviour("call", "decide")
async def a_rejection_needs_a_comment(way, _):
    got = await way.call("owner", LEAVE, {"start": "2026-12-01"})
    refused = await way.decide("lead", got.held, "reject")
    assert refused.code == "validation-failed"
    return refused.kind


@behaviour("call", "decide")
async def nobody_decides_on_their_own_draft_or_out_of_turn(way, _):
    got = await way.call("owner", LEAVE, {"start": "2026-12-01"})
    codes = [(await way.decide(who, got.held, "approve")).code for who in ("owner", "stranger")]
    assert all(codes)
    return codes


@behaviour("call", "decide")
async def a_key_without_the_mark_decides_nothing(way, house):
    got = await way.call("owner", LEAVE, {"start": "2026-12-01"})
    refused = await way.decide(await key(house, 4), got.held, "approve")
    assert refused.code == "permission-denied"
    return refused.kind


@behaviour("call", "decide")
async def a_decision_on_an_old_version_is_refused(way, house):
    got = await way.call("owner", LEAVE, {"start": "2026-12-01", "days": "2"})
    await decided(house, got.held)
    director = await key(house, DIRECTOR, decides=True)
    refused = await way.decide(director, got.held, "approve", version=1)
    assert refused.code == "stale-version"
    return refused.kind


@behaviour("call", "decide")
async def a_document_is_decided_once(way, house):
    got = await way.call("owner", LEAVE, {"start": "2026-12-01"})
    first = await way.decide("lead", got.held, "approve")
    second = await way.decide("lead", got.held, "approve")
    assert (first.kind, second.kind, await booked(house)) == ("done", "conflict", 1)
    return second.kind


# Who comes in ---------------------------------------------------------------------------------------------------


@behaviour("call")
async def nobody_comes_in_without_a_key(way, _):
    got = await way.call(None, "work.find", {"employee": OWNER})
    assert got.code == "unauthenticated"
    return got.kind


@behaviour("call")
async def an_unknown_key_opens_nothing(way, _):
    got = await way.call("dk_live_nonsense", "work.find", {"employee": OWNER})
    assert got.code == "unauthenticated"
    return got.kind


@behaviour("call")
async def a_revoked_key_opens_nothing_from_then_on(way, house):
    own = await key(house, OWNER)
    first = await way.call(own, "work.find", {"employee": OWNER})
    await house.world.sql("UPDATE api_key SET revoked_at = '2026-11-21 00:00:00' WHERE name = 'table'")
    second = await way.call(own, "work.find", {"employee": OWNER})
    assert (first.kind, second.kind) == ("done", "unauthenticated")
    return first.kind, second.kind


@behaviour("call")
async def a_key_ends_by_its_time(way, house):
    own = await key(house, OWNER, life=timedelta(days=1))
    first = await way.call(own, "work.find", {"employee": OWNER})
    house.world.clock.at += timedelta(days=1)
    second = await way.call(own, "work.find", {"employee": OWNER})
    assert (first.kind, second.kind) == ("done", "unauthenticated")
    return first.kind, second.kind


@behaviour("call")
async def the_key_of_someone_who_left_opens_nothing(way, house):
    got = await way.call(await key(house, LEAVER), "work.find", {"employee": OWNER})
    assert got.code == "unauthenticated"
    return got.kind


@behaviour("call")
async def a_narrow_key_does_what_it_names_and_no_more(way, house):
    narrow = await key(house, OWNER, scopes=["work.find"])
    codes = [
        (await way.call(narrow, "work.find", {"employee": OWNER})).kind,
        (await way.call(narrow, "work.salary", {"employee": OWNER})).kind,
        (await way.call(narrow, LEAVE, {"start": "2026-12-01"})).kind,
    ]
    assert codes == ["done", "permission-denied", "permission-denied"]
    return codes


@behaviour("call")
async def a_reading_key_writes_nothing(way, house):
    reading = await key(house, OWNER, scopes=["read"])
    codes = [
        (await way.call(reading, "work.salary", {"employee": OWNER})).kind,
        (await way.call(reading, ADD, {"name": "x"})).kind,
    ]
    assert codes == ["done", "permission-denied"]
    return codes


@behaviour("operations")
async def a_narrow_key_lists_what_it_may(way, house):
    got = await way.operations(await key(house, OWNER, scopes=["work.find", "work.salary"]))
    assert sorted(got.body) == ["work.find", "work.salary"]
    return sorted(got.body)


@behaviour("call")
async def a_narrow_key_is_refused_before_it_learns_of_rows(way, house):
    narrow = await key(house, OWNER, scopes=["work.find"])
    codes = {(await way.call(narrow, "work.salary", {"employee": number})).problem["detail"] for number in (1, 3, 999)}
    assert len(codes) == 1
    return codes


@behaviour("call")
async def an_agent_has_less_than_its_person(way, house):
    agent = await key(house, HR, made_from=Origin("reader"))
    codes = [
        (await way.call(agent, "work.headcount")).kind,
        (await way.call(agent, "work.find", {"employee": HR})).kind,
        (await way.call(agent, ADD, {"name": "x"})).kind,
    ]
    assert codes == ["permission-denied", "done", "permission-denied"]
    return codes


@behaviour("call")
async def a_document_says_which_agent_drafted_it_for_whom(way, house):
    got = await way.call(await key(house, OWNER, made_from=Origin("assistant")), LEAVE, {"start": "2026-12-01"})
    document = (await Python(house).approval("lead", got.held)).body
    assert (document["drafter"]["id"], document["agent"]) == (OWNER, "assistant")
    return got.kind


@behaviour("call", "withdraw")
async def an_agent_takes_no_document_back(way, house):
    agent = await key(house, OWNER, made_from=Origin("assistant"))
    got = await way.call(agent, LEAVE, {"start": "2026-12-01"})
    refused = await way.withdraw(agent, got.held)
    assert refused.code == "permission-denied"
    return refused.kind


@behaviour("call", "decide")
async def an_agents_key_decides_nothing_whatever_its_mark(way, house):
    got = await way.call("owner", LEAVE, {"start": "2026-12-01"})
    agent = await key(house, 4, decides=True, made_from=Origin("assistant"))
    refused = await way.decide(agent, got.held, "approve")
    assert refused.code == "permission-denied"
    return refused.kind


# Agents' runs ---------------------------------------------------------------------------------------------------


@behaviour("ask")
async def an_agent_answers(way, _):
    got = await way.ask("owner", "안녕")
    assert (got.body["status"], got.body["answer"]) == ("succeeded", "들었어요: 안녕")
    return got.body["status"], got.body["answer"]


@behaviour("ask")
async def an_empty_question_is_refused(way, _):
    got = await way.ask("owner", "   ")
    assert got.code == "validation-failed"
    return got.kind


@behaviour("ask")
async def an_endless_question_is_refused(way, _):
    got = await way.ask("owner", "가" * 8_001)
    assert got.code == "validation-failed"
    return got.kind


@behaviour("ask")
async def an_agent_that_is_not_there_is_not_found(way, _):
    got = await way.ask("owner", "안녕", agent="nobody")
    assert got.code == "not-found"
    return got.kind


@behaviour("ask", "run")
async def a_run_waits_for_an_approval_and_says_for_whose(way, _):
    asked = await way.ask("owner", "휴가 내줘")
    got = await way.run("owner", asked.body["run_id"])
    assert got.body["status"] == "waiting_approval"
    assert "박서연 팀장" in got.body["answer"]
    return got.body["status"]


@behaviour("ask", "run")
async def a_run_goes_on_when_it_is_approved(way, house):
    run_id = (await way.ask("owner", "휴가 내줘")).body["run_id"]
    await decided(house, (await Python(house).run("owner", run_id)).body["approvals"][0])
    got = await way.run("owner", run_id)
    assert (got.body["status"], await booked(house)) == ("succeeded", 1)
    return got.body["status"], got.body["answer"]


@behaviour("ask", "run")
async def a_run_goes_on_when_it_is_rejected(way, house):
    run_id = (await way.ask("owner", "휴가 내줘")).body["run_id"]
    await decided(house, (await Python(house).run("owner", run_id)).body["approvals"][0], "reject", "바빠요")
    got = await way.run("owner", run_id)
    assert (got.body["status"], await booked(house)) == ("succeeded", 0)
    return got.body["status"]


@behaviour("ask", "cancel")
async def a_run_is_stopped(way, _):
    run_id = (await way.ask("owner", "천천히")).body["run_id"]
    got = await way.cancel("owner", run_id)
    assert got.body["status"] == "cancelled"
    return got.body["status"]


@behaviour("ask", "cancel")
async def a_run_that_has_ended_is_not_stopped(way, _):
    run_id = (await way.ask("owner", "안녕")).body["run_id"]
    got = await way.cancel("owner", run_id)
    assert got.code == "conflict"
    return got.kind


@behaviour("ask", "cancel")
async def what_a_stopped_run_has_filed_stays_with_its_approvers(way, house):
    run_id = (await way.ask("owner", "휴가 내줘")).body["run_id"]
    approval_id = (await Python(house).run("owner", run_id)).body["approvals"][0]
    await way.cancel("owner", run_id)
    done = await decided(house, approval_id)
    assert done.body["status"] == "applied"
    return done.body["status"]


@behaviour("ask", "run", "cancel")
async def the_run_of_someone_else_is_not_found(way, _):
    run_id = (await way.ask("owner", "안녕")).body["run_id"]
    codes = [(await way.run("lead", run_id)).code, (await way.cancel("lead", run_id)).code]
    assert codes == ["not-found", "not-found"]
    return codes


@behaviour("ask", "session")
async def a_conversation_goes_on(way, _):
    first = await way.ask("owner", "안녕")
    second = await way.ask("owner", "또 안녕", session=first.body["session_id"])
    assert second.body["session_id"] == first.body["session_id"]
    return second.body["answer"]


@behaviour("ask", "session")
async def nobody_goes_on_with_someone_elses_conversation(way, _):
    first = await way.ask("owner", "안녕")
    got = await way.ask("colleague", "끼어들기", session=first.body["session_id"])
    assert got.code == "not-found"
    return got.kind


@behaviour("ask", "key")
async def the_same_request_is_one_run(way, house):
    first = await way.ask("owner", "안녕", key="k-1")
    again = await way.ask("owner", "안녕", key="k-1")
    assert first.body["run_id"] == again.body["run_id"]
    return len(await house.world.sql("SELECT id FROM run"))


@behaviour("ask")
async def a_key_without_the_scope_asks_no_agent(way, house):
    got = await way.ask(await key(house, OWNER, scopes=["work.*"]), "안녕")
    assert got.code == "permission-denied"
    return got.kind


# Records --------------------------------------------------------------------------------------------------------


@behaviour("record")
async def a_row_is_shown_without_its_hidden_fields_and_says_why(way, _):
    got = await way.record("owner", "w_employee", COLLEAGUE)
    assert "salary" not in got.body
    return got.body["name"], got.body["_hidden"]


@behaviour("record")
async def a_row_that_may_not_be_seen_is_not_found(way, _):
    told = [await way.record("owner", "w_employee", number) for number in (3, 999)]
    assert [each.code for each in told] == ["not-found", "not-found"]
    assert told[0].problem["detail"] == told[1].problem["detail"]
    return told[0].kind


@behaviour("record")
async def a_record_without_a_rule_does_not_exist(way, _):
    got = await way.record("owner", "w_vault", 1)
    assert got.code == "not-found"
    return got.kind


@behaviour("records")
async def a_list_holds_the_rows_that_may_be_seen(way, _):
    got = await way.records("owner", "w_employee")
    names = [row["name"] for row in got.body]
    assert "이서준" not in names
    return names


@behaviour("records")
async def a_filter_by_a_hidden_field_is_refused(way, _):
    got = await way.records("owner", "w_employee", {"salary": "39000002"})
    assert got.code == "permission-denied"
    return got.kind


@behaviour("records")
async def names_are_found_by_their_first_consonants(way, _):
    got = await way.records("owner", "w_employee", search="ㄱㅎㅇ")
    return [row["name"] for row in got.body]


@behaviour("records")
async def a_filter_by_no_field_is_refused(way, _):
    got = await way.records("owner", "w_employee", {"nothing": "1"})
    assert got.code == "validation-failed"
    return got.kind


def _pointers(got: Got) -> list[str]:
    errors = got.problem.get("errors") or got.problem.get("fields") or []
    return sorted(item["pointer"] for item in errors)
