"""A run belongs to the trace of whoever asked for it; what goes on after days is a new trace, linked to that one."""

import asyncio
import json

import pytest

from collector import Collector
from daeri.testing.model_server import Asked, ModelServer, Spent, calls, says
from servers import Server

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
CALLER = {"traceparent": f"00-{TRACE}-{SPAN}-01"}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    with Collector() as collector:
        more = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "200"}
        server = Server(tmp_path_factory.mktemp("traced") / "demo", "demo", more=more).start()
        yield server, collector
        server.stop()


def test_a_run_that_parks_is_followed_over_both_its_traces(place):
    server, collector = place
    keys = server.keys()
    asked = {"input": "다음 주 목금 연차 올려줘"}
    run = server.call("POST", "/v1/runs?wait=20", asked, key=keys["deputy"], headers=CALLER).body
    assert run["status"] == "waiting_approval", run
    request = collector.one("POST /v1/runs", lambda span: span.trace == TRACE)
    first = collector.one("invoke_agent assistant")
    assert (first.trace, first.parent, first.links) == (TRACE, request.id, [])
    assert first.values["daeri.run_id"] == run["run_id"]
    call = collector.one("execute_tool leave.request")
    assert (call.trace, call.parent) == (TRACE, first.id)
    assert call.values == {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "leave.request"}
    assert collector.one("operation leave.request").parent == call.id

    path = f"/v1/approvals/{run['approvals'][0]}"
    etag = {"If-Match": server.call("GET", path, key=keys["lead"]).headers["etag"]}
    decided = server.call("POST", f"{path}/decisions", {"decision": "approve"}, key=keys["lead"], headers=etag)
    assert decided.status == 200, decided.body
    server.until(f"/v1/runs/{run['run_id']}", keys["deputy"], lambda body: body["status"] == "succeeded")
    later = collector.one("invoke_agent assistant", lambda span: span.links)
    assert later.links == [(TRACE, request.id)]
    assert later.trace != TRACE
    assert later.parent == ""
    assert later.values["daeri.run_id"] == run["run_id"]
    for words in ("연차 올려줘", "김하은", "박서연", keys["deputy"]):
        assert words.encode() not in collector.bodies


def test_the_log_names_the_trace(place):
    server, collector = place
    server.call("GET", "/v1/approvals/none", key=server.keys()["deputy"], headers=CALLER)
    collector.one("GET /v1/approvals/{approval_id}", lambda span: span.values["http.response.status_code"] == 404)
    lines = [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]
    assert not [line for line in lines if "span_id" in line and "trace_id" not in line]


@pytest.mark.anyio
@pytest.mark.night
async def test_a_model_that_plans_is_told_the_trace_and_what_each_call_used_is_known(tmp_path):
    with Collector() as collector:
        async with ModelServer() as model:
            model.when("며칠", calls(Asked("leave__balance", {})), says("이레 남았어요", spent=Spent(90, 5)))
            more = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "200"}
            more |= {"DAERI_MODEL_URL": model.base_url, "DAERI_MODEL": "scripted", "DAERI_MODEL_API_KEY": "sk-x"}
            server = Server(tmp_path / "demo", "demo", more=more)
            await asyncio.to_thread(server.start)
            asked, key = {"input": "휴가 며칠 남았어?"}, server.keys()["deputy"]
            await asyncio.to_thread(server.call, "POST", "/v1/runs?wait=20", asked, key=key, headers=CALLER)
            told = [request.headers["traceparent"] for request in model.requests]
            last = await asyncio.to_thread(
                collector.one, "chat scripted", lambda span: span.values.get("gen_ai.usage.input_tokens") == 90
            )
            await asyncio.to_thread(server.stop)
        chats = collector.named("chat scripted")
        assert [f"00-{TRACE}-{chat.id}-01" for chat in chats] == told
        assert {(chat.kind, chat.values["gen_ai.operation.name"]) for chat in chats} == {("client", "chat")}
        assert last.values["gen_ai.usage.output_tokens"] == 5
        assert last.values["gen_ai.response.model"] == "scripted"
        assert {chat.values["gen_ai.provider.name"] for chat in chats} == {"127.0.0.1"}
        assert last.parent in {span.id for span in collector.named("plan")}
        assert "이레".encode() not in collector.bodies
