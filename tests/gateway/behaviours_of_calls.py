"""Stories of calls: what is read, what is sent in, what is written, which rows are shown."""

import unicodedata

from daeri.operations.answers import Answers
from gateway.behaviours import ADD, LEAVE, Table, key, pointers, said
from worlds import COLLEAGUE, HR, OWNER

behaviour = Table()


# Reading -------------------------------------------------------------------------------------------------------------


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


@behaviour("call")
async def what_is_remembered_is_told_again_with_its_age_and_to_nobody_else(way, house):
    house.world.door._answers = Answers(now=lambda: 100.0)
    told = [await way.call("owner", "bulk.costly", {"employee": OWNER}) for _ in range(2)]
    assert [got.body.get("age") for got in told] == [None, 0]
    assert told[0].body["sources"] == told[1].body["sources"]
    others = [await way.call(who, "bulk.costly", {"employee": OWNER}) for who in ("colleague", "stranger")]
    assert [got.code for got in others] == ["permission-denied", "not-found"]
    return [said(got) for got in (*told, *others)]


@behaviour("operations")
async def the_list_of_operations_is_what_the_caller_may(way, _):
    got = await way.operations("owner")
    assert "work.headcount" not in got.body
    return sorted(got.body)


# Input ---------------------------------------------------------------------------------------------------------------


@behaviour("call")
async def a_missing_argument_is_named(way, _):
    got = await way.call("owner", LEAVE, {})
    assert got.code == "validation-failed"
    return got.kind, pointers(got)


@behaviour("call")
async def an_unknown_argument_is_named(way, _):
    got = await way.call("owner", "work.find", {"employee": OWNER, "actor": 5})
    assert got.code == "validation-failed"
    return got.kind, pointers(got)


@behaviour("call")
async def an_argument_of_the_wrong_kind_is_named(way, _):
    got = await way.call("owner", LEAVE, {"start": "언젠가"})
    assert got.code == "validation-failed"
    return got.kind, pointers(got)


@behaviour("call")
async def a_number_is_no_date(way, _):
    told = [await way.call("owner", LEAVE, {"start": sent}) for sent in (20261201, "20261201", 0)]
    assert [got.code for got in told] == ["validation-failed"] * 3
    return [pointers(got) for got in told]


@behaviour("call")
async def an_argument_out_of_its_bounds_is_named(way, _):
    got = await way.call("owner", LEAVE, {"start": "2026-12-01", "days": "-1"})
    assert got.code == "validation-failed"
    return got.kind, pointers(got)


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


# Writing -------------------------------------------------------------------------------------------------------------


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


# Records -------------------------------------------------------------------------------------------------------------


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
