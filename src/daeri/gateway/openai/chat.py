"""How does an agent answer as a chat completion? Its run's text in OpenAI's objects and chunks, `daeri` beside it."""

from collections.abc import AsyncGenerator, Mapping
from datetime import datetime
from typing import Any, Final

from daeri.errors import DaeriError
from daeri.gateway.hearing import refusal_of, text_of, told_of
from daeri.gateway.openai.asked import AGENT, Asked
from daeri.gateway.openai.errors import error_body
from daeri.gateway.parts import Run
from daeri.gateway.wire import encode
from daeri.wording import Lang

DONE: Final = b"data: [DONE]\n\n"
PING: Final = b": ping\n\n"

Heard = AsyncGenerator[str | Run | None, None]


def completion(asked: Asked, run: Run, lang: Lang) -> dict[str, Any]:
    """Render a run as a chat completion."""
    refusal = refusal_of(run, lang)
    content = text_of(run, lang) if refusal is None else None
    message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": refusal}
    if run["calls"]:
        message |= {"content": content or None, "tool_calls": [_call(each) for each in run["calls"]]}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _reason(run)}
    return {
        **_head(run, "chat.completion"),
        "choices": [choice],
        "usage": usage_of(run),
        "daeri": told_of(run, asked.ignored),
    }


async def chunks(asked: Asked, run: Run, heard: Heard, lang: Lang) -> AsyncGenerator[bytes, None]:
    """Render what is heard of a run as the chunks of a stream."""
    head = _head(run, "chat.completion.chunk") | ({"usage": None} if asked.wants_usage else {})
    yield _chunk(head, {"role": "assistant", "content": ""})
    async for item in heard:
        if item is None:
            yield PING
        elif isinstance(item, str):
            yield _chunk(head, {"content": item})
        elif item["error"]:
            yield broken(item["error"])
        else:
            refusal = refusal_of(item, lang)
            if refusal is not None:
                yield _chunk(head, {"refusal": refusal})
            for index, call in enumerate(item["calls"]):
                yield _chunk(head, {"tool_calls": [{"index": index, **_call(call)}]})
            yield _chunk(head, {}, _reason(item), {"daeri": told_of(item, asked.ignored)})
            if asked.wants_usage:
                yield _event({**head, "choices": [], "usage": usage_of(item)})
    yield DONE


def broken(problem: Mapping[str, Any]) -> bytes:
    """Render a run's problem as the error that OpenAI's libraries look for in a stream."""
    told = {"message": problem["detail"], "type": "api_error", "param": None, "code": problem["code"]}
    return _event({"error": {**told, "daeri": dict(problem)}})


def cut(error: DaeriError, lang: Lang) -> bytes:
    """Say why a stream ends before its end."""
    return _event(error_body(error, lang)) + DONE


def function_of(call: Mapping[str, Any]) -> dict[str, str]:
    """Return which function is called, and its arguments as the text that OpenAI's libraries read."""
    return {"name": call["name"], "arguments": encode(call["arguments"]).decode()}


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": call["call_id"], "type": "function", "function": function_of(call)}


def _reason(run: Run) -> str:
    return "tool_calls" if run["calls"] else "stop"


def usage_of(run: Run) -> dict[str, int]:
    """Return what a run's planner used; nothing where it needs no model."""
    used = run["usage"]
    asked, answered = int(used.get("input_tokens") or 0), int(used.get("output_tokens") or 0)
    return {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}


def created_of(run: Run) -> int:
    """Return when a run began, in seconds since 1970."""
    return int(datetime.fromisoformat(run["created_at"]).timestamp())


def _head(run: Run, kind: str) -> dict[str, Any]:
    number = f"chatcmpl-{run['run_id'].removeprefix('run_')}" + (f"-{run['part']}" if run["part"] else "")
    return {"id": number, "object": kind, "created": created_of(run), "model": f"{AGENT}{run['agent']}"}


def _chunk(
    head: Mapping[str, Any], delta: Mapping[str, Any], reason: str | None = None, more: Mapping[str, Any] | None = None
) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
    return _event({**head, "choices": [choice], **(more or {})})


def _event(value: Mapping[str, Any]) -> bytes:
    return b"data: " + encode(value) + b"\n\n"
