"""The explanation over REST: the same shapes for everyone, and for each only what they may know."""

import pytest

from daeri.gateway import Options
from gateway.gateway_house import opened, with_keys
from worlds import COLLEAGUE, OWNER, SALARIES, STRANGER

pytestmark = pytest.mark.anyio

EXPLAIN = "/v1/policies/explain"


@pytest.fixture(scope="module")
def keyed(furnished, tmp_path_factory):
    return with_keys(furnished, tmp_path_factory.mktemp("keyed"))


@pytest.fixture
async def served(keyed, tmp_path):
    async with opened(keyed, tmp_path, Options(version="1.2.3")) as one:
        yield one


async def test_one_asks_about_oneself(served):
    body = (await served.get("owner", EXPLAIN)).json()
    assert body["person"]["id"] == OWNER
    assert set(body) == {"person", "active", "agent", "scopes", "roles", "operations", "records"}
    assert {one["name"] for one in body["operations"]} == set(served.world.company.operations)
    body = (await served.get("owner", f"{EXPLAIN}?type=w_employee&id={OWNER}&operation=work.salary")).json()
    assert [one["name"] for one in body["operations"]] == ["work.salary"]
    assert [one["type"] for one in body["records"]] == ["w_employee"]


async def test_language_follows_the_caller(served):
    path = f"{EXPLAIN}?operation=work.headcount"
    ko, en = [
        (await served.get("owner", path, headers={"Accept-Language": lang})).json()["operations"][0]["why"]
        for lang in ("ko", "en")
    ]
    assert (ko, en) == ("인원은 인사 담당만 할 수 있어요", "Headcount is for HR only")


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        (f"person={COLLEAGUE}", 403, "permission-denied"),
        ("person=이서준", 403, "permission-denied"),
        ("person=9999", 403, "permission-denied"),
        (f"type=w_employee&id={STRANGER}", 404, "not-found"),
        ("type=w_employee&id=9999", 404, "not-found"),
        ("type=w_employee&id=9223372036854775807", 404, "not-found"),
        ("type=w_employee&id=없는사람", 422, "validation-failed"),
        ("type=w_vault", 404, "not-found"),
        ("operation=no.such", 404, "not-found"),
        ("agent=nobody", 404, "not-found"),
        ("id=1", 422, "validation-failed"),
        ("field=salary", 422, "validation-failed"),
        ("type=w_team&type=w_leave", 422, "validation-failed"),
    ],
)
async def test_what_may_not_be_asked_is_a_problem(served, query, status, code):
    response = await served.get("owner", f"{EXPLAIN}?{query}")
    assert (response.status_code, response.json()["code"]) == (status, code)


async def test_a_hidden_row_and_an_absent_one_answer_alike(served):
    bodies = [(await served.get("owner", f"{EXPLAIN}?type=w_employee&id={key}")).json() for key in (STRANGER, 9999)]
    assert [body.pop("request_id", None) is None for body in bodies] in ([True, True], [False, False])
    assert bodies[0] == bodies[1]


async def test_no_answer_holds_a_salary(served):
    for who in ("owner", "colleague", "stranger", "lead"):
        for path in (EXPLAIN, f"{EXPLAIN}?type=w_employee", f"{EXPLAIN}?type=w_employee&id={COLLEAGUE}"):
            text = (await served.get(who, path)).text
            assert not [salary for salary in SALARIES.values() if str(salary) in text]


async def test_nobody_asks_without_a_key(served):
    assert (await served.http.get(EXPLAIN)).status_code == 401


async def test_it_is_the_same_over_json_rpc(served):
    asked = {"type": "w_employee", "id": str(OWNER)}
    over_rpc = await served.rpc("owner", "policies.explain", asked)
    over_rest = await served.get("owner", f"{EXPLAIN}?type=w_employee&id={OWNER}", headers={"Accept-Language": "ko"})
    assert over_rpc["result"] == over_rest.json()
    refused = await served.rpc("owner", "policies.explain", {"person": str(COLLEAGUE)})
    assert refused["error"]["data"]["code"] == "permission-denied"


async def test_it_is_described(served):
    described = (await served.http.get("/openapi.json")).json()["paths"][EXPLAIN]["get"]
    assert described["operationId"] == "policies.explain"
    assert [one["name"] for one in described["parameters"]] == [
        *("person", "agent", "operation", "type", "id"),
        "If-None-Match",
    ]
