"""MCP by the SDK's own client, in both revisions, and by hand where the client would not do what is tried."""

import asyncio
import json
import subprocess
import sys

import httpx
import pytest
from mcp.shared.exceptions import MCPError
from mcp.shared.tool_name_validation import validate_tool_name
from mcp_types import ElicitResult

from daeri.gateway import Options
from daeri.gateway.mcp.extras import Extras
from daeri.gateway.mcp.tools import LISTED_MAX, OWN, PAGE, Tools
from daeri.operations import Catalog, anyone
from daeri.records import Records
from daeri.wording import Text
from gateway.gateway_house import opened
from gateway.live import served
from gateway.mcp_client import ERAS, TASKS, client, headers_of, message, raw
from worlds import HR, LEAD, OWNER, Said

pytestmark = pytest.mark.anyio


@pytest.fixture
async def url(house):
    async with served(house.app) as address:
        yield address


async def test_an_application_starts_without_loading_the_sdk():
    heavy = ("mcp", "a2a", "jwt", "httpx2", "google.protobuf")
    code = f"import daeri.app, sys; print([name for name in {heavy} if name in sys.modules])"
    done = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout.decode().strip() == "[]"


@pytest.mark.parametrize("era", ERAS)
async def test_the_tools_are_the_operations_that_the_caller_may_call(house, url, era):
    async with client(url, house.keys["owner"], era) as mcp:
        names = [tool.name for tool in (await mcp.list_tools()).tools]
    permitted = [operation.name for operation in house.world.door.operations(await house.world.actor(OWNER))]
    assert names == sorted([*OWN, *permitted])
    assert "work.headcount" not in names


@pytest.mark.parametrize("era", ERAS)
async def test_hints_follow_from_the_effect(house, url, era):
    async with client(url, await _key(house, HR), era) as mcp:
        tools = {tool.name: tool for tool in (await mcp.list_tools()).tools}
    assert tools["work.headcount"].annotations.read_only_hint
    assert not tools["work.add_project"].annotations.read_only_hint
    assert not tools["work.farewell"].annotations.destructive_hint, "it is filed, not carried out"
    assert all(validate_tool_name(name).is_valid for name in tools)


@pytest.mark.parametrize("era", ERAS)
async def test_a_call_answers_with_the_very_body_of_rest(house, url, era):
    rest = (await house.post("owner", "/v1/ops/work.find", {"employee": OWNER})).json()
    async with client(url, house.keys["owner"], era) as mcp:
        await mcp.list_tools()  # so that the client checks the result against the schema
        result = await mcp.call_tool("work.find", {"employee": OWNER})
    assert result.structured_content == rest
    assert result.content[0].text == "김하은이에요."
    assert json.loads(result.content[1].text) == rest


@pytest.mark.parametrize("era", ERAS)
async def test_a_held_call_tells_its_document_and_who_decides(house, url, era):
    async with client(url, house.keys["owner"], era) as mcp:
        await mcp.list_tools()
        result = await mcp.call_tool("work.request", {"start": "2026-12-01"})
        assert not result.is_error
        assert "박서연 팀장님의 결재를 기다려요" in result.content[0].text
        approval_id = result.structured_content["approval_id"]
        shown = await mcp.call_tool("approvals.get", {"approval_id": approval_id})
        assert shown.structured_content["status"] == "in_progress"
        await _decide(house, approval_id)
        shown = await mcp.call_tool("approvals.get", {"approval_id": approval_id})
        assert shown.structured_content["status"] == "applied"


@pytest.mark.parametrize("era", ERAS)
async def test_no_tool_decides(house, url, era):
    async with client(url, house.keys["lead"], era) as mcp:
        names = [tool.name for tool in (await mcp.list_tools()).tools]
        assert not [name for name in names if "decide" in name or "approve" in name]
        for name in ("approvals.decide", "approvals__decide", "session.start"):
            with pytest.raises(MCPError) as refused:
                await mcp.call_tool(name, {"approval_id": await house.held(start="2026-12-07"), "decision": "approve"})
            assert refused.value.code == -32602
            await house.world.sql("DELETE FROM approval")


@pytest.mark.parametrize("era", ERAS)
async def test_refusals_are_tool_errors_with_the_code_of_every_door(house, url, era):
    cases = {
        "permission-denied": ("work.headcount", {}),
        "validation-failed": ("work.request", {"start": "never"}),
        "conflict": ("work.request", {"start": "2026-12-02", "days": "11"}),
        "not-found": ("work.find", {"employee": 3}),
    }
    async with client(url, house.keys["owner"], era) as mcp:
        for code, (name, sent) in cases.items():
            result = await mcp.call_tool(name, sent)
            assert (result.is_error, result.structured_content["code"]) == (True, code)
            rest = (await house.post("owner", f"/v1/ops/{name}", sent)).json()
            assert result.structured_content | {"request_id": ""} == rest | {"request_id": ""}


@pytest.mark.parametrize("era", ERAS)
async def test_a_hidden_row_answers_like_a_missing_one_by_tool_and_by_address(house, url, era):
    async with client(url, house.keys["owner"], era) as mcp:
        hidden = await mcp.call_tool("records.get", {"type": "w_employee", "id": 3})
        missing = await mcp.call_tool("records.get", {"type": "w_employee", "id": 999})
        assert hidden.structured_content["detail"] == missing.structured_content["detail"]
        told = []
        for key in (3, 999):
            with pytest.raises(MCPError) as refused:
                await mcp.read_resource(f"daeri://records/w_employee/{key}")
            told.append((refused.value.code, refused.value.message))
        assert told[0] == told[1]


@pytest.mark.parametrize("era", ERAS)
async def test_records_are_resources_without_the_fields_that_are_hidden(house, url, era):
    async with client(url, house.keys["owner"], era) as mcp:
        assert "daeri://records/w_employee" in [str(item.uri) for item in (await mcp.list_resources()).resources]
        templates = [item.uri_template for item in (await mcp.list_resource_templates()).resource_templates]
        assert "daeri://records/{type}/{id}" in templates
        row = json.loads((await mcp.read_resource("daeri://records/w_employee/2")).contents[0].text)
    assert row["name"] == "김민준"
    assert "salary" not in row


async def test_addresses_that_are_none_are_not_found(house, url):
    async with client(url, house.keys["owner"]) as mcp:
        for uri in ("daeri://records/w_vault/1", "daeri://runs/x/y", "daeri://records/w_employee/1.5", "file:///etc/x"):
            with pytest.raises(MCPError) as refused:
                await mcp.read_resource(uri)
            assert (refused.value.code, refused.value.data["code"]) == (-32602, "not-found")


@pytest.mark.parametrize("era", ERAS)
async def test_prompts_start_from_what_the_caller_may_do(house, url, era):
    async with client(url, house.keys["owner"], era) as mcp:
        assert [prompt.name for prompt in (await mcp.list_prompts()).prompts] == ["daeri", "subject.work"]
        text = (await mcp.get_prompt("subject.work", {"request": "휴가"})).messages[0].content.text
        assert "work.request" in text
        assert "work.headcount" not in text
        for name, sent in (("subject.none", {}), ("daeri", {"other": "x"})):
            with pytest.raises(MCPError):
                await mcp.get_prompt(name, sent)


async def test_a_type_is_completed(house, url):
    from mcp_types import ResourceTemplateReference  # noqa: PLC0415 - only here

    async with client(url, house.keys["owner"]) as mcp:
        reference = ResourceTemplateReference(uri="daeri://records/{type}")
        completed = await mcp.complete(reference, {"name": "type", "value": "w_e"})
    assert completed.completion.values == ["w_employee"]


@pytest.mark.parametrize("era", ERAS)
async def test_an_agent_is_asked_and_tells_of_each_step(house, url, era):
    steps = []

    async def hear(_, __, words):
        steps.append(words)

    async with client(url, house.keys["owner"], era) as mcp:
        result = await mcp.call_tool("runs.create", {"input": "휴가 내줘"}, progress_callback=hear)
    assert result.structured_content["status"] == "waiting_approval"
    assert "run.waiting" in steps[-1]
    assert not [words for words in steps if words.startswith(("usage.", "stream.", "step.finished"))]


async def test_a_run_that_asks_back_asks_the_person_behind_the_client(house, url):
    asked = []

    async def choose(_, params):
        asked.append(params.message)
        return ElicitResult(action="accept", content={"choice": "다시"})

    async with client(url, house.keys["owner"], elicitation_callback=choose) as mcp:
        result = await mcp.call_tool("runs.create", {"input": "누구 말이에요?"})
    assert asked == ["들었어요: 누구 말이에요?"]
    assert result.content[0].text == "들었어요: 다시"


async def test_the_state_of_a_question_is_of_use_to_its_owner_only(house):
    capabilities = {"elicitation": {"form": {}}}
    key = {"_meta": {"daeri/idempotency-key": "k1"}}
    params = {"name": "runs.create", "arguments": {"input": "누구 말이에요?"}, **key}
    first = (await raw(house.http, house.keys["owner"], "tools/call", params, capabilities=capabilities))["result"]
    assert first["resultType"] == "input_required"
    again = params | {
        "requestState": first["requestState"],
        "inputResponses": {"choice": {"action": "accept", "content": {"choice": "다시"}}},
    }
    other = await raw(house.http, house.keys["colleague"], "tools/call", again, capabilities=capabilities)
    assert other["error"]["code"] == -32602
    forged = await raw(
        house.http, house.keys["owner"], "tools/call", again | {"requestState": "run_x"}, capabilities=capabilities
    )
    assert forged["error"] | {"data": None} == other["error"] | {"data": None}
    own = await raw(house.http, house.keys["owner"], "tools/call", again, capabilities=capabilities)
    assert own["result"]["structuredContent"]["input"] == "다시"
    twice = await raw(house.http, house.keys["owner"], "tools/call", again, capabilities=capabilities)
    assert twice["result"]["structuredContent"]["run_id"] == own["result"]["structuredContent"]["run_id"]
    declined = again | {"inputResponses": {"choice": {"action": "decline"}}}
    told = await raw(house.http, house.keys["owner"], "tools/call", declined, capabilities=capabilities)
    assert told["result"]["structuredContent"]["run_id"] == first["requestState"]


async def test_a_held_call_is_a_task_that_ends_with_the_decision(house):
    task = await _task(house, "2026-12-01")
    assert task["taskId"].startswith("apr_")
    assert (task["status"], task["resultType"]) == ("working", "task")
    assert "박서연 팀장" in task["statusMessage"]
    waiting = await _get_task(house, task["taskId"])
    assert waiting["result"]["createdAt"] == task["createdAt"]
    assert (waiting["result"]["status"], waiting["result"]["resultType"]) == ("working", "complete")
    await _decide(house, task["taskId"])
    done = (await _get_task(house, task["taskId"]))["result"]
    assert done["status"] == "completed"
    assert done["result"]["structuredContent"]["status"] == "applied"


async def test_a_rejected_task_completes_with_the_reason_as_an_error(house):
    task = await _task(house, "2026-12-01")
    await _decide(house, task["taskId"], "reject", "일정을 조정해 주세요.")
    done = (await _get_task(house, task["taskId"]))["result"]
    assert done["result"]["isError"]
    assert "일정을 조정해 주세요." in done["statusMessage"]


async def test_a_task_is_shown_to_those_whom_its_document_concerns(house):
    task = await _task(house, "2026-12-01")
    assert "result" in await _get_task(house, task["taskId"], "lead")
    strange = await _get_task(house, task["taskId"], "stranger")
    missing = await _get_task(house, "apr_00000000000000000000000000", "stranger")
    strange["error"]["data"]["request_id"] = missing["error"]["data"]["request_id"] = ""
    assert strange == missing
    assert strange["error"]["code"] == -32602


async def test_cancelling_a_task_takes_the_document_back_while_nobody_has_decided(house):
    task = await _task(house, "2026-12-01")
    other = await raw(house.http, house.keys["lead"], "tasks/cancel", {"taskId": task["taskId"]}, capabilities=TASKS)
    assert other["error"]["data"]["code"] == "permission-denied"
    ended = await raw(house.http, house.keys["owner"], "tasks/cancel", {"taskId": task["taskId"]}, capabilities=TASKS)
    assert ended["result"]["resultType"] == "complete"
    assert (await _get_task(house, task["taskId"]))["result"]["status"] == "cancelled"


async def test_a_run_is_a_task_for_a_client_that_follows_tasks(house):
    params = {"name": "runs.create", "arguments": {"input": "천천히"}}
    task = (await raw(house.http, house.keys["owner"], "tools/call", params, capabilities=TASKS))["result"]
    assert (task["resultType"], task["status"]) == ("task", "working")
    cancel = await raw(house.http, house.keys["owner"], "tasks/cancel", {"taskId": task["taskId"]}, capabilities=TASKS)
    assert "error" not in cancel
    assert (await _get_task(house, task["taskId"]))["result"]["status"] == "cancelled"


async def test_a_run_that_waits_for_people_is_asked_for_less_often(house):
    params = {"name": "runs.create", "arguments": {"input": "휴가 내줘"}}
    task = (await raw(house.http, house.keys["owner"], "tools/call", params, capabilities=TASKS))["result"]
    waiting = (await _get_task(house, task["taskId"]))["result"]
    assert (task["pollIntervalMs"], waiting["status"], waiting["pollIntervalMs"]) == (1_000, "working", 15_000)


async def test_tasks_are_for_clients_that_declare_them(house):
    params = {"name": "work.request", "arguments": {"start": "2026-12-01"}}
    result = (await raw(house.http, house.keys["owner"], "tools/call", params))["result"]
    assert result["resultType"] == "complete"
    got = await raw(
        house.http, house.keys["owner"], "tasks/get", {"taskId": result["structuredContent"]["approval_id"]}
    )
    assert got["error"]["code"] == -32021


async def test_a_header_that_disagrees_with_the_body_is_refused(house):
    key = house.keys["owner"]
    wrong = await raw(house.http, key, "tools/call", {"name": "work.find"}, headers={"Mcp-Name": "work.salary"})
    assert wrong["error"]["code"] == -32020
    task = await raw(
        house.http, key, "tasks/get", {"taskId": "apr_1"}, capabilities=TASKS, headers={"Mcp-Name": "apr_2"}
    )
    assert task["error"]["code"] == -32020


async def test_the_same_key_never_acts_twice(house):
    params = {"name": "work.add_project", "arguments": {"name": "여름"}, "_meta": {"daeri/idempotency-key": "k1"}}
    first = (await raw(house.http, house.keys["owner"], "tools/call", params))["result"]
    again = (await raw(house.http, house.keys["owner"], "tools/call", params))["result"]
    assert again["structuredContent"] == first["structuredContent"]
    assert again["_meta"]["daeri/replayed"]
    assert len(await house.world.sql("SELECT id FROM w_project WHERE name = '여름'")) == 1


async def test_a_dry_run_changes_nothing(house):
    params = {"name": "work.add_project", "arguments": {"name": "봄"}, "_meta": {"daeri/dry-run": True}}
    result = (await raw(house.http, house.keys["owner"], "tools/call", params))["result"]
    assert result["structuredContent"]["dry_run"]
    assert await house.world.sql("SELECT id FROM w_project WHERE name = '봄'") == []


async def test_only_a_key_comes_in(house):
    sent = message("tools/list")
    for headers in ({}, {"Cookie": "daeri_session=x"}, {"Authorization": "Bearer dk_live_unknown"}):
        response = await house.http.post("/mcp", json=sent, headers=headers_of(sent, None) | headers)
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("origin", ["https://evil.test", "null", "http://daeri.test.evil.test"])
async def test_a_page_of_elsewhere_is_refused_whatever_it_carries(house, origin):
    sent = message("tools/list")
    response = await house.http.post(
        "/mcp", json=sent, headers=headers_of(sent, house.keys["owner"]) | {"Origin": origin}
    )
    assert response.status_code == 403


async def test_other_methods_and_broken_bodies_are_refused(house):
    key = house.keys["owner"]
    for method in ("GET", "DELETE", "PUT"):
        response = await house.http.request(method, "/mcp", headers={"Authorization": f"Bearer {key}"})
        assert (response.status_code, response.headers["Allow"]) == (405, "POST")
    headers = headers_of(message("tools/list"), key)
    for content in (b"{", b"\xff", b'{"a": NaN}', b'{"a": 1, "a": 2}', b"[" * 100_000):
        response = await house.http.post("/mcp", content=content, headers=headers)
        assert (response.status_code, response.json()["error"]["code"]) == (400, -32700)
    assert (await house.http.post("/mcp", content=b"[]", headers=headers)).status_code == 400


async def test_a_revoked_key_is_refused_at_the_next_request(house, url):
    key = await _key(house, OWNER)
    async with client(url, key) as mcp:
        await mcp.list_tools()
        await house.world.sql("UPDATE api_key SET revoked_at = '2026-11-21 00:00:00' WHERE name = 'mcp'")
        with pytest.raises((MCPError, ExceptionGroup)):
            await mcp.call_tool("work.find", {"employee": OWNER})


async def test_a_narrow_key_has_fewer_tools(house, url):
    key = (await house.identity.add_key(OWNER, "narrow", decides=False, scopes=["work.find", "read"])).secret
    async with client(url, key) as mcp:
        names = [tool.name for tool in (await mcp.list_tools()).tools]
        assert "work.find" in names
        assert not {"work.request", "runs.create", "approvals.withdraw"} & set(names)
        refused = await mcp.call_tool("work.request", {"start": "2026-12-01"})
        assert refused.structured_content["code"] == "permission-denied"


async def test_closing_the_stream_stops_the_run(house, url):
    sent = message(
        "tools/call", {"name": "runs.create", "arguments": {"input": "천천히"}, "_meta": {"progressToken": 1}}
    )
    headers = headers_of(sent, house.keys["owner"])
    async with (
        httpx.AsyncClient(trust_env=False) as http,
        http.stream("POST", f"{url}/mcp", json=sent, headers=headers) as response,
    ):
        assert response.headers["content-type"].startswith("text/event-stream")
        async for line in response.aiter_lines():
            if "run.started" in line:
                break
    for _ in range(200):
        status = (await house.world.sql("SELECT status FROM run"))[0]["status"]
        if status == "cancelled":
            break
        await asyncio.sleep(0.01)
    assert status == "cancelled"


async def test_a_listener_hears_of_its_task_and_of_a_tool_that_it_lost(house, url, monkeypatch):
    monkeypatch.setattr("daeri.gateway.mcp.listen.LOOK_SECONDS", 0.01)
    key = await _key(house, LEAD)
    approval_id = await house.held()
    wanted = {"notifications": {"taskIds": [approval_id, "apr_none"], "toolsListChanged": True}}
    sent = message("subscriptions/listen", wanted, TASKS)
    heard = []
    async with (
        httpx.AsyncClient(trust_env=False, timeout=20) as http,
        http.stream("POST", f"{url}/mcp", json=sent, headers=headers_of(sent, key)) as response,
    ):
        async for line in response.aiter_lines():
            if not line.startswith("data: "):
                continue
            said = json.loads(line[6:])
            heard.append(said.get("method", "result"))
            match heard:
                case ["notifications/subscriptions/acknowledged"]:
                    assert said["params"]["notifications"] == {"toolsListChanged": True, "taskIds": [approval_id]}
                case [_, "notifications/tasks"]:
                    await _decide(house, approval_id)
                case [_, _, "notifications/tasks"]:
                    assert said["params"]["status"] == "completed"
                    await house.world.sql(f"""UPDATE w_employee SET roles = '["hr"]' WHERE id = {LEAD}""")
                case [_, _, _, "notifications/tools/list_changed"]:
                    await house.world.sql("UPDATE api_key SET revoked_at = '2026-11-21 00:00:00' WHERE name = 'mcp'")
    assert heard[-1] == "result", "a revoked key ends its stream"
    looks = [row for row in await house.world.audited() if row["action"] == "approval.show"]
    assert len(looks) == 2, "a document is looked at when it is told, not each time it is watched"


async def test_very_many_operations_are_searched_instead_of_listed(keyed, tmp_path):
    async with opened(keyed, tmp_path, Options(), catalogs=[_many()]) as house, served(house.app) as url:
        async with client(url, house.keys["owner"]) as mcp:
            names = [tool.name for tool in (await mcp.list_tools()).tools]
            assert names == sorted([*OWN, "ops.search", "ops.call"])
            found = await mcp.call_tool("ops.search", {"query": "모사 재고가 얼마나 있어?"})
            assert found.structured_content["data"][0]["name"] == "many.stock_46"
            called = await mcp.call_tool("ops.call", {"name": "many.stock_46"})
            assert called.structured_content["result"] == {"value": "46"}
            direct = await mcp.call_tool("many.stock_46")
            assert direct.structured_content["result"] == {"value": "46"}
        async with client(url, house.keys["owner"], path="/mcp?tools=all") as mcp:
            page = await mcp.list_tools()
            names = [tool.name for tool in page.tools]
            assert len(names) == PAGE
            while page.next_cursor:
                page = await mcp.list_tools(cursor=page.next_cursor)
                names += [tool.name for tool in page.tools]
            assert len(names) == len(set(names)) == len(OWN) + len(house.world.company.operations) - 2
            with pytest.raises(MCPError):
                await mcp.list_tools(cursor="nowhere")


async def test_as_many_operations_as_are_listed_come_in_one_page(keyed, tmp_path, house):
    others = len([each for each in house.world.company.operations.values() if each.catalog == "work"])
    (tmp_path / "many").mkdir()
    async with opened(keyed, tmp_path / "many", Options(), catalogs=[_many(LISTED_MAX - others)]) as full:
        listed = (await raw(full.http, full.keys["owner"], "tools/list"))["result"]
    assert "nextCursor" not in listed
    names = [tool["name"] for tool in listed["tools"]]
    assert {*OWN, "many.stock_0", "work.find"} < set(names)
    assert "ops.search" not in names


def _many(count: int = PAGE) -> Catalog:
    catalog = Catalog("many", Text("재고", "Stock"))
    for number in range(count):
        goods = "고노도로모보소"[number % 7] + "가나다라마바사아자차카타파하거너"[number // 7]
        label = Text(f"{goods} 재고", f"Stock of {goods}")

        async def stock(records: Records, shown: str = str(number)) -> Said:
            """Tell what a warehouse holds."""
            del records
            return Said(value=shown)

        stock.__name__ = f"stock_{number}"
        catalog.read(label=label, allow=anyone, examples=[f"{goods} 재고 얼마나 있어?"], words=[goods])(stock)
    return catalog


async def _key(house, person_id):
    return (await house.identity.add_key(person_id, "mcp", decides=False)).secret


async def _task(house, start):
    params = {"name": "work.request", "arguments": {"start": start}}
    return (await raw(house.http, house.keys["owner"], "tools/call", params, capabilities=TASKS))["result"]


async def _get_task(house, task_id, who="owner"):
    return await raw(house.http, house.keys[who], "tasks/get", {"taskId": task_id}, capabilities=TASKS)


async def _decide(house, approval_id, decision="approve", comment=None):
    body = {"decision": decision} | ({"comment": comment} if comment else {})
    response = await house.post("lead", f"/v1/approvals/{approval_id}/decisions", body)
    assert response.status_code == 200, response.text


async def test_schemas_are_made_once(house):
    tools = Tools(house.services, Extras())
    actor = await house.world.actor(OWNER)
    assert tools.of(actor, "ko")[-1] is tools.of(actor, "ko")[-1]
