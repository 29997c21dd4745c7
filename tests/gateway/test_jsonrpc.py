"""The specification's own examples (jsonrpc.org/specification §7), its rules, and our methods behind it."""

import json

import httpx
import pytest
from fastapi import FastAPI

from daeri.errors import Conflict
from daeri.gateway import Options
from daeri.gateway.doorkeeper import Doorkeeper
from daeri.gateway.jsonrpc import Caller, Dispatcher, rpc
from daeri.records import Actor
from gateway.rpc_examples import EXAMPLES, INVALID, METHODS, PARSE, bare, error

pytestmark = pytest.mark.anyio

CALLER = Caller(Actor(1, "김하은"), "en", "req-1")


async def uncounted(_: Actor) -> None:
    """There is no limit."""


DISPATCHER = Dispatcher(METHODS.get, uncounted, one_is_counted=True)


@pytest.mark.parametrize(("sent", "expected"), EXAMPLES)
async def test_the_specifications_examples(sent, expected):
    assert bare(await DISPATCHER.handle(sent.encode(), CALLER)) == expected


@pytest.mark.parametrize(("sent", "expected"), EXAMPLES)
async def test_the_specifications_examples_over_http(house, sent, expected):
    app = FastAPI(exception_handlers=house.parts.handlers)
    app.include_router(rpc(METHODS.get, Doorkeeper(house.identity, Options())))
    transport = httpx.ASGITransport(app)
    headers = {"Authorization": f"Bearer {house.keys['owner']}", "Content-Type": "application/json"}
    async with httpx.AsyncClient(transport=transport, base_url="http://daeri.test", trust_env=False) as http:
        answer = await http.post("/rpc", content=sent.encode(), headers=headers)
    assert answer.status_code == (204 if expected is None else 200)
    assert (bare(answer.json()) if answer.content else None) == expected


@pytest.mark.parametrize("call_id", ["1", "", "한글", 1, 0, -7, 1.0, 1.5, 2**53 + 1, None])
async def test_ids_come_back_with_their_type(call_id):
    sent = json.dumps({"jsonrpc": "2.0", "method": "get_data", "id": call_id}).encode()
    response = await DISPATCHER.handle(sent, CALLER)
    assert response["id"] == call_id
    assert type(response["id"]) is type(call_id)


@pytest.mark.parametrize("call_id", ["true", "[1]", '{"a": 1}'])
async def test_an_id_of_another_type_is_an_invalid_request_with_id_null(call_id):
    sent = f'{{"jsonrpc": "2.0", "method": "get_data", "id": {call_id}}}'
    assert bare(await DISPATCHER.handle(sent.encode(), CALLER)) == INVALID


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\xff\xfe",
        b'{"jsonrpc": "2.0", "method": "echo", "params": [NaN], "id": 1}',
        b'{"jsonrpc": "2.0", "method": "echo", "params": [Infinity], "id": 1}',
        b'{"jsonrpc": "2.0", "method": "echo", "params": [1e999], "id": 1}',
        b'{"jsonrpc": "2.0", "method": "echo", "params": ["\\ud800"], "id": 1}',
        b'{"jsonrpc": "2.0", "method": "echo", "id": 1, "id": 2}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" * 40 + b"]" * 40,
    ],
)
async def test_what_is_not_json_is_a_parse_error(sent):
    assert bare(await DISPATCHER.handle(sent, CALLER)) == PARSE


@pytest.mark.parametrize(
    "sent",
    [
        {"method": "echo", "id": 1},
        {"jsonrpc": "1.0", "method": "echo", "id": 1},
        {"jsonrpc": 2.0, "method": "echo", "id": 1},
        {"jsonrpc": "2.0", "id": 1},
        {"jsonrpc": "2.0", "method": None, "id": 1},
        {"jsonrpc": "2.0", "method": "echo", "params": None, "id": 1},
        {"jsonrpc": "2.0", "method": "echo", "params": "text", "id": 1},
    ],
)
async def test_a_call_of_the_wrong_form_is_invalid_and_answered_to_its_id(sent):
    response = await DISPATCHER.handle(json.dumps(sent).encode(), CALLER)
    assert bare(response) == error(-32600, "Invalid Request", 1)


@pytest.mark.parametrize("method", ["foobar", "refuse", "fail"])
async def test_notifications_stay_silent_even_on_errors(method):
    sent = json.dumps({"jsonrpc": "2.0", "method": method}).encode()
    assert await DISPATCHER.handle(sent, CALLER) is None


async def test_one_calls_fault_leaves_the_others_of_its_batch_alone():
    sent = [{"jsonrpc": "2.0", "method": method, "id": method} for method in ("get_data", "fail", "refuse", "get_data")]
    responses = await DISPATCHER.handle(json.dumps(sent).encode(), CALLER)
    assert [response.get("error", {}).get("code") for response in responses] == [None, -32603, -32069, None]
    assert "insides" not in json.dumps(responses)


async def test_errors_carry_the_problem():
    response = await DISPATCHER.handle(b'{"jsonrpc": "2.0", "method": "refuse", "id": 1}', CALLER)
    data = response["error"]["data"]
    assert (data["code"], data["status"], data["request_id"]) == ("conflict", 409, "req-1")
    assert response["error"]["message"] == Conflict.title.en


@pytest.mark.parametrize("method", ["rpc.discover", "rpc.", "rpc.echo"])
async def test_reserved_names_are_not_found(method):
    sent = json.dumps({"jsonrpc": "2.0", "method": method, "id": 1}).encode()
    everything = Dispatcher(lambda _: METHODS["echo"], uncounted, one_is_counted=True)
    assert (await everything.handle(sent, CALLER))["error"]["code"] == -32601


async def test_more_positional_parameters_than_names_are_refused():
    sent = b'{"jsonrpc": "2.0", "method": "subtract", "params": [1, 2, 3], "id": 1}'
    assert (await DISPATCHER.handle(sent, CALLER))["error"]["code"] == -32602


@pytest.mark.parametrize(("size", "is_answered"), [(50, True), (51, False)])
async def test_batches_are_bounded(size, is_answered):
    sent = [{"jsonrpc": "2.0", "method": "get_data", "id": number} for number in range(size)]
    response = await DISPATCHER.handle(json.dumps(sent).encode(), CALLER)
    assert isinstance(response, list) is is_answered


async def test_get_response_answers_a_prompt(house):
    answer = (await house.rpc("owner", "get_response", {"prompt": "Hello"}))["result"]
    assert answer["response"] == "들었어요: Hello"
    assert answer["status"] == "succeeded"
    assert answer["run_id"].startswith("run_")
    assert answer["session_id"].startswith("ses_")
    assert answer["choices"] == [{"label": "다시", "input": "다시"}]
    assert answer["approvals"] == []


async def test_get_response_takes_its_prompt_by_position(house):
    assert (await house.rpc("owner", "get_response", ["Hello"]))["result"]["status"] == "succeeded"


@pytest.mark.parametrize(("lang", "words"), [("ko", "결재를 올렸어요"), ("en", "Filed for approval")])
async def test_get_response_says_that_a_run_waits(house, lang, words):
    headers = {"Accept-Language": lang}
    answer = (await house.rpc("owner", "get_response", {"prompt": "휴가 올려줘"}, headers=headers))["result"]
    assert answer["status"] == "waiting_approval"
    assert words in answer["response"]
    assert answer["approvals"]


async def test_get_response_says_that_a_run_still_works(house):
    answer = (await house.rpc("owner", "get_response", {"prompt": "천천히", "wait": 0.05}))["result"]
    assert answer["status"] == "queued"
    assert "runs.get" in answer["response"]


async def test_a_conversation_goes_on_in_its_session(house):
    first = (await house.rpc("owner", "get_response", {"prompt": "하나"}))["result"]
    second = (await house.rpc("owner", "get_response", {"prompt": "둘", "session_id": first["session_id"]}))["result"]
    assert second["session_id"] == first["session_id"]
    stolen = await house.rpc("stranger", "get_response", {"prompt": "둘", "session_id": first["session_id"]})
    assert stolen["error"]["code"] == -32064


async def test_every_operation_is_a_method_by_its_name(house):
    assert (await house.rpc("owner", "work.find", {"employee": "김민준"}))["result"]["result"] == {"value": "김민준"}
    assert (await house.rpc("owner", "work.find", [2]))["result"]["result"] == {"value": "김민준"}
    held = (await house.rpc("owner", "work.request", {"start": "2026-12-01"}))["result"]
    assert held["status"] == "in_progress"


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("no.such", {}, -32601),
        ("work.headcount", {}, -32063),
        ("work.salary", {"employee": 2}, -32063),
        ("work.find", {"employee": 3}, -32064),
        ("work.find", {}, -32602),
        ("work.find", {"employee": 1, "actor": 2}, -32602),
        ("work.request", {"start": "2026-12-01", "days": "11"}, -32069),
        ("get_response", {"prompt": ""}, -32602),
        ("get_response", {}, -32602),
        ("get_response", {"prompt": "a", "wait": "long"}, -32602),
        ("ops.describe", {"name": "no.such"}, -32064),
        ("ops.call", {"name": "work.find", "arguments": [1]}, -32602),
        ("runs.get", {"run_id": "run_0"}, -32064),
        ("approvals.get", {"approval_id": "apr_0"}, -32064),
        ("approvals.list", {"box": "all"}, -32602),
        ("records.get", {"type": "w_employee", "id": 3}, -32064),
        ("records.list", {"type": "w_employee", "filters": {"salary.gt": 1}}, -32063),
    ],
)
async def test_refusals_carry_their_code(house, method, params, code):
    assert (await house.rpc("owner", method, params))["error"]["code"] == code


async def test_the_services_answer_as_over_rest(house):
    for method, params, path in (
        ("me", {}, "/v1/me"),
        ("ops.list", {}, "/v1/ops"),
        ("ops.describe", {"name": "work.find"}, "/v1/ops/work.find"),
        ("records.types", {}, "/v1/records"),
        (
            "records.list",
            {"type": "w_project", "sort": "-cost", "limit": 1},
            "/v1/records/w_project?sort=-cost&limit=1",
        ),
        ("records.list", {"type": "w_project", "filters": {"cost.gte": 300}}, "/v1/records/w_project?cost.gte=300"),
        ("records.get", {"type": "w_employee", "id": 1}, "/v1/records/w_employee/1"),
        ("approvals.list", {"box": "drafted"}, "/v1/approvals?box=drafted"),
        ("runs.list", {}, "/v1/runs"),
    ):
        assert (await house.rpc("owner", method, params))["result"] == (await house.get("owner", path)).json(), method


async def test_a_document_goes_its_way_by_rpc(house):
    sent = {"name": "work.request", "arguments": {"start": "2026-12-01"}, "idempotency_key": "k"}
    filed = (await house.rpc("owner", "ops.call", sent))["result"]
    assert (await house.rpc("owner", "ops.call", sent))["result"] == filed
    named = {"approval_id": filed["approval_id"]}
    assert (await house.rpc("stranger", "approvals.decide", {**named, "decision": "approve"}))["error"][
        "code"
    ] == -32064
    stale = await house.rpc("lead", "approvals.decide", {**named, "decision": "approve", "version": 9})
    assert stale["error"]["code"] == -32072
    done = (await house.rpc("lead", "approvals.decide", {**named, "decision": "approve", "version": 1}))["result"]
    assert done["status"] == "applied"
    assert (await house.rpc("owner", "approvals.withdraw", named))["error"]["code"] == -32069


async def test_a_dry_run_by_rpc_leaves_nothing(house):
    sent = {"name": "work.request", "arguments": {"start": "2026-12-01"}, "dry_run": True}
    assert (await house.rpc("owner", "ops.call", sent))["result"]["dry_run"] is True
    assert (await house.rpc("owner", "approvals.list", {"box": "drafted"}))["result"]["data"] == []


async def test_a_run_goes_its_way_by_rpc(house):
    created = (await house.rpc("owner", "runs.create", {"input": "천천히"}))["result"]
    named = {"run_id": created["run_id"]}
    assert (await house.rpc("owner", "runs.get", named))["result"]["status"] == "queued"
    assert (await house.rpc("stranger", "runs.get", named))["error"]["code"] == -32064
    assert (await house.rpc("owner", "runs.cancel", named))["result"]["status"] == "cancelled"


async def test_the_header_key_counts_for_a_single_call_and_not_for_a_batch(house):
    headers = {"Idempotency-Key": "one"}
    first = await house.rpc("owner", "work.request", {"start": "2026-12-01"}, headers=headers)
    again = await house.rpc("owner", "work.request", {"start": "2026-12-01"}, headers=headers)
    assert first == again
    batch = [
        {"jsonrpc": "2.0", "method": "work.add_project", "params": {"name": name}, "id": name} for name in ("a", "b")
    ]
    answers = (await house.post("owner", "/rpc", batch, headers={"Idempotency-Key": "two"})).json()
    assert [answer["result"]["result"]["value"] for answer in answers] == ["a", "b"]


async def test_only_notifications_is_204(house):
    response = await house.post("owner", "/rpc", {"jsonrpc": "2.0", "method": "me"})
    assert (response.status_code, response.content) == (204, b"")


async def test_without_a_credential_the_answer_is_401_and_an_rpc_error(house):
    response = await house.http.post("/rpc", json={"jsonrpc": "2.0", "method": "me", "id": 1})
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert response.json()["error"]["code"] == -32061
