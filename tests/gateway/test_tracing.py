"""A trace goes from the caller through a request, an operation and a model call; it tells nothing that people wrote."""

import pytest

from collector import Collector
from daeri import tracing
from daeri.errors import NotFound
from daeri.gateway import Options
from daeri.log import trace_headers
from daeri.testing.model_server import Spent, says
from daeri.tracing import NOTHING, Tracer
from gateway.gateway_house import opened
from gateway.openai_house import MODEL, place

pytestmark = pytest.mark.anyio

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
CALLER = {"traceparent": f"00-{TRACE}-{SPAN}-01"}


@pytest.fixture
def collector():
    with Collector() as opened_:
        yield opened_


async def test_a_request_goes_on_with_its_callers_trace_down_to_the_operation(keyed, tmp_path, collector):
    tracer = Tracer(collector.url, "1")
    async with opened(keyed, tmp_path, Options(), tracer=tracer) as house:
        answer = await house.post("owner", "/v1/ops/work.find", {"employee": 1}, headers=CALLER)
        refused = await house.post("stranger", "/v1/ops/work.request", {"start": "비밀"}, headers=CALLER)
    tracer.close()
    assert answer.status_code == 200
    request = collector.one("POST /v1/ops/{name}", lambda span: span.values["http.response.status_code"] == 200)
    assert (request.trace, request.parent, request.kind) == (TRACE, SPAN, "server")
    assert answer.headers["traceresponse"] == f"00-{TRACE}-{request.id}-01"
    operation = collector.one("operation work.find")
    assert (operation.trace, operation.parent, operation.kind) == (TRACE, request.id, "internal")
    assert operation.values == {"daeri.effect": "read", "daeri.door": "rest"}
    failed = collector.one("operation work.request")
    assert failed.failed
    assert failed.values["error.type"] == refused.json()["code"]
    for secret in ("비밀", "김하은", house.keys["owner"]):
        assert secret.encode() not in collector.bodies


async def test_a_request_without_a_trace_begins_one_and_a_caller_who_wants_none_gets_none(keyed, tmp_path, collector):
    tracer = Tracer(collector.url, "1")
    async with opened(keyed, tmp_path, Options(), tracer=tracer) as house:
        await house.get("owner", "/v1/me", headers={"traceparent": f"00-{TRACE}-{SPAN}-00"})
        await house.get("owner", "/v1/me", headers={"traceparent": "00-junk"})
    tracer.close()
    begun = collector.named("GET /v1/me")
    assert [(span.parent, span.trace != TRACE) for span in begun] == [("", True)]


async def test_a_model_that_is_passed_on_is_told_the_trace_and_what_it_used_is_told_to_the_collector(
    keyed, tmp_path, collector
):
    tracer = Tracer(collector.url, "1")
    async with place(keyed, tmp_path, tracer=tracer) as here:
        here.upstream.always(says("네", spent=Spent(11, 3)))
        client = here.client("raw")
        asked = {"model": MODEL, "messages": [{"role": "user", "content": "비밀"}]}
        stream = await client.chat.completions.create(**asked, stream=True, extra_headers=CALLER)
        assert [chunk async for chunk in stream]
        sent = here.upstream.requests[0].headers["traceparent"]
    tracer.close()
    call = collector.one(f"chat {MODEL}")
    assert sent == f"00-{TRACE}-{call.id}-01"
    assert call.kind == "client"
    assert call.values == {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": MODEL,
        "gen_ai.provider.name": "127.0.0.1",
        "gen_ai.usage.input_tokens": 11,
        "gen_ai.usage.output_tokens": 3,
    }
    assert collector.one("POST /v1/chat/completions").id == call.parent
    assert "비밀".encode() not in collector.bodies


async def test_without_a_collector_no_span_is_made_and_the_callers_trace_still_goes_on(house):
    answer = await house.get("owner", "/v1/me", headers=CALLER)
    assert answer.headers["traceresponse"].startswith(f"00-{TRACE}-")
    assert tracing.here() is NOTHING
    with tracing.span("x") as span:
        assert span is NOTHING
        assert trace_headers() == {}


def test_a_part_that_fails_says_by_which_error_and_never_in_whose_words(collector):
    tracer = Tracer(collector.url, "1")
    with pytest.raises(NotFound), tracer.entered("whole", "server"), tracing.span("part"):
        raise NotFound
    tracer.close()
    for name in ("part", "whole"):
        assert collector.one(name).values == {"error.type": NotFound.code}
    assert collector.one("part").parent == collector.one("whole").id


def test_a_collector_that_is_away_holds_nobody_up():
    tracer = Tracer("http://127.0.0.1:9", "1")
    with tracer.entered("whole", "server"):
        assert trace_headers()["traceparent"].endswith(("-01", "-03"))
    tracer.close()
