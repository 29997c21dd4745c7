"""How does an agent answer as a response? Its run in the objects and typed events of OpenAI's Responses API.

The events of a response are made of what its run keeps, and of nothing else, so whoever comes back hears the very same
ones under the same numbers.
"""

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Self

from daeri.errors import DaeriError
from daeri.gateway.hearing import refusal_of, text_of, told_of
from daeri.gateway.openai.asked import AGENT
from daeri.gateway.openai.chat import PING, Heard, created_of, function_of, usage_of
from daeri.gateway.openai.errors import error_body
from daeri.gateway.parts import Run
from daeri.gateway.wire import encode
from daeri.wording import Lang

ID: Final = "resp_"

_STATUS: Final[Mapping[str, str]] = {
    "queued": "in_progress",
    "running": "in_progress",
    "waiting_run": "in_progress",
    "failed": "failed",
    "cancelled": "cancelled",
}
"""A run that waits for an approval is completed here: its turn is over, and the text says what it waits for."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a response tells of its own request; the run keeps it, so that it is told alike when shown again.

    Attributes:
        ignored: what the request held that an agent takes from its company instead.
        previous: the response that this one goes on from.
        background: whether the run goes on without its caller.
        echoed: how its caller's functions may be called, where that was said.
    """

    lang: Lang
    ignored: Sequence[str] = ()
    previous: str | None = None
    background: bool = False
    echoed: Mapping[str, Any] = field(default_factory=dict)

    def kept(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self) | {"ignored": list(self.ignored), "echoed": dict(self.echoed)}

    @classmethod
    def of(cls, kept: Mapping[str, Any] | None, lang: Lang) -> Self:
        """Return what was kept; `lang` where the run came by another door."""
        return cls(**{"lang": lang, **(kept or {})})


def response_id(run_id: str, part: int = 0) -> str:
    """Return the id of the response that tells a part of a run."""
    return ID + _number(run_id, part)


def place(response: str) -> tuple[str, int]:
    """Return the run and the part of it that a response tells."""
    run, _, part = response.removeprefix(ID).partition("_")
    return f"run_{run}", int(part) if part.isdecimal() and len(part) < len("1000") else 0


def response(shown: Shown, run: Run) -> dict[str, Any]:
    """Render a part of a run as a response."""
    status = _STATUS.get(run["status"], "completed")
    body = _open(shown, run, status)
    if status != "in_progress":
        body["output"] = [] if run["error"] else list(_output(run, _content(run, shown.lang)))
        used = usage_of(run)
        body["usage"] = {
            "input_tokens": used["prompt_tokens"],
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": used["completion_tokens"],
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": used["total_tokens"],
        }
        body["daeri"] = told_of(run, list(shown.ignored))
    if run["error"]:
        body["error"] = {"code": "server_error", "message": run["error"]["detail"]}
    return body


class Events:
    """Numbers and words the events of one streamed response."""

    def __init__(self, shown: Shown, run: Run, after: int = -1) -> None:
        """Begin a stream; the events up to the number `after` were heard."""
        self._shown = shown
        self._run = run
        self._after = after
        self._next = 0
        self._text: list[str] = []

    async def of(self, heard: Heard) -> AsyncGenerator[bytes, None]:
        """Render what is heard of a run."""
        opened = _open(self._shown, self._run, "in_progress")
        yield self._event("response.created", response=opened)
        yield self._event("response.in_progress", response=opened)
        async for item in heard:
            if item is None:
                yield PING
            elif isinstance(item, str):
                begins = not self._text
                self._text.append(item)
                yield b"".join((*(self._begun(_part("")) if begins else ()), self._delta(item)))
            else:
                yield b"".join(self._finished(item))

    def cut(self, error: DaeriError) -> bytes:
        """Say why the stream ends before its end, under the last number: who goes on from there misses no event."""
        told = error_body(error, self._shown.lang)["error"]
        number = max(self._next - 1, self._after, 0)
        return _event("error", number, code=told["code"], message=told["message"], param=None)

    def _begun(self, part: dict[str, Any]) -> Iterator[bytes]:
        item = {**_message(self._run, part, "in_progress"), "content": []}
        yield self._event("response.output_item.added", output_index=0, item=item)
        yield self._event("response.content_part.added", **self._place(), part=part)

    def _delta(self, text: str) -> bytes:
        return self._event("response.output_text.delta", **self._place(), delta=text, logprobs=[])

    def _finished(self, run: Run) -> Iterator[bytes]:
        content = _part("".join(self._text)) if self._text else None
        if content is not None:
            yield self._event("response.output_text.done", **self._place(), text=content["text"], logprobs=[])
        elif not run["error"] and (refusal := refusal_of(run, self._shown.lang)) is not None:
            content = _refusal(refusal)
            yield from self._begun(_refusal(""))
            yield self._event("response.refusal.delta", **self._place(), delta=refusal)
            yield self._event("response.refusal.done", **self._place(), refusal=refusal)
        if content is not None:
            yield self._event("response.content_part.done", **self._place(), part=content)
            item = _message(run, content, "completed")
            yield self._event("response.output_item.done", output_index=0, item=item)
        for index, call in enumerate(run["calls"], 1 if content is not None else 0):
            yield from self._called(index, call)
        told = response(self._shown, run)
        if not run["error"]:
            told["output"] = list(_output(run, content))
        kind = {"failed": "response.failed", "in_progress": "response.incomplete"}
        yield self._event(kind.get(told["status"], "response.completed"), response=told)

    def _called(self, index: int, call: Mapping[str, Any]) -> Iterator[bytes]:
        """Tell of a call of a function of the caller's."""
        item = _call(call)
        at = {"item_id": item["id"], "output_index": index}
        begun = {**item, "arguments": "", "status": "in_progress"}
        yield self._event("response.output_item.added", output_index=index, item=begun)
        yield self._event("response.function_call_arguments.delta", **at, delta=item["arguments"])
        done = {"name": item["name"], "arguments": item["arguments"]}
        yield self._event("response.function_call_arguments.done", **at, **done)
        yield self._event("response.output_item.done", output_index=index, item=item)

    def _place(self) -> dict[str, Any]:
        return {"item_id": _message_id(self._run), "output_index": 0, "content_index": 0}

    def _event(self, kind: str, **members: Any) -> bytes:
        number = self._next
        self._next += 1
        return _event(kind, number, **members) if number > self._after else b""


def _event(kind: str, number: int, **members: Any) -> bytes:
    body = encode({"type": kind, "sequence_number": number, **members})
    return b"".join((b"event: ", kind.encode(), b"\ndata: ", body, b"\n\n"))


def _open(shown: Shown, run: Run, status: str) -> dict[str, Any]:
    part = run["part"]
    return {
        "id": response_id(run["run_id"], part),
        "object": "response",
        "created_at": created_of(run),
        "status": status,
        "background": shown.background,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": f"{AGENT}{run['agent']}",
        "output": [],
        "parallel_tool_calls": True,
        "previous_response_id": response_id(run["run_id"], part - 1) if part else shown.previous,
        "temperature": None,
        "text": {"format": _format(run)},
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "usage": None,
        **shown.echoed,
    }


def _number(run_id: str, part: int) -> str:
    return run_id.removeprefix("run_") + (f"_{part}" if part else "")


def _message_id(run: Run) -> str:
    return f"msg_{_number(run['run_id'], run['part'])}"


def _output(run: Run, content: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
    if content is not None:
        yield _message(run, content, "completed")
    yield from map(_call, run["calls"])


def _message(run: Run, part: dict[str, Any], status: str) -> dict[str, Any]:
    return {"id": _message_id(run), "type": "message", "role": "assistant", "status": status, "content": [part]}


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    item = {"id": f"fc_{call['call_id'].removeprefix('call_')}", "type": "function_call", "call_id": call["call_id"]}
    return {**item, **function_of(call), "status": "completed"}


def _content(run: Run, lang: Lang) -> dict[str, Any] | None:
    """Return what a message says; None where there is nothing to say beside calls."""
    refusal = refusal_of(run, lang)
    if refusal is not None:
        return _refusal(refusal)
    text = text_of(run, lang)
    return _part(text) if text or not run["calls"] else None


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _refusal(text: str) -> dict[str, Any]:
    return {"type": "refusal", "refusal": text}


def _format(run: Run) -> dict[str, Any]:
    """Return the form of the answer as a response names it: the schema beside the type."""
    wanted = run["response_format"] or {"type": "text"}
    return {"type": wanted["type"], **wanted.get("json_schema", {})}
