"""What does a client of OpenAI's API ask of an agent? The parts of its requests that an agent can honour.

An agent has its own instructions, tools and model, so what a request holds of these is not used: it is named back
(`daeri.ignored`). What would change the form of the answer is refused, since its caller could not read the answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from daeri.errors import FieldError
from daeri.gateway.openai.errors import Unsupported
from daeri.gateway.wire import fitted
from daeri.runs.answer_format import read_format
from daeri.runs.request import PLAIN, Terms
from daeri.runs.runs import NO_FORM
from daeri.wording import Text

AGENT: Final = "agent/"
"""What a model's name begins with where it names an agent: agent/assistant."""

_HARMLESS: Final = frozenset({"user", "metadata", "store", "safety_identifier", "prompt_cache_key", "service_tier"})
"""Members that change nothing an agent does: not worth naming back."""
_USED: Final = frozenset(
    {"model", "messages", "input", "stream", "stream_options", "daeri", "previous_response_id", "response_format"}
)
_REFUSED: Final = ("audio", "background", "conversation", "function_call", "functions", "prompt")


class _Read(BaseModel):
    """The base of what is read of a request: strict where it is read, blind to the rest."""

    model_config = ConfigDict(strict=True, extra="ignore")


class Part(_Read):
    """A part of a message's content."""

    type: Literal["text", "input_text", "output_text"]
    text: str


class Message(_Read):
    """One message of a conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[Part] | None = None

    @property
    def text(self) -> str:
        """The text of all its parts."""
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content)
        return self.content or ""


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
    daeri: Extension = Field(default_factory=Extension)


class ChatAsked(_Common):
    """A request for a chat completion, as far as an agent reads it."""

    messages: list[Message] = Field(min_length=1)
    stream_options: StreamOptions | None = None


class ResponseAsked(_Common):
    """A request for a response, as far as an agent reads it."""

    input: str | list[Message] = Field(min_length=1)
    previous_response_id: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What an agent is asked.

    Attributes:
        input: the person's last message.
        before: the message before it and the answer to that, by which the conversation is found again.
        ignored: members of the request that were not used.
    """

    agent: str
    input: str
    streams: bool
    before: tuple[str, str] | None
    ignored: list[str]
    session_id: str | None = None
    wants_usage: bool = False
    previous: str | None = None
    terms: Terms = PLAIN


def read_chat(sent: Mapping[str, Any], *, modelled: bool) -> Asked:
    """Read a request for a chat completion; `modelled` says that agents ask models here.

    Raises:
        ValidationFailed: it has not the form of one.
        Unsupported: it asks for what an agent does not do.
    """
    asked = fitted(ChatAsked, sent)
    ignored = _ignored(sent, asked.messages, asked.n)
    options = asked.stream_options
    return Asked(
        agent=asked.model.removeprefix(AGENT),
        input=_last(asked.messages, "messages"),
        streams=bool(asked.stream),
        before=_before(asked.messages),
        ignored=ignored,
        session_id=asked.daeri.session_id,
        wants_usage=bool(options and options.include_usage),
        terms=_terms(sent.get("response_format"), "response_format", modelled=modelled),
    )


def read_response(sent: Mapping[str, Any], *, modelled: bool) -> Asked:
    """Read a request for a response; `modelled` says that agents ask models here.

    Raises:
        ValidationFailed: it has not the form of one.
        Unsupported: it asks for what an agent does not do.
    """
    asked = fitted(ResponseAsked, sent)
    messages = [Message(role="user", content=asked.input)] if isinstance(asked.input, str) else asked.input
    return Asked(
        agent=asked.model.removeprefix(AGENT),
        input=_last(messages, "input"),
        streams=bool(asked.stream),
        before=_before(messages),
        ignored=_ignored(sent, messages, asked.n),
        session_id=asked.daeri.session_id,
        previous=asked.previous_response_id,
        terms=_terms(_chat_format(sent.get("text")), "text/format", modelled=modelled),
    )


def _chat_format(text: object) -> object:
    """Return the form in a response's `text` as chat completions have it: the schema under a name of its own."""
    wanted = text.get("format") if isinstance(text, Mapping) else None
    if not isinstance(wanted, Mapping) or wanted.get("type") != "json_schema":
        return wanted
    described = {name: value for name, value in wanted.items() if name != "type"}
    return {"type": "json_schema", "json_schema": described}


def _terms(wanted: object, name: str, *, modelled: bool) -> Terms:
    """Return how the answer is to be given.

    Raises:
        ValidationFailed: its form is none.
        Unsupported: it is to have one, and there is no model that could give it one.
    """
    wanted_format = read_format(wanted, f"/{name}")
    if wanted_format is not None and not modelled:
        raise Unsupported(NO_FORM, errors=[FieldError(f"/{name}", "needs an agent with a model")])
    return Terms(answer_format=wanted_format)


def _last(messages: Sequence[Message], member: str) -> str:
    if messages[-1].role != "user":
        raise Unsupported(
            Text("마지막 메시지는 사용자의 것이어야 해요", "The last message must be the user's"),
            errors=[FieldError(f"/{member}/{len(messages) - 1}/role", "must be user")],
        )
    return messages[-1].text


def _before(messages: Sequence[Message]) -> tuple[str, str] | None:
    spoken = [message for message in messages[:-1] if message.role in ("user", "assistant") and message.text]
    if len(spoken) < 2 or (spoken[-2].role, spoken[-1].role) != ("user", "assistant"):  # noqa: PLR2004 - a pair
        return None
    return spoken[-2].text, spoken[-1].text


def _ignored(sent: Mapping[str, Any], messages: Sequence[Message], n: int | None) -> list[str]:
    """Name what is not used; refuse what cannot be left out."""
    present = {name for name, value in sent.items() if value is not None}
    for name in _REFUSED:
        if name in present and sent[name]:
            raise _unsupported(name)
    if n is not None and n != 1:
        raise _unsupported("n")
    if sent.get("tool_choice") not in (None, "auto", "none"):
        raise _unsupported("tool_choice")
    ignored = sorted(present - _USED - _HARMLESS - {"n", "text", "tool_choice"})
    roles = {message.role for message in messages}
    return ignored + [f"messages.{role}" for role in ("system", "developer", "tool") if role in roles]


def _unsupported(name: str) -> Unsupported:
    what = name.replace("/", ".")
    return Unsupported(
        Text(f"에이전트에게는 {what}을(를) 쓸 수 없어요", f"Agents do not support {what}"),
        errors=[FieldError(f"/{name}", "not supported by agents")],
    )
