"""Stories of documents and of agents' runs: held, decided, taken back, stopped, gone on with."""

from gateway.behaviours import LEAVE, Table, booked, decided, key
from gateway.ways import Python
from worlds import DIRECTOR, OWNER

behaviour = Table()


# Approvals -----------------------------------------------------------------------------------------------------------


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


# Agents' runs --------------------------------------------------------------------------------------------------------


@behaviour("ask")
async def an_agent_answers(way, _):
    got = await way.ask("owner", "안녕")
    assert (got.body["status"], got.body["answer"]) == ("succeeded", "들었어요: 안녕")
    return got.body["status"], got.body["answer"]


@behaviour("ask", "run", "session")
async def an_agent_asks_back_and_goes_on_with_what_it_is_told(way, _):
    asked = await way.ask("owner", "누구 말이에요?")
    shown = await way.run("owner", asked.body["run_id"])
    answered = await way.ask("owner", "박서연이요", session=asked.body["session_id"])
    assert (shown.body["status"], answered.body["status"]) == ("succeeded", "succeeded")
    return shown.body["status"], shown.body["answer"], answered.body["answer"]


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


def form(schema):
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}


@behaviour("ask", "form")
async def a_form_that_no_model_can_give_an_answer_is_refused(way, _):
    got = await way.ask("owner", "안녕", form=form({"type": "object"}))
    assert got.code == "validation-failed"
    return got.kind


@behaviour("ask", "form")
async def a_form_that_refers_to_another_place_is_refused(way, house):
    house.world.runs.asks_models = True
    got = await way.ask("owner", "안녕", form=form({"$ref": "http://127.0.0.1:1/schema"}))
    assert got.code == "validation-failed"
    return got.kind


@behaviour("ask", "form")
async def a_run_keeps_the_form_of_its_answer(way, house):
    house.world.runs.asks_models = True
    wanted = form({"type": "object", "properties": {"days": {"type": "number"}}})
    got = await way.ask("owner", "휴가 내줘", form=wanted)
    run = await Python(house).run("owner", got.body["run_id"])
    assert (run.body["response_format"], run.body["status"]) == (wanted, "waiting_approval")
    return run.body["response_format"]


@behaviour("ask", "form", "key")
async def the_same_key_with_another_form_is_another_request(way, house):
    house.world.runs.asks_models = True
    first = await way.ask("owner", "안녕", key="form-1", form=form({"type": "object"}))
    again = await way.ask("owner", "안녕", key="form-1", form=form({"type": "object"}))
    other = await way.ask("owner", "안녕", key="form-1", form=form({"type": "array"}))
    assert first.body["run_id"] == again.body["run_id"]
    assert other.code == "idempotency-mismatch"
    return other.kind


WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}


async def lent(way, house, who="owner"):
    """Lend a function that is called at once; return the run, and the id of the call that it waits for."""
    house.world.runs.asks_models = True
    got = await way.ask(who, "날씨 어때?", tools=[WEATHER])
    [call] = got.body["calls"]
    assert (got.body["status"], call["name"], call["arguments"]) == ("waiting_input", "weather", {"city": "서울"})
    return got.body["run_id"], call["call_id"]


async def ended(house, run_id):
    return (await Python(house).run("owner", run_id)).body["status"]


@behaviour("ask", "functions")
async def a_run_goes_on_with_what_its_callers_function_returned(way, house):
    run_id, call = await lent(way, house)
    await way.results("owner", run_id, **{call: "맑음"})
    run = (await Python(house).run("owner", run_id)).body
    assert (run["status"], run["calls"]) == ("succeeded", [])
    return run["answer"], [step["output"]["done"]["result"] for step in run["steps"] if step["kind"] == "execute"]


@behaviour("ask", "functions")
async def the_same_result_twice_is_told_once_and_another_is_refused(way, house):
    run_id, call = await lent(way, house)
    got = [await way.results("owner", run_id, **{call: text}) for text in ("맑음", "맑음", "비")]
    assert [each.kind for each in got] == ["done", "done", "conflict"]
    return [each.kind for each in got]


@behaviour("ask", "functions")
async def nobody_else_tells_a_run_what_a_function_returned(way, house):
    run_id, call = await lent(way, house)
    got = [await way.results(who, run_id, **{call: "비"}) for who in ("colleague", "stranger", "lead")]
    assert [each.kind for each in got] == ["not-found"] * 3
    assert await ended(house, run_id) == "waiting_input"
    return [each.kind for each in got]


@behaviour("ask", "functions")
async def a_call_that_there_is_not_is_not_found(way, house):
    run_id, call = await lent(way, house)
    kinds = [
        (await way.results("owner", run_id, **{each: "맑음"})).kind for each in ("call_1", call.replace("_1", "_7"))
    ]
    assert kinds[0] == "not-found"
    assert await ended(house, run_id) == "waiting_input"
    return kinds


@behaviour("ask", "functions", "cancel")
async def a_run_that_waits_for_its_caller_can_be_stopped_and_takes_no_result_then(way, house):
    run_id, call = await lent(way, house)
    await way.cancel("owner", run_id)
    assert await ended(house, run_id) == "cancelled"
    return (await way.results("owner", run_id, **{call: "맑음"})).kind


@behaviour("ask", "functions")
async def a_function_that_is_called_as_an_operation_is_refused(way, house):
    house.world.runs.asks_models = True
    shadow = {"type": "function", "function": {"name": "work__request"}}
    got = await way.ask("owner", "안녕", tools=[shadow])
    assert got.code == "validation-failed"
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
