"""What those who run the server see of it: times, runs, waiting documents, refusals; and one trace across servers."""

import re
from datetime import timedelta

import pytest

from daeri.gateway.metrics import family, of_redis
from daeri.gateway.timing import Timing, door_of
from daeri.log import binding, follow_trace, trace_headers, traceparent
from daeri.records.usage import UseBook
from worlds import AUDITOR

pytestmark = pytest.mark.anyio

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
async def auditor(house):
    return (await house.identity.add_key(AUDITOR, "metrics", decides=False)).secret


async def figures(house, key) -> dict[str, float]:
    answer = await house.http.get("/metrics", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found: dict[str, float] = {}
    for line in answer.text.splitlines():
        if not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            assert re.fullmatch(r'[a-z_]+(\{([a-z_]+="[^"\\]*",?)*\})?', name), line
            found[name] = float(value)
    return found


async def test_figures_are_for_those_who_run_or_audit_the_server(house, auditor):
    assert (await house.http.get("/metrics")).status_code == 401
    assert (await house.get("owner", "/metrics")).status_code == 403
    assert await figures(house, auditor)


async def test_requests_are_timed_by_door_method_and_status(house, auditor):
    for _ in range(3):
        await house.post("owner", "/v1/ops/work.find", {"employee": 1})
    await house.post("owner", "/v1/ops/work.find", {"employee": 3})
    found = await figures(house, auditor)
    name = "daeri_http_request_duration_seconds"
    assert found[f'{name}_count{{door="rest",method="POST",status="200"}}'] == 3
    assert found[f'{name}_bucket{{door="rest",method="POST",status="404",le="+Inf"}}'] == 1
    assert 0 < found[f'{name}_sum{{door="rest",method="POST",status="200"}}'] < 30


async def test_acts_and_refusals_are_counted_from_the_audit(house, auditor):
    await figures(house, auditor)
    await house.post("owner", "/v1/ops/work.find", {"employee": 1})
    await house.rpc("owner", "work.headcount")
    await house.held()
    found = await figures(house, auditor)
    assert found['daeri_acts_total{door="rest",outcome="done"}'] == 1
    assert found['daeri_acts_total{door="rest",outcome="filed"}'] == 1
    assert found['daeri_policy_denials_total{code="permission-denied"}'] == 1
    assert found["daeri_approvals_waiting"] == 1
    again = await figures(house, auditor)
    assert again['daeri_acts_total{door="rest",outcome="done"}'] == 1, "nothing is counted twice"


async def test_runs_and_their_usage_are_counted(house, auditor):
    await figures(house, auditor)
    house.world.clock.at += timedelta(seconds=10)
    await house.post("owner", "/v1/runs", {"input": "안녕"})
    await house.world.sql(
        """UPDATE run SET usage = '{"model": "m", "input_tokens": 7, "output_tokens": 3, "cost_usd": 0.25}'"""
    )
    house.world.clock.at += timedelta(seconds=10)
    for _ in range(2):
        found = await figures(house, auditor)
        assert found['daeri_runs{status="succeeded"}'] == 1
        assert found['daeri_llm_tokens_total{model="m",kind="input"}'] == 7
        assert found['daeri_llm_cost_usd_total{model="m"}'] == 0.25


async def test_an_open_run_that_is_taken_up_again_and_again_shows(house, auditor):
    await house.post("owner", "/v1/runs", {"input": "안녕"})
    assert (await figures(house, auditor))["daeri_runs_retried"] == 0
    await house.world.sql("UPDATE run SET status = 'queued', attempts = 3")
    assert (await figures(house, auditor))["daeri_runs_retried"] == 1


async def test_no_person_and_no_row_is_in_the_figures(house, auditor):
    await house.post("owner", "/v1/ops/work.salary", {"employee": 2})
    await house.get("owner", "/v1/records/w_employee/2")
    answer = await house.http.get("/metrics", headers={"Authorization": f"Bearer {auditor}"})
    assert not re.search(r"[가-힣]|w_employee|key_|person", answer.text)


def test_any_number_of_addresses_makes_few_labels():
    timing = Timing()
    for number in range(1_000):
        timing.note(f"/v1/records/x/{number}", "GET", 200, 0.001)
        timing.note(f"/nowhere/{number}", f"M{number}", 404, 0.001)
    assert len(timing.taken) == 2
    assert door_of("/v1/chat/completions") == "openai"


async def test_a_trace_goes_on(house):
    answer = await house.get("owner", "/v1/me", headers={"traceparent": f"00-{TRACE}-{SPAN}-01"})
    told = answer.headers["traceresponse"].split("-")
    assert (told[1], told[3]) == (TRACE, "01")
    assert told[2] != SPAN
    other = await house.get("owner", "/v1/me")
    assert TRACE not in other.headers["traceresponse"]


@pytest.mark.parametrize(
    "header",
    [
        "",
        "junk",
        f"00-{TRACE}-{SPAN}",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-01\n",
    ],
)
def test_what_is_no_trace_begins_a_new_one(header):
    part = follow_trace(header)
    assert part["trace_id"] != TRACE
    assert (len(part["trace_id"]), len(part["span_id"]), part["trace_flags"]) == (32, 16, "00")
    with binding(**part):
        assert trace_headers() == {"traceparent": traceparent(part)}
    assert trace_headers() == {}
    assert trace_headers() == {}


@pytest.mark.parametrize("header", [f"01-{TRACE}-{SPAN}-01", f"cc-{TRACE}-{SPAN}-01-what-comes-later"])
def test_a_trace_of_a_later_version_is_followed_as_far_as_it_is_known(header):
    assert follow_trace(header)["trace_id"] == TRACE


async def test_requests_to_models_are_counted_by_what_became_of_them(house, auditor):
    await figures(house, auditor)
    book = UseBook(house.world.store, house.world.clock)
    use = book.begin(await house.identity.actor_of_person(AUDITOR, "rest"), "main", "plan")
    for outcome in ("done", "cached", "cached"):
        book.note(use._replace(outcome=outcome))
    await book.write()
    found = await figures(house, auditor)
    assert found['daeri_llm_requests_total{model="main",outcome="done"}'] == 1
    assert found['daeri_llm_requests_total{model="main",outcome="cached"}'] == 2


def test_a_large_figure_is_written_to_the_last_digit():
    values = (1_234_567.0, 1_795_406_064.25, 0.5, 12)
    written = [line.rpartition(" ")[2] for line in family("name", "counter", "Told.", [({}, v) for v in values])][2:]
    assert written == ["1234567", "1795406064.25", "0.5", "12"]


def test_whether_redis_answers_is_told_where_there_is_one():
    assert list(of_redis(None)) == []
    assert [list(of_redis(is_up))[-1] for is_up in (True, False)] == ["daeri_redis_up 1", "daeri_redis_up 0"]
