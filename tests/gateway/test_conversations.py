"""Conversations over REST and JSON-RPC: the same service by both, each person's own alone."""

import pytest

pytestmark = pytest.mark.anyio


async def asked(house, words, session=None, who="owner"):
    body = {"input": words} | ({"session_id": session} if session else {})
    return (await house.post(who, "/v1/runs", body)).json()


async def test_a_conversation_is_listed_searched_renamed_forked_and_deleted(house):
    run = await asked(house, "연차 규정 알려줘")
    where = f"/v1/conversations/{run['session_id']}"
    await asked(house, "매출 알려줘")
    page = (await house.get("owner", "/v1/conversations?limit=1")).json()
    assert page["has_more"] is True
    assert len((await house.get("owner", "/v1/conversations")).json()["data"]) == 2
    found = (await house.get("owner", "/v1/conversations?q=연차 규정")).json()["data"]
    assert [each["session_id"] for each in found] == [run["session_id"]]
    renamed = await house.call("owner", "PATCH", where, json={"title": "연차"})
    assert (renamed.status_code, renamed.json()["title"]) == (200, "연차")
    fork = await house.post("owner", f"{where}/fork", {"run_id": run["run_id"]})
    assert fork.status_code == 201
    assert (await house.get("owner", fork.headers["location"])).json()["turns"] == 1
    gone = await house.call("owner", "DELETE", where)
    assert gone.status_code == 204
    assert (await house.get("owner", where)).status_code == 404
    assert (await house.get("owner", f"/v1/runs/{run['run_id']}")).status_code == 404


async def test_a_run_is_asked_again_in_other_words_once(house):
    run = await asked(house, "김대리 찾아줘")
    edited = await house.post("owner", f"/v1/runs/{run['run_id']}/edit?wait=5", {"input": "김과장 찾아줘"})
    assert edited.status_code == 202
    assert edited.json()["session_id"] == run["session_id"]
    assert edited.json()["answer"] == "들었어요: 김과장 찾아줘"
    before = (await house.get("owner", f"/v1/runs/{run['run_id']}")).json()
    assert before["replaced_by"] == edited.json()["run_id"]
    again = await house.post("owner", f"/v1/runs/{run['run_id']}/edit", {"input": "또"})
    assert again.status_code == 409


@pytest.mark.parametrize("who", ["colleague", "stranger", "lead"])
async def test_somebody_elses_conversation_is_not_there_by_any_door(house, who):
    run = await asked(house, "연차 규정 알려줘")
    where, named = f"/v1/conversations/{run['session_id']}", {"session_id": run["session_id"]}
    assert (await house.get(who, "/v1/conversations")).json()["data"] == []
    assert (await house.get(who, "/v1/conversations?q=연차")).json()["data"] == []
    answers = [
        await house.get(who, where),
        await house.call(who, "PATCH", where, json={"title": "내 것"}),
        await house.call(who, "DELETE", where),
        await house.post(who, f"{where}/fork"),
        await house.post(who, f"/v1/runs/{run['run_id']}/edit", {"input": "또"}),
    ]
    assert [each.status_code for each in answers] == [404] * 5
    for method, more in (
        ("conversations.get", {}),
        ("conversations.rename", {"title": "내 것"}),
        ("conversations.delete", {}),
        ("conversations.fork", {}),
    ):
        assert (await house.rpc(who, method, named | more))["error"]["data"]["code"] == "not-found"
    assert (await house.rpc(who, "conversations.list"))["result"]["data"] == []


async def test_json_rpc_does_what_rest_does(house):
    run = await asked(house, "연차 규정 알려줘")
    named = {"session_id": run["session_id"]}
    listed = (await house.rpc("owner", "conversations.list", {"q": "규정"}))["result"]
    assert listed == (await house.get("owner", "/v1/conversations?q=규정")).json()
    assert (await house.rpc("owner", "conversations.rename", named | {"title": "연차"}))["result"]["title"] == "연차"
    assert (await house.rpc("owner", "conversations.fork", named))["result"]["forked_from"] == run["session_id"]
    edited = await house.rpc("owner", "runs.edit", {"run_id": run["run_id"], "input": "김과장", "wait": 5})
    assert edited["result"]["answer"] == "들었어요: 김과장"
    assert (await house.rpc("owner", "conversations.delete", named))["result"] is None
    assert (await house.rpc("owner", "conversations.get", named))["error"]["data"]["code"] == "not-found"


@pytest.mark.parametrize("body", [{}, {"title": ""}, {"title": "가" * 101}, {"title": 1}, {"title": "a", "agent": "b"}])
async def test_a_title_that_is_none_is_refused(house, body):
    run = await asked(house, "연차 규정 알려줘")
    answer = await house.call("owner", "PATCH", f"/v1/conversations/{run['session_id']}", json=body)
    assert answer.status_code == 422
