"""News of runs sent to addresses: at least once, signed, by the owner's rights, and never where it should not go."""

import asyncio
import hashlib
import hmac
import ipaddress
import json
import uuid
from datetime import timedelta

import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from daeri.errors import NotFound, ValidationFailed
from daeri.gateway import Options
from daeri.gateway.delivery import Deliverer
from daeri.outbound.guard import Unsent, checked_url, is_public, resolved, sent
from daeri.runs.pushes import RETRY_SECONDS, Address
from gateway.gateway_house import opened
from gateway.live import served
from worlds import COLLEAGUE, OWNER

pytestmark = pytest.mark.anyio


class Receiver:
    """Someone's own server, which answers as it is told."""

    def __init__(self):
        self.got, self.status, self.location = [], 200, ""

    async def take(self, request):
        self.got.append((dict(request.headers), await request.body()))
        return Response(status_code=self.status, headers={"Location": self.location} if self.location else {})

    def app(self):
        return Starlette(routes=[Route("/news", self.take, methods=["POST"])])


@pytest.fixture
async def receiver():
    one = Receiver()
    async with served(one.app()) as address:
        one.url = f"{address}/news"
        yield one


@pytest.fixture
async def deliverer(house):
    return Deliverer(house.services, private=True)


async def _subscribed(house, url, **more):
    run = (await house.post("owner", "/v1/runs", {"input": more.pop("input", "휴가 내줘")})).json()
    actor = await house.world.actor(OWNER)
    await house.services.pushes.create(actor, run["run_id"], Address(url, **more))
    return run["run_id"]


async def _state(house):
    return (await house.world.sql("SELECT sent, attempts, ended_at, failure FROM push"))[0]


async def test_a_server_that_stops_in_the_moment_in_which_it_is_woken_does_stop(deliverer):
    await deliverer.open()
    await asyncio.sleep(0.5)  # it has looked, and waits
    deliverer.wake()
    closing = asyncio.create_task(deliverer.close())
    done, _ = await asyncio.wait({closing}, timeout=5)
    assert done


async def test_each_change_of_a_run_is_told_once_and_signed(house, receiver, deliverer):
    run_id = await _subscribed(house, receiver.url, token="s3cret", scheme="Bearer", credentials="mine")
    assert await deliverer.send_due() == 1
    headers, body = receiver.got[0]
    assert json.loads(body)["task"]["status"]["state"] == "TASK_STATE_INPUT_REQUIRED"
    assert headers["authorization"] == "Bearer mine"
    assert headers["x-a2a-notification-token"] == "s3cret"
    assert headers["x-daeri-signature"] == "sha256=" + hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
    assert await deliverer.send_due() == 0, "nothing is new"
    approval = (await house.get("owner", f"/v1/runs/{run_id}")).json()["approvals"][0]
    await house.post("lead", f"/v1/approvals/{approval}/decisions", {"decision": "approve"})
    await deliverer.send_due()
    assert json.loads(receiver.got[-1][1])["task"]["status"]["state"] == "TASK_STATE_COMPLETED"
    assert (await _state(house))["ended_at"] is not None


async def test_what_did_not_arrive_is_sent_again_later_under_the_same_id(house, receiver, deliverer):
    await _subscribed(house, receiver.url)
    receiver.status = 503
    await deliverer.send_due()
    assert await deliverer.send_due() == 0, "not before its time"
    receiver.status = 204
    house.world.clock.at += timedelta(seconds=RETRY_SECONDS[0])
    assert await deliverer.send_due() == 1
    ids = [headers["x-daeri-delivery"] for headers, _ in receiver.got]
    assert ids[0] == ids[1]
    assert (await _state(house))["failure"] is None


async def test_an_address_that_never_answers_is_given_up(house, receiver, deliverer):
    await _subscribed(house, receiver.url)
    receiver.status = 500
    for wait in (*RETRY_SECONDS, 1):
        await deliverer.send_due()
        house.world.clock.at += timedelta(seconds=wait)
    state = await _state(house)
    assert (state["attempts"], state["failure"]) == (len(RETRY_SECONDS) + 1, "HTTP 500")
    assert state["ended_at"] is not None
    assert await deliverer.send_due() == 0


async def test_an_address_that_is_gone_is_given_up_at_once_and_no_redirect_is_followed(house, receiver, deliverer):
    await _subscribed(house, receiver.url)
    receiver.status, receiver.location = 302, receiver.url
    await deliverer.send_due()
    assert len(receiver.got) == 1
    receiver.status = 410
    house.world.clock.at += timedelta(seconds=RETRY_SECONDS[0])
    await deliverer.send_due()
    assert (await _state(house))["ended_at"] is not None


async def test_two_workers_never_take_up_the_same_news(house, receiver):
    await _subscribed(house, receiver.url)
    both = [await house.services.pushes.take(), await house.services.pushes.take()]
    assert [len(taken) for taken in both] == [1, 0]


async def test_nothing_is_told_of_the_run_of_someone_who_has_left(house, receiver, deliverer):
    await _subscribed(house, receiver.url)
    await house.world.sql("UPDATE w_employee SET left_on = '2026-11-01' WHERE id = 1")
    await deliverer.send_due()
    assert receiver.got == []
    assert (await _state(house))["ended_at"] is not None


async def test_an_address_is_for_ones_own_runs_and_its_secrets_are_not_told_again(house, receiver):
    run_id = await _subscribed(house, receiver.url, token="s3cret", scheme="Bearer", credentials="mine")
    owner, colleague = await house.world.actor(OWNER), await house.world.actor(COLLEAGUE)
    pushes = house.services.pushes
    made = (await pushes.all(owner, run_id))[0]
    assert not {"token", "credentials"} & set(made)
    with pytest.raises(NotFound):
        await pushes.create(colleague, run_id, Address(receiver.url))
    with pytest.raises(NotFound):
        await pushes.get(colleague, run_id, made["id"])
    with pytest.raises(NotFound):
        await pushes.delete(colleague, run_id, made["id"])
    await pushes.delete(owner, run_id, made["id"])
    assert await pushes.all(owner, run_id) == []


async def test_the_server_sends_by_itself(keyed, tmp_path, receiver):
    async with opened(keyed, tmp_path, Options(push_private=True)) as house:
        await house.parts.open()
        config = {"id": "c1", "url": receiver.url, "token": "t"}
        sent_message = {
            "message": {"messageId": uuid.uuid4().hex, "role": "ROLE_USER", "parts": [{"text": "안녕"}]},
            "configuration": {"taskPushNotificationConfig": config},
        }
        answer = await house.post("owner", "/a2a/message:send", sent_message, headers={"A2A-Version": "1.0"})
        assert answer.status_code == 200, answer.text
        task_id = answer.json()["task"]["id"]
        for _ in range(300):
            if receiver.got:
                break
            await _soon()
        assert json.loads(receiver.got[0][1])["task"]["id"] == task_id
        path = f"/a2a/tasks/{task_id}/pushNotificationConfigs"
        listed = (await house.get("owner", path, headers={"A2A-Version": "1.0"})).json()["configs"]
        assert [item["url"] for item in listed] == [receiver.url]
        assert "token" not in listed[0]


async def _soon():
    import anyio  # noqa: PLC0415 - only here

    await anyio.sleep(0.01)


REFUSED = [
    "https://127.0.0.1/x",
    "https://localhost/x",
    "https://127.1/x",
    "https://0/x",
    "https://2130706433/x",
    "https://0x7f000001/x",
    "https://0177.0.0.1/x",
    "https://[::1]/x",
    "https://[::]/x",
    "https://[::ffff:127.0.0.1]/x",
    "https://[::ffff:169.254.169.254]/x",
    "https://[2002:7f00:1::]/x",
    "https://[64:ff9b::7f00:1]/x",
    "https://[64:ff9b::a9fe:a9fe]/x",
    "https://[2001:0:7f00:1::]/x",
    "https://[fe80::1%25eth0]/x",
    "https://[fd00::1]/x",
    "https://[fec0::1]/x",
    "https://[::127.0.0.1]/x",
    "https://[64:ff9b:1::7f00:1]/x",
    "https://[ff02::1]/x",
    "https://10.0.0.1/x",
    "https://172.16.0.1/x",
    "https://192.168.0.1/x",
    "https://100.64.0.1/x",
    "https://169.254.169.254/latest/meta-data",
    "https://192.0.2.1/x",
    "https://198.18.0.1/x",
    "https://224.0.0.1/x",
    "https://255.255.255.255/x",
    "https://240.0.0.1/x",
]
NEVER = [
    "http://93.184.216.34/x",
    "ftp://93.184.216.34/x",
    "file:///etc/passwd",
    "gopher://93.184.216.34/",
    "https://user:word@93.184.216.34/x",
    "https://93.184.216.34:0/x",
    "https://93.184.216.34:99999/x",
    "https:///x",
    "https://",
    "https://[::1/x",
    "//93.184.216.34/x",
    "",
    "x" * 10,
    "https://93.184.216.34/\nHost: evil",
    "https://93.184.216.34/" + "a" * 3000,
    "javascript:alert(1)",
    "https://93.184.216.34\\@evil.test/",
]


@pytest.mark.parametrize("url", REFUSED)
async def test_addresses_inside_the_network_are_refused_however_they_are_written(url):
    with pytest.raises((ValidationFailed, Unsent)):
        await resolved(url, private=False)


@pytest.mark.parametrize("url", NEVER)
async def test_what_is_no_plain_web_address_with_tls_is_refused(url):
    with pytest.raises(ValidationFailed):
        checked_url(url, private=False)


async def test_an_address_of_the_internet_is_taken():
    assert (await resolved("https://93.184.216.34/x?y=1", private=False)).direct == "https://93.184.216.34/x?y=1"
    assert (
        await resolved("https://[2606:2800:220:1::1]:8443", private=False)
    ).direct == "https://[2606:2800:220:1::1]:8443/"
    assert is_public(ipaddress.ip_address("2606:2800:220:1::1"))


async def test_a_name_with_one_inner_address_among_outer_ones_is_refused(monkeypatch):
    await _answering(monkeypatch, ["93.184.216.34", "10.0.0.5"])
    with pytest.raises(ValidationFailed):
        await resolved("https://mixed.test/x", private=False)


async def test_a_name_that_changes_its_mind_after_the_check_gains_nothing(monkeypatch, receiver):
    port = receiver.url.split(":")[2].split("/")[0]
    await _answering(monkeypatch, ["127.0.0.1"])
    target = await resolved(f"http://rebinding.test:{port}/news", private=True)
    await _answering(monkeypatch, ["10.255.255.1"])
    status, _ = await sent("POST", target, body=b"{}")
    assert status == 200, "what was checked is what was called"
    assert receiver.got[0][0]["host"] == f"rebinding.test:{port}"


async def _answering(monkeypatch, addresses):
    import asyncio  # noqa: PLC0415 - only here

    async def answer(*_, **__):
        return [(0, 0, 0, "", (address, 443)) for address in addresses]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", answer)
