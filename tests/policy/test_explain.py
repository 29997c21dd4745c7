"""An explanation of the small company: who may ask what, which rule is named, and that no value is told."""

import json
from pathlib import Path

import pytest

from daeri.clock import FixedClock
from daeri.errors import NotFound, PermissionDenied, ValidationFailed
from daeri.operations.policy import Policies, Question
from worlds import AUDITOR, COLLEAGUE, HR, LEAD, LEAVER, NOW, OWNER, SALARIES, STRANGER, World

pytestmark = pytest.mark.anyio


@pytest.fixture
def policies(world: World) -> Policies:
    return Policies(world.door, world.store, FixedClock(NOW))


async def told(world, policies, asker, lang="ko", **question):
    return await policies.explain(await world.actor(asker), Question(**{"person_id": asker, **question}), lang)


def line_at(at):
    """The line of source that `at` names."""
    path, _, line = at.rpartition(":")
    source = Path("tests/worlds.py") if path == "worlds.py" else Path("src") / path
    return source.read_text(encoding="utf-8").splitlines()[int(line) - 1].strip()


def field(body, name):
    (record,) = body["records"]
    return next(one for one in record["fields"] if one["name"] == name)


async def test_the_owner_sees_their_own_salary_and_why(world, policies):
    salary = field(await told(world, policies, OWNER, type="w_employee", id=OWNER), "salary")
    assert salary["verdict"] == "own"
    assert salary["readers"] == ["self", "hr"]
    assert salary["why"] == "본인의 기록이라서 봐요"
    assert salary["needs"] == []


async def test_a_colleagues_salary_is_hidden_and_the_role_that_would_open_it_is_named(world, policies):
    body = await told(world, policies, OWNER, type="w_employee", id=COLLEAGUE)
    salary = field(body, "salary")
    assert (salary["verdict"], salary["data_class"]) == ("hidden", "personal")
    assert salary["why"] == "연봉은 본인 · 인사 담당만 볼 수 있어요"
    assert salary["needs"] == [{"role": "hr", "label": "인사 담당"}]
    assert field(body, "name")["verdict"] == "visible"
    assert field(body, "pin")["needs"] == []


async def test_each_field_names_the_line_that_declares_it_also_on_a_base_class(world, policies):
    body = await told(world, policies, OWNER, type="w_employee", id=OWNER)
    for name, file in (("salary", "worlds.py"), ("rank", "daeri/records/record.py"), ("id", "daeri/records/record.py")):
        assert field(body, name)["at"].startswith(f"{file}:")
        assert line_at(field(body, name)["at"]).startswith(f"{name}: Mapped[")


async def test_the_row_rule_is_named_with_its_words_and_its_line(world, policies):
    (record,) = (await told(world, policies, OWNER, type="w_employee", id=COLLEAGUE))["records"]
    rule = record["rows"]["rule"]
    assert (record["rows"]["verdict"], rule["name"]) == ("allow", "own_team")
    assert rule["says"] == "Yourself and your team; HR sees everyone."
    assert line_at(rule["at"]).startswith("def own_team(")
    assert (record["change"]["verdict"], record["change"]["rule"]["name"]) == ("deny", "hr_only")
    assert record["title"] == "김민준 사원"


async def test_a_row_that_the_asker_may_not_see_is_not_there_for_them(world, policies):
    with pytest.raises(NotFound) as hidden:
        await told(world, policies, OWNER, type="w_employee", id=STRANGER)
    with pytest.raises(NotFound) as absent:
        await told(world, policies, OWNER, type="w_employee", id=9999)
    assert hidden.value.problem("ko") == absent.value.problem("ko")
    with pytest.raises(NotFound):
        await told(world, policies, OWNER, type="w_vault", id=1)


async def test_hr_asks_about_a_stranger_who_does_not_see_the_row(world, policies):
    (record,) = (await told(world, policies, HR, person_id=STRANGER, type="w_employee", id=OWNER))["records"]
    assert record["rows"]["verdict"] == "deny"
    assert {one["verdict"] for one in record["fields"]} == {"hidden"}
    (record,) = (await told(world, policies, HR, person_id=COLLEAGUE, type="w_employee", id=OWNER))["records"]
    assert record["rows"]["verdict"] == "allow"


async def test_ordinary_people_ask_about_themselves_only(world, policies):
    for asker in (OWNER, COLLEAGUE, STRANGER, LEAD):
        with pytest.raises(PermissionDenied) as refused:
            await told(world, policies, asker, person_id=HR)
        assert "인사 담당" in refused.value.detail.ko
        assert (await told(world, policies, asker))["person"]["id"] == asker
        with pytest.raises(PermissionDenied):
            await policies.ask(await world.actor(asker), {"person": "정유진"}, "ko")


async def test_an_auditor_asks_about_people_they_may_see_but_is_not_told_their_roles(world, policies):
    body = await told(world, policies, AUDITOR, person_id=HR, operation="work.headcount")
    assert body["roles"] is None
    assert body["operations"][0]["verdict"] == "allow"
    with pytest.raises(NotFound):
        await told(world, policies, AUDITOR, person_id=OWNER)  # another team: the row rule hides them


async def test_hr_is_told_roles(world, policies):
    assert (await told(world, policies, HR, person_id=AUDITOR))["roles"] == [{"role": "auditor", "label": "auditor"}]


async def test_an_operation_names_the_roles_it_is_for(world, policies):
    (operation,) = (await told(world, policies, OWNER, operation="work.headcount"))["operations"]
    assert operation["verdict"] == "deny"
    assert operation["why"] == "인원은 인사 담당만 할 수 있어요"
    assert operation["needs"] == [{"role": "hr", "label": "인사 담당"}]
    (check,) = operation["checks"]
    assert (check["by"], check["verdict"], check["rule"]["says"]) == ("person", "deny", "인사 담당")
    assert operation["at"].startswith("worlds.py:")


async def test_an_approval_line_is_named(world, policies):
    (operation,) = (await told(world, policies, OWNER, operation="work.request"))["operations"]
    assert (operation["verdict"], operation["approval"]["name"]) == ("allow", "leave_line")


async def test_the_agents_limits_are_told_apart_from_the_persons(world, policies):
    body = await told(world, policies, HR, operation="work.headcount", agent="reader")
    (operation,) = body["operations"]
    assert [(check["by"], check["verdict"]) for check in operation["checks"]] == [
        ("person", "allow"),
        ("agent", "deny"),
    ]
    assert operation["verdict"] == "deny"
    salary = field(await told(world, policies, HR, type="w_employee", id=OWNER, agent="reader"), "salary")
    assert salary["verdict"] == "hidden"


async def test_a_keys_limits_are_told(world, policies):
    keyed = await world.actor(OWNER, scopes=(("work.find",),))
    body = await policies.explain(keyed, Question(OWNER, operation="work.salary"), "ko")
    assert body["scopes"] == [["work.find"]]
    assert [(check["by"], check["verdict"]) for check in body["operations"][0]["checks"]] == [
        ("person", "allow"),
        ("key", "deny"),
    ]
    body = await policies.explain(keyed, Question(OWNER, type="w_employee"), "ko")
    assert body["records"][0]["browse"]["verdict"] == "deny"
    with pytest.raises(PermissionDenied):
        await policies.explain(keyed, Question(OWNER, type="w_employee", id=OWNER), "ko")


async def test_a_limited_key_of_hr_asks_about_nobody_else(world, policies):
    keyed = await world.actor(HR, scopes=(("work.*",),))
    with pytest.raises(PermissionDenied):
        await policies.explain(keyed, Question(OWNER), "ko")


async def test_whoever_has_left_may_do_nothing(world, policies):
    body = await told(world, policies, HR, person_id=LEAVER)
    assert body["active"] is False
    assert {one["verdict"] for one in body["operations"]} == {"deny"}
    assert {one["rows"]["verdict"] for one in body["records"]} == {"deny"}


async def test_without_a_row_the_rule_is_told_for_all_of_them(world, policies):
    body = await told(world, policies, HR)
    rows = {one["type"]: one["rows"]["verdict"] for one in body["records"]}
    assert rows == {"w_employee": "allow", "w_leave": "allow", "w_project": "allow", "w_team": "allow"}
    body = await told(world, policies, OWNER, type="w_employee")
    assert body["records"][0]["rows"]["verdict"] == "some"
    assert (field(body, "salary")["verdict"], field(body, "pin")["verdict"]) == ("own", "hidden")
    change = (await told(world, policies, OWNER, type="w_team"))["records"][0]["change"]
    assert (change["verdict"], change["rule"]) == ("deny", None)


async def test_no_value_of_a_field_is_told_to_anyone(world, policies):
    for asker in (OWNER, COLLEAGUE, LEAD, HR):
        for lang in ("ko", "en"):
            body = await told(world, policies, asker, type="w_employee", id=OWNER, lang=lang)
            said = json.dumps(body, ensure_ascii=False)
            assert not [value for value in SALARIES.values() if str(value) in said]
            assert "0000" not in said
    (record,) = (await told(world, policies, OWNER, type="w_project", id=1))["records"]
    assert record["title"] == "가을 판촉"  # its code name is part of the title, and hidden


async def test_people_and_rows_may_be_named_in_words(world, policies):
    hr = await world.actor(HR)
    await world.identity.add_account("haeun", OWNER, demo=True)
    for named in ("haeun", "김하은", str(OWNER)):
        assert (await policies.ask(hr, {"person": named, "type": "w_project"}, "ko"))["person"]["id"] == OWNER
    body = await policies.ask(hr, {"type": "w_employee", "id": "이서준"}, "ko")
    assert body["records"][0]["id"] == STRANGER
    with pytest.raises(ValidationFailed):
        await policies.ask(hr, {"id": "1"}, "ko")
    with pytest.raises(ValidationFailed):
        await policies.ask(hr, {"person": "없는 사람"}, "ko")
    for unknown in ({"agent": "nobody"}, {"operation": "no.such"}, {"type": "nothing"}):
        with pytest.raises(NotFound):
            await policies.ask(hr, unknown, "ko")


async def test_asking_about_someone_else_is_audited(world, policies):
    await told(world, policies, HR, person_id=OWNER, type="w_employee", id=COLLEAGUE)
    last = (await world.audited())[-1]
    assert (last["action"], last["person_id"]) == ("policies.explain", HR)
    assert last["records"] == [["w_employee", OWNER], ["w_employee", COLLEAGUE]]


async def test_it_is_told_in_english_too(world, policies):
    body = await told(world, policies, OWNER, lang="en", type="w_employee", id=COLLEAGUE, operation="work.headcount")
    assert field(body, "salary")["why"] == "Only the person themself and HR may see salary"
    assert body["operations"][0]["why"] == "Headcount is for HR only"
