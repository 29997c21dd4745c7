"""A2A by the SDK's own client, in both bindings, and by hand where the client would not do what is tried."""

import asyncio
import uuid

import httpx
import pytest
from a2a.client import A2ACardResolver, ClientConfig, create_client
from a2a.client.errors import A2AClientError
from a2a.types import a2a_pb2 as pb
from a2a.utils.errors import A2AError
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.struct_pb2 import Value

from gateway.live import served
from worlds import OWNER

pytestmark = pytest.mark.anyio

BINDINGS = ("JSONRPC", "HTTP+JSON")
INPUT_REQUIRED = pb.TaskState.TASK_STATE_INPUT_REQUIRED
COMPLETED = pb.TaskState.TASK_STATE_COMPLETED


@pytest.fixture
async def url(house):
    async with served(house.app) as address:
        yield address


class Peer:
    """The SDK's client, as one of the people."""

    def __init__(self, url, key, binding="JSONRPC", *, streaming=False):
        self.url, self.binding, self.streaming = url, binding, streaming
        self.http = httpx.AsyncClient(headers={"Authorization": f"Bearer {key}"}, trust_env=False, timeout=30)

    async def __aenter__(self):
        config = ClientConfig(
            streaming=self.streaming, httpx_client=self.http, supported_protocol_bindings=[self.binding]
        )
        self.client = await create_client(self.url, config)
        return self

    async def __aexit__(self, *_):
        await self.http.aclose()

    async def send(self, *parts, **more):
        """Send one message and return everything that comes back."""
        configuration = more.pop("configuration", None)
        message = pb.Message(message_id=more.pop("message_id", uuid.uuid4().hex), role="ROLE_USER", parts=parts, **more)
        request = pb.SendMessageRequest(message=message, configuration=configuration)
        return [item async for item in self.client.send_message(request)]


def words(text):
    return pb.Part(text=text)


def call(operation, **arguments):
    return pb.Part(data=ParseDict({"operation": operation, "arguments": arguments}, Value()))


def data_of(message):
    return next(MessageToDict(part.data) for part in message.parts if part.HasField("data"))


async def test_the_card_names_a_skill_for_each_operation_and_needs_no_key(house, url):
    async with httpx.AsyncClient(trust_env=False) as http:
        card = await A2ACardResolver(http, url).get_agent_card()
        assert {"ask", *house.world.company.operations} == {skill.id for skill in card.skills}
        assert [(each.protocol_binding, each.protocol_version) for each in card.supported_interfaces] == [
            ("JSONRPC", "1.0"),
            ("HTTP+JSON", "1.0"),
        ]
        answer = await http.get(f"{url}/.well-known/agent-card.json")
        assert "max-age" in answer.headers["Cache-Control"]
        assert answer.headers["Last-Modified"].endswith("GMT")
        again = await http.get(answer.url, headers={"If-None-Match": answer.headers["ETag"]})
        assert again.status_code == 304


@pytest.mark.parametrize("binding", BINDINGS)
async def test_the_extended_card_names_what_the_caller_may_do(house, url, binding):
    async with Peer(url, house.keys["owner"], binding) as peer:
        card = await peer.client.get_extended_agent_card(pb.GetExtendedAgentCardRequest())
    skills = {skill.id for skill in card.skills}
    assert "work.find" in skills
    assert "work.headcount" not in skills


@pytest.mark.parametrize("binding", BINDINGS)
async def test_words_become_a_run_whose_id_is_the_tasks(house, url, binding):
    async with Peer(url, house.keys["owner"], binding) as peer:
        task = (await peer.send(words("안녕")))[-1].task
        assert task.status.state == COMPLETED
        assert task.artifacts[0].parts[0].text == "들었어요: 안녕"
        run = (await house.get("owner", f"/v1/runs/{task.id}")).json()
        assert (run["status"], run["session_id"]) == ("succeeded", task.context_id)
        got = await peer.client.get_task(pb.GetTaskRequest(id=task.id))
        assert got.artifacts[0].parts[0].text == "들었어요: 안녕"
        assert [message.role for message in got.history] == [pb.Role.ROLE_USER, pb.Role.ROLE_AGENT]
        short = await peer.client.get_task(pb.GetTaskRequest(id=task.id, history_length=1))
        assert len(short.history) == 1


@pytest.mark.parametrize("binding", BINDINGS)
async def test_a_task_that_waits_tells_who_must_approve_and_ends_with_the_decision(house, url, binding):
    async with Peer(url, house.keys["owner"], binding) as peer:
        task = (await peer.send(words("휴가 내줘")))[-1].task
        assert task.status.state == INPUT_REQUIRED
        assert "박서연 팀장" in task.status.message.parts[0].text
        approval_id = data_of(task.status.message)["approval_id"]
        with pytest.raises((A2AError, A2AClientError), match="결재"):
            await peer.send(words("승인!"), task_id=task.id)
        await _decide(house, approval_id)
        ended = await peer.client.get_task(pb.GetTaskRequest(id=task.id))
    assert ended.status.state == COMPLETED


@pytest.mark.parametrize("binding", BINDINGS)
async def test_a_stream_tells_each_event_up_to_where_people_are_needed(house, url, binding):
    async with Peer(url, house.keys["owner"], binding, streaming=True) as peer:
        heard = await peer.send(words("휴가 내줘"))
    assert heard[0].HasField("task")
    assert heard[-1].status_update.status.state == INPUT_REQUIRED
    types = [MessageToDict(item.status_update.metadata)["daeri/event"]["type"] for item in heard[1:]]
    assert types[-2:] == ["approval.requested", "run.waiting"]


@pytest.mark.parametrize("binding", BINDINGS)
async def test_a_stream_ends_with_the_answer(house, url, binding):
    async with Peer(url, house.keys["owner"], binding, streaming=True) as peer:
        heard = await peer.send(words("안녕"))
    answers = [item.artifact_update for item in heard if item.HasField("artifact_update")]
    assert answers[-1].artifact.parts[0].text == "들었어요: 안녕"
    assert answers[-1].last_chunk
    assert heard[-1].status_update.status.state == COMPLETED


@pytest.mark.parametrize("binding", BINDINGS)
async def test_two_listeners_of_one_task_hear_the_same_to_its_end(house, url, binding):
    async with Peer(url, house.keys["owner"], binding, streaming=True) as peer:
        heard = await peer.send(words("휴가 내줘"))
        request = pb.SubscribeToTaskRequest(id=heard[0].task.id)

        async def listen():
            return [MessageToDict(item) async for item in peer.client.subscribe(request)]

        listeners = [asyncio.create_task(listen()) for _ in range(2)]
        await asyncio.sleep(0.1)
        await _decide(house, data_of(heard[-1].status_update.status.message)["approval_id"])
        first, second = await asyncio.gather(*listeners)
        assert first == second
        assert first[-1]["statusUpdate"]["status"]["state"] == "TASK_STATE_COMPLETED"
        with pytest.raises((A2AError, A2AClientError)):
            await listen()


@pytest.mark.parametrize("binding", BINDINGS)
async def test_a_task_is_cancelled(house, url, binding):
    at_once = pb.SendMessageConfiguration(return_immediately=True)
    async with Peer(url, house.keys["owner"], binding) as peer:
        task = (await peer.send(words("천천히"), configuration=at_once))[-1].task
        assert task.status.state == pb.TaskState.TASK_STATE_SUBMITTED
        ended = await peer.client.cancel_task(pb.CancelTaskRequest(id=task.id))
        assert ended.status.state == pb.TaskState.TASK_STATE_CANCELED
        with pytest.raises((A2AError, A2AClientError)):
            await peer.client.cancel_task(pb.CancelTaskRequest(id=task.id))


@pytest.mark.parametrize("binding", BINDINGS)
async def test_the_tasks_of_others_answer_like_missing_ones(house, url, binding):
    async with Peer(url, house.keys["owner"], binding) as peer:
        task = (await peer.send(words("안녕")))[-1].task
    async with Peer(url, house.keys["colleague"], binding) as peer:
        told = []
        for task_id in (task.id, "run_00000000000000000000000000"):
            with pytest.raises((A2AError, A2AClientError)) as refused:
                await peer.client.get_task(pb.GetTaskRequest(id=task_id))
            told.append(str(refused.value))
        assert told[0] == told[1]
        assert not (await peer.client.list_tasks(pb.ListTasksRequest())).tasks
        with pytest.raises((A2AError, A2AClientError)):
            await peer.send(words("이어서"), context_id=task.context_id)


@pytest.mark.parametrize("binding", BINDINGS)
async def test_tasks_are_listed_by_pages_and_by_state(house, url, binding):
    async with Peer(url, house.keys["owner"], binding) as peer:
        made = [(await peer.send(words(f"안녕 {number}")))[-1].task.id for number in range(3)]
        waiting = (await peer.send(words("휴가 내줘")))[-1].task.id
        page = await peer.client.list_tasks(pb.ListTasksRequest(page_size=2))
        assert [task.id for task in page.tasks] == [waiting, made[2]]
        rest = await peer.client.list_tasks(pb.ListTasksRequest(page_size=2, page_token=page.next_page_token))
        assert [task.id for task in rest.tasks] == [made[1], made[0]]
        assert not rest.next_page_token
        held = await peer.client.list_tasks(pb.ListTasksRequest(status=INPUT_REQUIRED))
        assert [task.id for task in held.tasks] == [waiting]


@pytest.mark.parametrize("binding", BINDINGS)
async def test_a_data_part_calls_an_operation_with_the_body_of_every_door(house, url, binding):
    rest = (await house.post("owner", "/v1/ops/work.find", {"employee": OWNER})).json()
    async with Peer(url, house.keys["owner"], binding) as peer:
        answer = (await peer.send(call("work.find", employee=OWNER)))[-1].message
    assert answer.parts[0].text == "김하은이에요."
    assert data_of(answer) == rest


@pytest.mark.parametrize("binding", BINDINGS)
async def test_a_refusal_is_an_answer_with_the_problem(house, url, binding):
    async with Peer(url, house.keys["owner"], binding) as peer:
        for code, part in (
            ("permission-denied", call("work.headcount")),
            ("not-found", call("work.find", employee=3)),
            ("not-found", call("work.nothing")),
            ("validation-failed", call("work.request", start="never")),
        ):
            answer = (await peer.send(part))[-1].message
            assert data_of(answer)["problem"]["code"] == code


@pytest.mark.parametrize("binding", BINDINGS)
async def test_a_held_call_is_a_task_whose_id_is_the_document(house, url, binding):
    async with Peer(url, house.keys["owner"], binding) as peer:
        task = (await peer.send(call("work.request", start="2026-12-01")))[-1].task
        assert (task.status.state, task.id[:4]) == (INPUT_REQUIRED, "apr_")
        assert "박서연 팀장" in task.status.message.parts[0].text
        await _decide(house, task.id, "reject", "일정을 조정해 주세요.")
        ended = await peer.client.get_task(pb.GetTaskRequest(id=task.id))
        assert ended.status.state == pb.TaskState.TASK_STATE_REJECTED
        assert "일정을 조정해 주세요." in ended.status.message.parts[0].text
        other = (await peer.send(call("work.request", start="2026-12-02")))[-1].task
        withdrawn = await peer.client.cancel_task(pb.CancelTaskRequest(id=other.id))
        assert withdrawn.status.state == pb.TaskState.TASK_STATE_CANCELED


async def test_the_same_message_never_acts_twice(house, url):
    async with Peer(url, house.keys["owner"]) as peer:
        first = (await peer.send(call("work.add_project", name="여름"), message_id="m1"))[-1].message
        again = (await peer.send(call("work.add_project", name="여름"), message_id="m1"))[-1].message
        assert data_of(first) == data_of(again)
        runs = {(await peer.send(words("안녕"), message_id="m2"))[-1].task.id for _ in range(2)}
    assert len(runs) == 1
    assert len(await house.world.sql("SELECT id FROM w_project WHERE name = '여름'")) == 1


async def test_only_a_key_comes_in_and_only_from_our_own_pages(house):
    body = {"jsonrpc": "2.0", "id": 1, "method": "ListTasks", "params": {}}
    bare = await house.http.post("/a2a", json=body, headers={"A2A-Version": "1.0"})
    assert (bare.status_code, bare.headers["WWW-Authenticate"][:6]) == (401, "Bearer")
    foreign = await house.post("owner", "/a2a", body, headers={"Origin": "https://evil.test", "A2A-Version": "1.0"})
    assert foreign.status_code == 403
    assert (await house.get("owner", "/a2a/nowhere", headers={"A2A-Version": "1.0"})).status_code == 404


async def test_another_version_is_refused_by_its_code(house):
    body = {"jsonrpc": "2.0", "id": 1, "method": "ListTasks", "params": {}}
    answer = (await house.post("owner", "/a2a", body, headers={"A2A-Version": "9.9"})).json()
    assert answer["error"]["code"] == -32009
    assert answer["error"]["data"][0]["reason"] == "VERSION_NOT_SUPPORTED"


async def test_an_empty_message_is_invalid(house, url):
    async with Peer(url, house.keys["owner"]) as peer:
        with pytest.raises((A2AError, A2AClientError), match="텍스트"):
            await peer.send(words("  "))


async def test_a_revoked_key_ends_its_stream(house, url, monkeypatch):
    monkeypatch.setattr("daeri.gateway.a2a.server.RECHECK_SECONDS", 0.05)
    monkeypatch.setattr("daeri.runs.runs.HEARTBEAT_SECONDS", 0.05)
    key = (await house.identity.add_key(OWNER, "a2a", decides=False)).secret
    async with Peer(url, key, streaming=True) as peer:
        message = pb.Message(message_id="m", role="ROLE_USER", parts=[words("천천히")])
        heard = []
        async for item in peer.client.send_message(pb.SendMessageRequest(message=message)):
            heard.append(item)
            await house.world.sql("UPDATE api_key SET revoked_at = '2026-11-21 00:00:00' WHERE name = 'a2a'")
    assert [item.HasField("task") for item in heard] == [True]


async def _decide(house, approval_id, decision="approve", comment=None):
    body = {"decision": decision} | ({"comment": comment} if comment else {})
    response = await house.post("lead", f"/v1/approvals/{approval_id}/decisions", body)
    assert response.status_code == 200, response.text


@pytest.mark.parametrize("body", ["{", "", "[" * 5000 + "]" * 5000, '{"a": NaN}', '{"a": 1, "a": 2}'])
async def test_what_is_no_json_that_all_read_alike_is_a_parse_error_in_our_words(house, url, body):
    headers = {"Authorization": f"Bearer {house.keys['owner']}", "Content-Type": "application/json"}
    async with httpx.AsyncClient(trust_env=False) as http:
        told = await http.post(f"{url}/a2a", content=body, headers=headers | {"A2A-Version": "1.0"})
        assert told.json()["error"]["code"] == -32700
        if body:
            rest = await http.post(f"{url}/a2a/message:send", content=body, headers=headers | {"A2A-Version": "1.0"})
            assert rest.status_code == 400
