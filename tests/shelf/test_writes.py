"""Are single rows written only where a company offers it, by who may, and once? Over REST, JSON-RPC and the door."""

import pytest

from daeri.errors import DeclarationError
from daeri.operations import Catalog, Company, Line, Offer, Ref, anyone, superior
from daeri.operations.outcome import Held
from daeri.wording import Text
from shelf.shelf_house import Card
from worlds import AGENTS, COLLEAGUE, LEAD, OWNER, Employee, Leave, Project, open_world, work

pytestmark = pytest.mark.anyio
MINE = f"/v1/records/s_card/{OWNER}"


async def version(house, path=MINE):
    return (await house.get("owner", path)).headers["etag"]


async def test_a_row_is_added_and_answers_as_it_is_read(house):
    sent = {"employee_id": OWNER, "name": "김하은 2", "phone": "010-9999-8888", "city": "서울"}
    response = await house.post("owner", "/v1/records/s_card", sent | {"age": 30, "note": None})
    assert response.status_code == 201, response.text
    row = (await house.get("owner", response.headers["location"])).json()
    assert response.json() == row
    assert (row["phone"], row["age"], "grade" in row["_hidden"]) == ("010-9999-8888", 30, True)
    assert response.headers["etag"] == '"1"'


async def test_a_patch_changes_what_is_sent_and_null_empties(house):
    response = await house.call("owner", "PATCH", MINE, json={"city": "제주", "note": None})
    assert response.status_code == 200, response.text
    assert (response.json()["city"], response.json()["note"], response.json()["version"]) == ("제주", None, 2)
    assert response.json()["name"] == "김하은"
    assert (await house.get("owner", MINE)).json() == response.json()


async def test_a_merge_patch_says_so_by_its_type(house):
    headers = {"content-type": "application/merge-patch+json"}
    response = await house.call("owner", "PATCH", MINE, content='{"city":"제주"}'.encode(), headers=headers)
    assert response.status_code == 200


@pytest.mark.parametrize("tag", ['"2"', '"0"', '"nonsense"', '"3", "4"', "5"])
async def test_a_write_over_a_newer_version_is_412(house, tag):
    for method, body in (("PATCH", {"city": "제주"}), ("DELETE", None)):
        response = await house.call("owner", method, MINE, json=body, headers={"If-Match": tag})
        assert (response.status_code, response.json()["code"]) == (412, "stale-version")


@pytest.mark.parametrize("tag", ['"1"', 'W/"1"', '"9", "1"', "*"])
async def test_a_write_with_the_version_that_was_read_is_done(house, tag):
    response = await house.call("owner", "PATCH", MINE, json={"city": "제주"}, headers={"If-Match": tag})
    assert (response.status_code, response.headers["etag"]) == (200, '"2"')


async def test_the_same_key_never_writes_twice(house):
    once = {"Idempotency-Key": "k1"}
    sent = {"employee_id": OWNER, "name": "둘"}
    first = await house.post("owner", "/v1/records/s_card", sent, headers=once)
    again = await house.post("owner", "/v1/records/s_card", sent, headers=once)
    assert (first.status_code, again.status_code, first.json()) == (201, 201, again.json())
    assert again.headers["idempotency-replayed"] == "true"
    other = await house.post("owner", "/v1/records/s_card", sent | {"name": "셋"}, headers=once)
    assert other.json()["code"] == "idempotency-mismatch"
    patched = [
        await house.call(
            "owner", "PATCH", MINE, json={"city": "제주"}, headers={"Idempotency-Key": "k2", "If-Match": '"1"'}
        )
        for _ in range(2)
    ]
    assert [each.status_code for each in patched] == [200, 200]
    assert patched[1].json()["version"] == 2


@pytest.mark.parametrize(
    "sent",
    [
        {"nothing": 1},
        {"id": 5},
        {"version": 9},
        {"_title": "x"},
        {"__class__": "x"},
        {"name": None},
        {"name": 5},
        {"name": "가" * 41},
        {"age": "21"},
        {"age": 2**70},
        {"employee_id": True},
    ],
)
async def test_what_is_no_field_or_does_not_fit_is_refused(house, sent):
    response = await house.call("owner", "PATCH", MINE, json=sent)
    assert response.status_code in (400, 422)
    assert (await house.get("owner", MINE)).json()["version"] == 1


@pytest.mark.parametrize("sent", [{"grade": 9}, {"grade": 0, "city": "제주"}])
async def test_a_hidden_field_cannot_be_written(house, sent):
    response = await house.call("owner", "PATCH", MINE, json=sent)
    assert (response.status_code, response.json()["code"]) == (403, "permission-denied")
    assert "인사 담당" in response.json()["detail"]
    assert (await house.get("owner", MINE)).json()["version"] == 1


async def test_a_row_that_is_seen_but_not_ones_own_is_not_written(house):
    other = f"/v1/records/s_card/{COLLEAGUE}"
    assert (await house.get("owner", other)).status_code == 200
    assert (await house.call("owner", "PATCH", other, json={"city": "제주"})).status_code == 403
    moved = await house.call("owner", "PATCH", MINE, json={"employee_id": COLLEAGUE})
    assert moved.status_code == 403
    assert (await house.get("owner", MINE)).json()["employee_id"] == OWNER


async def test_a_row_one_may_not_see_and_one_that_is_not_there_answer_alike(house):
    for method, body in (("GET", None), ("PATCH", {"city": "x"}), ("DELETE", None)):
        for tag in ('"1"', '"1", "2"', "*"):
            headers = {"X-Request-Id": "same", "If-Match": tag}
            answers = [
                await house.call("owner", method, f"/v1/records/s_card/{key}", json=body, headers=headers)
                for key in (3, 99)
            ]
            assert answers[0].content == answers[1].content
            assert answers[0].status_code == 404


async def test_a_record_that_offers_nothing_is_not_written(house):
    for method, path in (
        ("POST", "/v1/records/w_project"),
        ("PATCH", "/v1/records/w_project/1"),
        ("DELETE", "/v1/records/w_project/1"),
        ("POST", "/v1/records/w_employee"),
        ("DELETE", "/v1/records/w_employee/1"),
        ("POST", "/v1/records/nothing"),
        ("POST", "/v1/records/w_vault"),
    ):
        assert (await house.call("owner", method, path, json={"name": "x"})).status_code == 404


async def test_a_role_that_an_offer_asks_for_is_asked_for(house):
    response = await house.call("owner", "PATCH", f"/v1/records/w_employee/{OWNER}", json={"rank": "사장"})
    assert response.status_code == 403


async def test_a_person_gets_no_power_by_an_offer_that_does_not_name_it(house):
    fields = set(house.world.company.operations["w_employee.update"].input.model_fields)
    assert fields.isdisjoint({"roles", "login"})
    assert {"rank", "name", "team_id"} <= fields


async def test_deleting_waits_for_the_line_and_the_row_goes_when_it_is_approved(house):
    response = await house.call("owner", "DELETE", MINE, headers={"If-Match": '"1"'})
    assert response.status_code == 202, response.text
    document = (await house.get("lead", response.headers["location"])).json()
    assert document["preview"] == [{"label": "명함", "before": "김하은", "after": ""}]
    assert (await house.get("owner", MINE)).status_code == 200
    await house.post("lead", f"{response.headers['location']}/decisions", {"decision": "approve"})
    assert (await house.get("owner", MINE)).status_code == 404


async def test_a_document_of_a_stale_version_is_not_applied(house):
    filed = await house.call("owner", "DELETE", MINE, headers={"If-Match": '"1"'})
    await house.call("owner", "PATCH", MINE, json={"city": "제주"})
    decided = await house.post("lead", f"{filed.headers['location']}/decisions", {"decision": "approve"})
    assert decided.json()["status"] == "apply_failed"
    assert (await house.get("owner", MINE)).status_code == 200


async def test_a_dry_run_shows_each_field_before_and_after(house):
    sent = {"id": OWNER, "city": "제주", "age": 21}
    body = (await house.post("owner", "/v1/ops/s_card.update?dry_run=true", sent)).json()
    assert body["preview"] == [{"label": "도시", "before": "서울", "after": "제주"}]
    assert [each["label"] for each in body["worded"]] == ["명함", "도시", "나이"]
    assert (await house.get("owner", MINE)).json()["version"] == 1


async def test_json_rpc_writes_by_the_operations_own_names(house):
    changed = await house.rpc("owner", "s_card.update", {"id": OWNER, "city": "제주", "version": 1})
    assert changed["result"]["result"]["fields"]["city"] == "제주"
    stale = await house.rpc("owner", "s_card.update", {"id": OWNER, "city": "서울", "version": 1})
    assert stale["error"]["data"]["code"] == "stale-version"


async def test_an_agent_writes_once_its_person_confirms_what_nobody_said_and_a_reader_not_at_all(house):
    world = house.world
    held = await world.door.call(await world.deputy(OWNER), "s_card.update", {"id": OWNER, "city": "제주"})
    assert isinstance(held, Held)
    assert (await house.call("owner", "GET", MINE)).json()["version"] == 1
    person = await world.actor(OWNER)
    done = await world.approvals.decide(person, held.approval_id, "approve", "", version=None, lang="ko")
    assert done["status"] == "applied"
    assert (await house.call("owner", "GET", MINE)).json()["city"] == "제주"
    assert "s_card.update" not in {one.name for one in world.door.operations(await world.deputy(OWNER, "reader"))}


async def test_text_is_kept_in_its_one_form(house):
    decomposed = "제주도"
    row = (await house.call("owner", "PATCH", MINE, json={"city": decomposed})).json()
    assert row["city"] == "제주도"


@pytest.mark.parametrize("fields", [("nothing",), ("id",), ("version",)])
def test_an_offer_of_what_is_no_field_to_write_is_refused(fields):
    with pytest.raises(DeclarationError, match="no field to write"):
        Catalog("a", Text("가", "A")).records(Card, update=Offer(anyone, fields=fields))


def test_the_same_offer_twice_is_refused():
    catalog = Catalog("a", Text("가", "A"))
    catalog.records(Project, create=anyone)
    with pytest.raises(DeclarationError, match="twice"):
        catalog.records(Project, create=anyone)
    other = Catalog("b", Text("나", "B"))
    other.records(Project, create=anyone)
    with pytest.raises(DeclarationError, match=r"w_project\.create"):
        Company(Text("가", "A"), [work, catalog, other], AGENTS)


def test_every_kind_of_field_is_described():
    catalog = Catalog("a", Text("가", "A"))
    catalog.records(Leave, create=anyone)
    catalog.records(Employee, create=Offer(anyone, fields=("name", "roles", "left_on")))
    schema = catalog.operations["w_leave.create"].input.model_json_schema()
    assert schema["required"] == ["employee_id", "start", "days"]
    assert schema["additionalProperties"] is False
    assert all("description" in each for each in schema["properties"].values())


def project_line(id: Ref[Project]) -> Line:  # noqa: A002 - the operation's own parameter
    """The lead decides on every change of a project."""
    del id
    return Line(superior(1), rule="project", because=Text("팀장이 결재해요", "The lead decides"))


async def test_an_approved_change_writes_what_was_sent_and_nothing_else(furnished, tmp_path):
    catalog = Catalog("offers", Text("가", "A"))
    catalog.records(Project, update=Offer(anyone, approval=project_line))
    async with open_world(furnished, tmp_path, catalog) as world:
        held = await world.held(await world.actor(OWNER), "w_project.update", {"id": 1, "due": None, "cost": 7})
        assert [(each.label.ko, each.before, each.after) for each in held.preview] == [
            ("cost", "100", "7"),
            ("due", "2026-12-01", ""),
        ]
        await world.approvals.decide(
            await world.actor(LEAD), held.approval_id, "approve", None, version=None, lang="ko"
        )
        row = (await world.sql("SELECT * FROM w_project WHERE id = 1"))[0]
    assert (row["name"], row["cost"], row["due"], row["code"], row["version"]) == ("가을 판촉", 7, None, "여우비", 2)
