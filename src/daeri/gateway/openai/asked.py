"""What does a client of OpenAI's API ask of an agent? The parts of its requests that an agent can honour.

An agent has its own instructions, operations and model, so what a request holds of these is not used: it is named back
(`daeri.ignored`). The caller's own functions and the form of the answer are its model's to heed; where there is no
model, functions are not used and a form is refused, since its caller could not read the answer.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from daeri.errors import FieldError, ValidationFailed
from daeri.gateway.openai.errors import Unsupported
from daeri.gateway.wire import fitted
from daeri.runs.answer_format import AnswerFormat, read_format
from daeri.runs.functions import Functions, by_place, read_functions
from daeri.runs.request import Attempt
from daeri.runs.runs import NO_FORM, NO_FUNCTIONS
from daeri.wording import Text

AGENT: Final = "agent/"
"""What a model's name begins with where it names an agent: agent/assistant."""

_HARMLESS: Final = frozenset({"user", "metadata", "store", "safety_identifier", "prompt_cache_key", "service_tier"})
"""Members that change nothing an agent does: not worth naming back."""
_USED: Final = frozenset(
    {"model", "messages", "input", "stream", "stream_options", "daeri", "previous_response_id", "background"}
    | {"response_format", "text", "tools", "tool_choice", "n"}
)
_REFUSED: Final = ("audio", "conversation", "function_call", "functions", "prompt")


class _Read(BaseModel):
    """The base of what is read of a request: strict where it is read, blind to the rest."""

    model_config = ConfigDict(strict=True, extra="ignore")


class Part(_Read):
    """A part of a message's content."""

    type: Literal["text", "input_text", "output_text", "refusal"]
    text: str = ""
    refusal: str = ""


class Message(_Read):
    """One message of a conversation; one of the role tool tells what a function returned."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[Part] | None = None
    tool_call_id: str | None = None

    @property
    def text(self) -> str:
        """The text of all its parts."""
        return _text(self.content)


class Called(_Read):
    """A call of a function, as a response has it among its messages."""

    type: Literal["function_call"]
    call_id: str


class Returned(_Read):
    """What a function returned, as a response has it among its messages."""

    type: Literal["function_call_output"]
    call_id: str
    output: str | list[Part]


class StreamOptions(_Read):
    """How a stream is to be told."""

    include_usage: bool = False


class Extension(_Read):
    """The member `daeri` of a request."""

    session_id: str | None = None


class _Common(_Read):
    model: str
    stream: bool | None = None
    n: int | None = None
    tools: list[Any] | None = None
    daeri: Extension = Field(default_factory=Extension)


class ChatAsked(_Common):
    """A request for a chat completion, as far as an agent reads it."""

    messages: list[Message] = Field(min_length=1)
    stream_options: StreamOptions | None = None


class ResponseAsked(_Common):
    """A request for a response, as far as an agent reads it."""

    input: str | list[Message | Called | Returned] = Field(min_length=1)
    previous_response_id: str | None = None
    background: bool | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What an agent is asked.

    Attributes:
        input: the person's last message; "" where the request tells what functions returned.
        returned: what they did, by run and step.
        before: the message before it and the answer to that, by which the conversation is found again.
        ignored: members of the request that were not used.
        previous: the run, and which part of it, that a response goes on from.
        is_shown_again: whether the reply can be asked for later.
        background: whether the run goes on without its caller.
        attempt: which of its client's own attempts it is.
        echoed: what a response tells again of how functions may be called.
    """

    agent: str
    input: str
    streams: bool
    before: tuple[str, str] | None
    ignored: list[str]
    returned: Mapping[tuple[str, int], str] = field(default_factory=dict)
    session_id: str | None = None
    wants_usage: bool = False
    previous: str | None = None
    is_shown_again: bool = False
    background: bool = False
    answer_format: AnswerFormat | None = None
    functions: Functions | None = None
    attempt: Attempt | None = None
    echoed: Mapping[str, Any] = field(default_factory=dict)


def read_chat(sent: Mapping[str, Any], *, modelled: bool) -> Asked:
    """Read a request for a chat completion; `modelled` says that agents ask models here.

    Raises:
        ValidationFailed: it has not the form of one.
        Unsupported: it asks for what an agent does not do.
        NotFound: it tells what a call returned that there is not.
    """
    asked = fitted(ChatAsked, sent)
    returned = _returned(asked.messages)
    options = asked.stream_options
    tools, choice = _listed(sent.get("tools")), _chosen(sent.get("tool_choice"))
    return Asked(
        agent=asked.model.removeprefix(AGENT),
        input="" if returned else _last(asked.messages, "messages"),
        returned=returned,
        streams=bool(asked.stream),
        before=_before(asked.messages),
        ignored=_ignored(sent, asked.messages, asked.n, modelled=modelled),
        session_id=asked.daeri.session_id,
        wants_usage=bool(options and options.include_usage),
        answer_format=_format(sent.get("response_format"), "response_format", modelled=modelled),
        functions=read_functions(tools, choice, singly=_singly(sent)) if modelled else None,
    )


def read_response(sent: Mapping[str, Any], *, modelled: bool) -> Asked:
    """Read a request for a response; `modelled` says that agents ask models here.

    Raises:
        ValidationFailed: it has not the form of one.
        Unsupported: it asks for what an agent does not do.
        NotFound: it tells what a call returned that there is not.
    """
    asked = fitted(ResponseAsked, sent)
    items = [Message(role="user", content=asked.input)] if isinstance(asked.input, str) else asked.input
    messages = [item if isinstance(item, Message) else _message(item) for item in items]
    returned = _returned(messages)
    tools = [{"function": each} for each in _listed(sent.get("tools"))]
    choice = _chosen(sent.get("tool_choice"))
    return Asked(
        agent=asked.model.removeprefix(AGENT),
        input="" if returned else _last(messages, "input"),
        returned=returned,
        streams=bool(asked.stream),
        before=_before(messages),
        ignored=_ignored(sent, messages, asked.n, modelled=modelled),
        session_id=asked.daeri.session_id,
        previous=asked.previous_response_id,
        is_shown_again=True,
        echoed=_echoed(sent, modelled=modelled),
        background=bool(asked.background),
        answer_format=_format(_chat_format(sent.get("text")), "text/format", modelled=modelled),
        functions=read_functions(tools, choice, singly=_singly(sent)) if modelled else None,
    )


def _text(content: str | list[Part] | None) -> str:
    if isinstance(content, list):
        return "\n".join(part.text or part.refusal for part in content)
    return content or ""


def _message(item: Called | Returned) -> Message:
    """Return an item of a response's input as chat completions have it."""
    if isinstance(item, Called):
        return Message(role="assistant")
    return Message(role="tool", content=_text(item.output), tool_call_id=item.call_id)


def _returned(messages: Sequence[Message]) -> dict[tuple[str, int], str]:
    """Return what functions returned, where a request ends with that.

    Raises:
        ValidationFailed: a result names no call, or one that another one names.
        NotFound: it names none of ours.
    """
    told = list(takewhile(lambda message: message.role == "tool", reversed(messages)))
    if any(message.tool_call_id is None for message in told):
        needed = Text("tool_call_id에 함수 호출의 id를 적어 주세요", "tool_call_id must name the call")
        raise ValidationFailed(needed, errors=[FieldError("/messages", "tool_call_id is missing")])
    return by_place(((str(message.tool_call_id), message.text) for message in told), "/messages")


def _last(messages: Sequence[Message], member: str) -> str:
    if messages[-1].role != "user":
        raise Unsupported(
            Text("마지막 메시지는 사용자의 것이어야 해요", "The last message must be the user's"),
            errors=[FieldError(f"/{member}/{len(messages) - 1}/role", "must be user")],
        )
    return messages[-1].text


def _before(messages: Sequence[Message]) -> tuple[str, str] | None:
    """Return the person's message before the last one, and all that was answered to it."""
    spoken = [message for message in messages[:-1] if message.role in ("user", "assistant") and message.text]
    answered: list[str] = []
    while spoken and spoken[-1].role == "assistant":
        answered.insert(0, spoken.pop().text)
    return (spoken[-1].text, "".join(answered)) if spoken and answered else None


def _ignored(sent: Mapping[str, Any], messages: Sequence[Message], n: int | None, *, modelled: bool) -> list[str]:
    """Name what is not used; refuse what cannot be left out."""
    present = {name for name, value in sent.items() if value is not None}
    for name in _REFUSED:
        if name in present and sent[name]:
            raise _unsupported(name)
    if n is not None and n != 1:
        raise _unsupported("n")
    if not modelled and sent.get("tool_choice") not in (None, "auto", "none"):
        raise Unsupported(NO_FUNCTIONS, errors=[FieldError("/tool_choice", "needs an agent with a model")])
    tools = sent.get("tools") or []
    known = _USED | _HARMLESS | ({"parallel_tool_calls"} if modelled else set())
    unused = {"tools"} if (not modelled and "tools" in present) or len(_listed(tools)) < len(tools) else set()
    roles = {message.role for message in messages}
    is_late = messages[-1].role != "tool" and "tool" in _since_answered(messages)
    left_out = ("system", "developer", "tool") if is_late or not modelled else ("system", "developer")
    return sorted(present - known | unused) + [f"messages.{role}" for role in left_out if role in roles]


def _since_answered(messages: Sequence[Message]) -> Iterator[str]:
    """Yield by whom a request's last messages are, after the agent's own, the last one first."""
    return takewhile(lambda role: role != "assistant", (message.role for message in reversed(messages)))


def _listed(tools: object) -> list[Mapping[str, Any]]:
    """Return those of a request's tools that are functions: an agent has no other tools of a caller's."""
    listed = tools if isinstance(tools, list) else []
    return [each for each in listed if isinstance(each, Mapping) and each.get("type", "function") == "function"]


def _echoed(sent: Mapping[str, Any], *, modelled: bool) -> dict[str, Any]:
    """Return how the caller's functions may be called, as it was asked; where there is no model, none is."""
    named = {"type": "function", "description": None, "parameters": None, "strict": None}
    functions = [{**named, **each} for each in _listed(sent.get("tools"))] if modelled else []
    told: dict[str, Any] = {"tools": functions} if functions else {}
    if sent.get("tool_choice") is not None:
        told["tool_choice"] = sent["tool_choice"]
    return told | ({"parallel_tool_calls": False} if _singly(sent) else {})


def _singly(sent: Mapping[str, Any]) -> bool:
    return sent.get("parallel_tool_calls") is False


def _chosen(choice: object) -> object:
    """Return which function is to be called, as both APIs word it.

    Raises:
        Unsupported: the choice is of another kind.
    """
    if not isinstance(choice, Mapping):
        return choice
    named = choice.get("function", choice)
    if choice.get("type") != "function" or not isinstance(named, Mapping):
        raise _unsupported("tool_choice")
    return named.get("name", "")


def _chat_format(text: object) -> object:
    """Return the form in a response's `text` as chat completions have it: the schema under a name of its own."""
    wanted = text.get("format") if isinstance(text, Mapping) else None
    if not isinstance(wanted, Mapping) or wanted.get("type") != "json_schema":
        return wanted
    described = {name: value for name, value in wanted.items() if name != "type"}
    return {"type": "json_schema", "json_schema": described}


def _format(wanted: object, name: str, *, modelled: bool) -> AnswerFormat | None:
    """Return the form that the answer is to have.

    Raises:
        ValidationFailed: it is none.
        Unsupported: there is no model that could give it one.
    """
    answer_format = read_format(wanted, f"/{name}")
    if answer_format is not None and not modelled:
        raise Unsupported(NO_FORM, errors=[FieldError(f"/{name}", "needs an agent with a model")])
    return answer_format


def _unsupported(name: str) -> Unsupported:
    what = name.replace("/", ".")
    return Unsupported(
        Text(f"에이전트에게는 {what}을(를) 쓸 수 없어요", f"Agents do not support {what}"),
        errors=[FieldError(f"/{name}", "not supported by agents")],
    )
