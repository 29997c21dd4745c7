"""How does an agent answer as a response? Its run in the objects and typed events of OpenAI's Responses API."""

from collections.abc import AsyncGenerator, Iterator, Mapping
from typing import Any, Final

from daeri.errors import DaeriError
from daeri.gateway.hearing import Run, refusal_of, text_of, told_of
from daeri.gateway.openai.asked import AGENT, Asked
from daeri.gateway.openai.chat import PING, Heard, created_of, usage_of
from daeri.gateway.openai.errors import error_body
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


def response_id(run_id: str) -> str:
    """Return a run's id as a response's."""
    return ID + run_id.removeprefix("run_")


def run_id(response: str) -> str:
    """Return a response's id as a run's."""
    return "run_" + response.removeprefix(ID)


def response(asked: Asked | None, run: Run, lang: Lang) -> dict[str, Any]:
    """Render a run as a response; `asked` is None where it is read again later."""
    status = _STATUS.get(run["status"], "completed")
    body = _open(asked, run, status)
    if status != "in_progress":
        body["output"] = [_item(run, _content(run, lang), "completed")] if not run["error"] else []
        used = usage_of(run)
        body["usage"] = {
            "input_tokens": used["prompt_tokens"],
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": used["completion_tokens"],
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": used["total_tokens"],
        }
        body["daeri"] = told_of(run, asked.ignored if asked else [])
    if run["error"]:
        body["error"] = {"code": "server_error", "message": run["error"]["detail"]}
    return body


class Events:
    """Numbers and words the events of one streamed response."""

    def __init__(self, asked: Asked, run: Run, lang: Lang) -> None:
        """Begin a stream."""
        self._asked = asked
        self._run = run
        self._lang = lang
        self._number = 0
        self._text: list[str] = []

    async def of(self, heard: Heard) -> AsyncGenerator[bytes, None]:
        """Render what is heard of a run."""
        opened = _open(self._asked, self._run, "in_progress")
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
        """Say why the stream ends before its end."""
        told = error_body(error, self._lang)["error"]
        return self._event("error", code=told["code"], message=told["message"], param=None)

    def _begun(self, part: dict[str, Any]) -> Iterator[bytes]:
        item = _item(self._run, part, "in_progress")
        yield self._event("response.output_item.added", output_index=0, item={**item, "content": []})
        yield self._event("response.content_part.added", **self._place(), part=part)

    def _refused(self, run: Run, refusal: str) -> Iterator[bytes]:
        """Tell why there is no answer in the form that was asked for, as the one part of the message."""
        yield from self._begun(_refusal(""))
        yield self._event("response.refusal.delta", **self._place(), delta=refusal)
        yield self._event("response.refusal.done", **self._place(), refusal=refusal)
        yield self._event("response.content_part.done", **self._place(), part=_refusal(refusal))
        item = _item(run, _refusal(refusal), "completed")
        yield self._event("response.output_item.done", output_index=0, item=item)

    def _delta(self, text: str) -> bytes:
        return self._event("response.output_text.delta", **self._place(), delta=text, logprobs=[])

    def _finished(self, run: Run) -> Iterator[bytes]:
        refusal = refusal_of(run, self._lang)
        if refusal is not None and not run["error"]:
            yield from self._refused(run, refusal)
        if self._text:
            text = "".join(self._text)
            yield self._event("response.output_text.done", **self._place(), text=text, logprobs=[])
            yield self._event("response.content_part.done", **self._place(), part=_part(text))
            item = _item(run, _part(text), "completed")
            yield self._event("response.output_item.done", output_index=0, item=item)
        told = response(self._asked, run, self._lang)
        if self._text and not run["error"]:
            told["output"] = [_item(run, _part("".join(self._text)), "completed")]
        kind = {"failed": "response.failed", "in_progress": "response.incomplete"}
        yield self._event(kind.get(told["status"], "response.completed"), response=told)

    def _place(self) -> dict[str, Any]:
        return {"item_id": _item_id(self._run), "output_index": 0, "content_index": 0}

    def _event(self, kind: str, **members: Any) -> bytes:
        body = encode({"type": kind, "sequence_number": self._number, **members})
        self._number += 1
        return b"".join((b"event: ", kind.encode(), b"\ndata: ", body, b"\n\n"))


def _open(asked: Asked | None, run: Run, status: str) -> dict[str, Any]:
    return {
        "id": response_id(run["run_id"]),
        "object": "response",
        "created_at": created_of(run),
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": f"{AGENT}{run['agent']}",
        "output": [],
        "parallel_tool_calls": False,
        "previous_response_id": asked.previous if asked else None,
        "temperature": None,
        "text": {"format": _format(run)},
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "usage": None,
    }


def _item_id(run: Run) -> str:
    return f"msg_{run['run_id'].removeprefix('run_')}"


def _item(run: Run, part: dict[str, Any], status: str) -> dict[str, Any]:
    return {"id": _item_id(run), "type": "message", "role": "assistant", "status": status, "content": [part]}


def _content(run: Run, lang: Lang) -> dict[str, Any]:
    refusal = refusal_of(run, lang)
    return _part(text_of(run, lang)) if refusal is None else _refusal(refusal)


def _refusal(text: str) -> dict[str, Any]:
    return {"type": "refusal", "refusal": text}


def _format(run: Run) -> dict[str, Any]:
    """Return the form of the answer as a response names it: the schema beside the type."""
    wanted = run["response_format"] or {"type": "text"}
    return {"type": wanted["type"], **wanted.get("json_schema", {})}


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
