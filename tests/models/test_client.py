"""Does the model client read what real endpoints send, and refuse everything else? Against a server over loopback."""

import asyncio
import json
import traceback
from contextlib import aclosing
from dataclasses import replace
from decimal import Decimal

import pytest
from structlog.testing import capture_logs

from daeri.clock import FixedClock
from daeri.models.client import ModelClient, retry_after
from daeri.models.wire import (
    EndpointFailed,
    EventLines,
    Finished,
    InvalidToolCall,
    Model,
    ModelRefused,
    ModelTimeout,
    TextDelta,
    ToolCall,
    Usage,
    assistant_message,
    tool_message,
)
from daeri.testing.model_server import (
    Asked,
    Drop,
    ModelServer,
    Spent,
    calls,
    drops,
    event,
    fails,
    fails_midway,
    raw,
    says,
    silent,
    stream,
)
from models.talking import ANSWER, BALANCE, BUDGET, KEY, NOW, QUESTION, TOOLS, calls_in, falls_silent, reply, text_of

pytestmark = pytest.mark.anyio

# What goes out


async def test_a_request_carries_messages_tools_and_key_in_openai_form(server, client, model):
    server.always(says(ANSWER))
    await reply(client, replace(model, extra={"temperature": 0}), tools=TOOLS, options={"max_tokens": 50})
    sent = server.requests[0]
    assert sent.body == {
        "model": "maker/model-1",
        "messages": QUESTION,
        "tools": TOOLS,
        "temperature": 0,
        "max_tokens": 50,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert sent.headers["Authorization"] == f"Bearer {KEY}"
    assert "HTTP-Referer" not in sent.headers
    assert "X-Title" not in sent.headers


async def test_openrouter_is_told_who_asks_only_when_configured(server, client, model):
    server.always(says(ANSWER))
    await reply(client, replace(model, referer="https://daeri.example", title="Daeri"))
    assert server.requests[0].headers["HTTP-Referer"] == "https://daeri.example"
    assert server.requests[0].headers["X-Title"] == "Daeri"


async def test_half_a_character_in_a_message_does_not_stop_the_request(server, client, model):
    server.always(says(ANSWER))
    [_ async for _ in client.stream(model, [{"role": "user", "content": "연차\ud83d"}])]
    assert server.requests[0].body["messages"][0]["content"] == "연차?"


# What comes back


async def test_text_usage_and_the_end_come_in_order(server, client, model):
    server.always(says(ANSWER, spent=Spent(120, 34, 0.00021)))
    items = await reply(client, model)
    assert text_of(items) == ANSWER
    assert items[-2:] == [Usage(120, 34, Decimal("0.00021")), Finished("stop", "main", "scripted")]


async def test_a_cost_the_endpoint_does_not_tell_is_none(server, client, model):
    server.always(says(ANSWER))
    assert Usage(11, 7, None) in await reply(client, model)


async def test_hangul_survives_pieces_of_every_size(server, client, model):
    for size in range(1, 12):
        server.always(says(ANSWER).in_pieces(size))
        assert text_of(await reply(client, model)) == ANSWER


async def test_hangul_survives_a_cut_at_every_byte(server, client, model):
    whole = stream({"content": "연차"}).with_crlf()
    for at in range(1, len(whole.body)):
        server.always(replace(whole, steps=(*whole.cut(at).steps, _rest(whole, at))))
        assert text_of(await reply(client, model)) == "연차"


def _rest(whole, at):
    return replace(whole.steps[0], data=whole.body[at:])


def test_lines_are_the_same_wherever_the_bytes_are_cut():
    body = says(ANSWER).with_keep_alives().with_crlf().body
    expected = EventLines().feed(body)
    assert len(expected) > 5
    for at in range(len(body)):
        lines = EventLines()
        assert lines.feed(body[:at]) + lines.feed(body[at:]) == expected


async def test_comments_empty_data_other_fields_and_mixed_line_ends_change_nothing(server, client, model):
    noisy = says(ANSWER).with_keep_alives().with_crlf()
    server.always(raw(b"retry: 10\r\n\r\nevent: message\nid: 1\ndata:\ndata: \r\n\n" + noisy.body))
    assert text_of(await reply(client, model)) == ANSWER


async def test_an_emoji_escaped_in_two_halves_becomes_one_character(server, client, model):
    halves = b'data: {"choices":[{"index":0,"delta":{"content":"a\\ud83d"}}]}\n\n'
    halves += b'data: {"choices":[{"index":0,"delta":{"content":"\\ude42b\\udc00"},"finish_reason":"stop"}]}\n\n'
    server.always(raw(halves + b"data: [DONE]\n\n"))
    assert text_of(await reply(client, model)) == "a🙂b\ufffd"


async def test_half_an_emoji_at_the_end_becomes_a_replacement_character(server, client, model):
    half = b'data: {"choices":[{"index":0,"delta":{"content":"a\\ud83d"},"finish_reason":"stop"}]}\n\n'
    server.always(raw(half))
    assert text_of(await reply(client, model)) == "a\ufffd"


async def test_closing_the_client_ends_streams_that_are_open(server, client, model):
    server.always(falls_silent())
    async with aclosing(client.stream(model, QUESTION)) as items:
        await anext(items)
        await client.close()
        with pytest.raises(EndpointFailed):
            [_ async for _ in items]


async def test_a_whole_json_reply_is_read_although_a_stream_was_asked_for(server, client, model):
    asked = {"id": "x", "type": "function", "function": {"name": "leave.balance", "arguments": "{}"}}
    choice = {"index": 0, "message": {"content": "네", "tool_calls": [asked]}, "finish_reason": "tool_calls"}
    server.always(raw(json.dumps({"choices": [choice]}, indent=2).encode(), "application/json"))
    items = await reply(client, model)
    assert text_of(items) == "네"
    assert calls_in(items) == [ToolCall("x", "leave.balance", {})]


async def test_other_choices_than_the_first_are_left_out(server, client, model):
    other = event({"choices": [{"index": 1, "delta": {"content": "다른 답"}}]})
    whole = says(ANSWER)
    server.always(replace(whole, steps=(other, *whole.steps)))
    assert text_of(await reply(client, model)) == ANSWER


async def test_the_connection_is_kept_for_the_next_request(server, client, model):
    server.always(says(ANSWER))
    await reply(client, model)
    await reply(client, model)
    assert server.requests[0].client_port == server.requests[1].client_port


async def test_fifty_replies_at_once_do_not_mix(server, client, model):
    for number in range(50):
        server.when(f"질문 {number}.", says(f"답 {number}. {ANSWER}").in_pieces(7))

    async def ask(number):
        question = [{"role": "user", "content": f"질문 {number}."}]
        return text_of([item async for item in client.stream(model, question)])

    answers = await asyncio.gather(*(ask(number) for number in range(50)))
    assert answers == [f"답 {number}. {ANSWER}" for number in range(50)]


# Tool calls


async def test_fragments_become_one_complete_call(server, client, model):
    server.always(calls(BALANCE, characters=1, text="찾아볼게요."))
    items = await reply(client, model)
    assert text_of(items) == "찾아볼게요."
    assert calls_in(items) == [ToolCall("call_a", "leave.balance", {"employee": "김하은"})]
    assert items[-1].reason == "tool_calls"


async def test_two_interleaved_calls_are_kept_apart(server, client, model):
    server.always(calls(BALANCE, BUDGET, characters=2, interleaved=True).in_pieces(3))
    assert calls_in(await reply(client, model)) == [
        ToolCall("call_a", "leave.balance", {"employee": "김하은"}),
        ToolCall("call_b", "budget.left", {"team": "영업1팀", "year": 2026}),
    ]


@pytest.mark.parametrize("index", [{}, {"index": 0}])
async def test_calls_without_proper_indexes_are_told_apart_by_their_ids(server, client, model, index):
    whole = [index | {"id": name, "function": {"name": name, "arguments": '{"n":1}'}} for name in ("first", "second")]
    server.always(stream({"tool_calls": whole}, finish_reason="stop"))
    assert calls_in(await reply(client, model)) == [ToolCall(name, name, {"n": 1}) for name in ("first", "second")]


async def test_no_arguments_mean_an_empty_object(server, client, model):
    server.always(calls(Asked("leave.mine", "")))
    assert calls_in(await reply(client, model)) == [ToolCall("call_0", "leave.mine", {})]


async def test_arguments_that_come_as_an_object_are_taken_as_one(server, client, model):
    function = {"name": "leave.balance", "arguments": {"employee": "김하은"}}
    server.always(stream({"tool_calls": [{"id": "x", "function": function}]}))
    assert calls_in(await reply(client, model)) == [ToolCall("x", "leave.balance", {"employee": "김하은"})]


async def test_a_call_that_names_no_tool_is_invalid(server, client, model):
    server.always(calls(Asked("", {})))
    (call,) = calls_in(await reply(client, model))
    assert call == InvalidToolCall("call_0", "", "{}", "The call names no tool.")


@pytest.mark.parametrize(
    "arguments",
    [
        '{"employee": "김하',
        '{"a": 1}{"a": 1}',
        "[1]",
        "null",
        '{"a": NaN}',
        '{"a": 1e999}',
        '{"a": "\\ud800"}',
        '{"a": ' + "[" * 100_000,
    ],
)
async def test_bad_arguments_make_an_invalid_call_with_a_reason(server, client, model, arguments):
    server.always(calls(Asked("leave.balance", arguments, "call_a"), characters=4096))
    (call,) = calls_in(await reply(client, model))
    assert isinstance(call, InvalidToolCall)
    assert call.id == "call_a"
    assert call.arguments == arguments
    assert call.reason.startswith("The arguments are not a valid JSON object")


async def test_a_reply_cut_at_the_length_limit_runs_no_call(server, client, model):
    server.always(calls(Asked("leave.mine", ""), finish_reason="length"))
    (call,) = calls_in(await reply(client, model))
    assert isinstance(call, InvalidToolCall)
    assert "cut off (length)" in call.reason


async def test_the_second_use_of_an_id_is_refused_under_a_fresh_id(server, client, model):
    server.always(calls(BALANCE, replace(BUDGET, id="call_a")))
    first, second = calls_in(await reply(client, model))
    assert isinstance(first, ToolCall)
    assert isinstance(second, InvalidToolCall)
    assert second.id not in {"", first.id}


async def test_calls_without_ids_get_different_ones(server, client, model):
    nameless = [{"index": n, "function": {"name": "leave.mine", "arguments": "{}"}} for n in range(2)]
    server.always(stream({"tool_calls": nameless}))
    first, second = calls_in(await reply(client, model))
    assert isinstance(first, ToolCall)
    assert isinstance(second, ToolCall)
    assert first.id != second.id


async def test_five_hundred_calls_in_one_reply_are_refused(server, client, model):
    server.always(calls(*(Asked("leave.mine", {}) for _ in range(500))))
    with pytest.raises(EndpointFailed, match="too many calls"):
        await reply(client, model)


async def test_valid_and_invalid_calls_go_back_in_a_form_every_endpoint_accepts():
    good, bad = ToolCall("a", "leave.balance", {"employee": "김"}), InvalidToolCall("b", "", '{"x', "cut")
    message = assistant_message("", [good, bad])
    assert [call["function"]["arguments"] for call in message["tool_calls"]] == ['{"employee": "김"}', "{}"]
    assert message["content"] is None
    assert tool_message(bad, bad.reason) == {"role": "tool", "tool_call_id": "b", "content": "cut"}
    assert assistant_message("네", []) == {"role": "assistant", "content": "네"}


# Replies that break


@pytest.mark.parametrize("then", [None, Drop()])
async def test_no_call_leaves_a_reply_that_is_cut_before_its_finish_reason(server, client, model, then):
    whole = calls(BALANCE, characters=6)
    finished_at = whole.body.index(b'"tool_calls"}]}') + len(b'"tool_calls"}]}')
    for at in range(1, finished_at, 1 if then is None else 9):
        server.always(whole.cut(at, then))
        with pytest.raises(EndpointFailed):
            await _fail_on_calls(client, model)


async def _fail_on_calls(client, model):
    async for item in client.stream(model, QUESTION):
        assert not isinstance(item, ToolCall | InvalidToolCall | Finished)


async def test_a_missing_done_after_the_finish_reason_is_forgiven(server, client, model):
    whole = calls(BALANCE)
    server.always(whole.cut(whole.body.index(b"data: [DONE]")))
    assert calls_in(await reply(client, model)) == [ToolCall("call_a", "leave.balance", {"employee": "김하은"})]


async def test_nothing_after_done_is_read(server, client, model):
    server.always(raw(says(ANSWER).body + b"data: {half\n\n"))
    assert text_of(await reply(client, model)) == ANSWER


async def test_done_without_a_finish_reason_is_an_error(server, client, model):
    server.always(stream({"content": "네"}, finish_reason=None))
    with pytest.raises(EndpointFailed, match="broke off"):
        await reply(client, model)


async def test_an_error_inside_the_stream_is_raised_after_the_text(server, client, model):
    server.always(fails_midway("김하은 대리는", f"upstream died, key {KEY}"))
    heard = []
    with pytest.raises(EndpointFailed, match="reported an error") as caught:
        await _hear(client, model, heard)
    assert text_of(heard) == "김하은 대리는"
    assert caught.value.http_status == 502
    assert caught.value.upstream == "upstream died, key ***"
    assert len(server.requests) == 1


async def _hear(client, model, heard):
    async for item in client.stream(model, QUESTION):
        heard.append(item)


async def test_an_error_inside_a_choice_is_raised(server, client, model):
    choice = {"index": 0, "error": "moderated", "finish_reason": "stop"}
    server.always(raw(json.dumps({"choices": [choice]}).encode(), "application/json"))
    with pytest.raises(EndpointFailed) as caught:
        await reply(client, model)
    assert caught.value.upstream == "moderated"


async def test_the_finish_reason_error_is_an_error(server, client, model):
    server.always(says(ANSWER, finish_reason="error"))
    with pytest.raises(EndpointFailed):
        await reply(client, model)


@pytest.mark.parametrize(
    "body",
    [
        b"data: {half\n\n",
        b"data: [1]\n\n",
        b"data: \xec\x97\n\n",
        b"data: " + b"[" * 100_000 + b"\n\n",
        b'data: {"choices": 5}\n\n',
        b'data: {"choices": [{"index": [], "delta": 7, "finish_reason": {}}]}\n\n',
        b"hello\n\n",
    ],
)
async def test_nonsense_with_status_200_is_an_error(server, client, model, body):
    server.always(raw(body))
    with pytest.raises(EndpointFailed):
        await reply(client, model)


async def test_a_web_page_with_status_200_says_to_check_the_address(server, client, model):
    server.always(raw(b"<html>login</html>", "text/html"))
    with pytest.raises(EndpointFailed, match="check base_url"):
        await reply(client, model)
    assert len(server.requests) == 1


async def test_a_reply_of_ten_megabytes_is_refused_however_it_is_cut(server, client, model):
    line = b"data: " + b"x" * (10 * 2**20)
    server.always(raw(line).in_pieces(2**16))
    with pytest.raises(EndpointFailed, match="more than the limit"):
        await reply(client, model)


async def test_a_line_of_one_megabyte_is_read(server, client, model):
    server.always(says("가" * 350_000, characters=350_000).in_pieces(5000))
    assert len(text_of(await reply(client, model))) == 350_000


# Repeats


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 529])
async def test_a_passing_failure_is_repeated_twice_at_most(server, client, model, status):
    server.always(fails(status, retry_after="0"))
    with pytest.raises(EndpointFailed) as caught:
        await reply(client, model)
    assert caught.value.http_status == status
    assert caught.value.retryable
    assert len(server.requests) == 3


async def test_the_second_repeat_can_succeed(server, client, model):
    server.always(drops(), fails(429, retry_after="0"), says(ANSWER))
    assert text_of(await reply(client, model)) == ANSWER


@pytest.mark.parametrize("status", [302, 400, 401, 402, 403, 404, 413, 422])
async def test_a_refusal_is_not_repeated(server, client, model, status):
    server.always(fails(status, "no such model"))
    with pytest.raises(ModelRefused) as caught:
        await reply(client, model)
    assert caught.value.upstream == "no such model"
    assert not caught.value.retryable
    assert len(server.requests) == 1


async def test_an_empty_reply_is_repeated_and_one_that_began_is_not(server, client, model):
    server.always(raw(b""), says(ANSWER).cut(40, Drop()), says(ANSWER))
    with pytest.raises(EndpointFailed, match="broke off"):
        await reply(client, model)
    assert len(server.requests) == 2


async def test_a_long_retry_after_waits_no_longer_than_the_cap(server, client, model):
    server.always(fails(503, retry_after="1000000000"), says(ANSWER))
    assert text_of(await reply(client, replace(model, retry_wait_seconds_max=0.002))) == ANSWER


async def test_a_wait_beyond_the_total_limit_is_not_begun(server, client, model):
    server.always(fails(503, retry_after="15"))
    with pytest.raises(EndpointFailed) as caught:
        await reply(client, model)
    assert caught.value.wait_seconds == 15
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("3", 3),
        ("0", 0),
        ("1.5", 1.5),
        ("-5", None),
        ("nan", None),
        ("soon", None),
        ("", None),
        ("Sat, 21 Nov 2026 05:02:30 GMT", 30),
        ("Sat, 21 Nov 2026 05:01:00 GMT", 0),
    ],
)
def test_retry_after_is_seconds_or_a_date(header, seconds):
    assert retry_after(header, NOW) == seconds


async def test_a_closed_port_is_repeated_and_then_said_in_plain_words(client, model, free_tcp_port):
    gone = replace(model, base_url=f"http://127.0.0.1:{free_tcp_port}/v1")
    with capture_logs() as logs, pytest.raises(EndpointFailed, match="model main: cannot be reached"):
        await reply(client, gone)
    assert [entry["event"] for entry in logs] == ["model.repeat"] * 2


async def test_a_broken_tls_handshake_is_not_repeated(server, client, model):
    with capture_logs() as logs, pytest.raises(EndpointFailed, match="cannot be reached") as caught:
        await reply(client, replace(model, base_url=server.base_url.replace("http:", "https:")))
    assert "SSL" in caught.value.upstream
    assert logs == []


async def test_an_error_body_of_another_form_is_told_as_it_is(server, client, model):
    plain = replace(raw(b"upstream connect error\n", "text/plain"), status=501)
    server.always(plain)
    with pytest.raises(EndpointFailed) as caught:
        await reply(client, model)
    assert caught.value.upstream == "upstream connect error"
    assert not caught.value.repeatable


# Limits of time, and leaving early


async def test_silence_before_the_first_byte_ends_at_the_idle_limit_without_repeats(server, client, model):
    server.always(silent())
    with pytest.raises(ModelTimeout, match=r"silent for 0\.05 s"):
        await reply(client, replace(model, idle_seconds=0.05))
    assert len(server.requests) == 1
    await asyncio.wait_for(server.requests[0].left.wait(), 2)


async def test_silence_in_the_middle_ends_at_the_idle_limit(server, client, model):
    server.always(falls_silent())
    with pytest.raises(ModelTimeout, match="silent"):
        await reply(client, replace(model, idle_seconds=0.05))


async def test_keep_alives_alone_end_at_the_total_limit(server, client, model):
    server.always(raw(b": OPENROUTER PROCESSING\n\n" * 200).in_pieces(25).slowly(0.01))
    with pytest.raises(ModelTimeout, match=r"not done within 0\.1 s"):
        await reply(client, replace(model, total_seconds=0.1, idle_seconds=5))


async def test_cancelling_the_reader_hangs_up_at_once(server, client, model):
    server.always(falls_silent())
    heard = asyncio.Event()

    async def read():
        async for _ in client.stream(model, QUESTION):
            heard.set()

    reading = asyncio.create_task(read())
    await heard.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await asyncio.wait_for(server.requests[0].left.wait(), 2)


async def test_cancelling_before_the_first_byte_hangs_up_at_once(server, client, model):
    server.always(silent())
    reading = asyncio.create_task(reply(client, model))
    request = await server.request(0)
    reading.cancel()
    await asyncio.wait_for(request.left.wait(), 2)


async def test_leaving_the_iteration_early_hangs_up_at_once(server, client, model):
    server.always(falls_silent())
    async with aclosing(client.stream(model, QUESTION)) as items:
        assert isinstance(await anext(items), TextDelta)
    await asyncio.wait_for(server.requests[0].left.wait(), 2)


# Secrets


async def test_the_key_is_in_no_error_repr_or_log(client, model):
    async with ModelServer(api_key="another") as strict:
        with capture_logs() as logs, pytest.raises(ModelRefused) as caught:
            await reply(client, replace(model, base_url=strict.base_url))
    error = caught.value
    assert error.upstream == "Incorrect API key provided: ***."
    shown = [repr(error), str(error), str(error.problem("ko")), repr(vars(error)), repr(model), repr(logs)]
    assert not [text for text in shown if KEY in text]
    assert error.__cause__ is None


async def test_the_key_is_in_no_traceback_when_the_endpoint_speaks_no_http(client, model):
    async def babble(_, writer):
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(babble, "127.0.0.1", 0) as babbling:
        port = babbling.sockets[0].getsockname()[1]
        with pytest.raises(EndpointFailed, match="cannot be reached") as caught:
            await reply(client, replace(model, base_url=f"http://127.0.0.1:{port}/v1"))
    assert KEY not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "address", ["ftp://x/v1", "localhost:80/v1", "https://me:pw-123@x/v1", "https://x/v1?key=pw-123"]
)
def test_an_address_that_is_none_or_hides_a_secret_is_refused_without_telling_it(address):
    with pytest.raises(ValueError, match="base_url of model main") as caught:
        Model("main", address, "", "m")
    assert "pw-123" not in str(caught.value)


def test_a_key_with_a_line_break_is_refused_without_telling_it():
    with pytest.raises(ValueError, match="no line breaks") as caught:
        Model("main", "https://x/v1", KEY + "\n", "m")
    assert KEY not in str(caught.value)


async def test_a_client_that_was_not_opened_says_so(model):
    with pytest.raises(RuntimeError, match="open"):
        await reply(ModelClient(FixedClock(NOW)), model)
