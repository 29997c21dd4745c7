"""What is asked of an agent, as its run keeps it: the words, in which conversation, and on which terms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

from daeri.errors import DaeriError, FieldError, ValidationFailed
from daeri.runs.answer_format import AnswerFormat
from daeri.runs.functions import Functions
from daeri.runs.queueing import ASKED, Busy
from daeri.wording import Lang, Text, normal

INPUT_MAX: Final = 8_000
"""Characters of a request; a longer text belongs into a document."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request that its client may send again, by itself or with a key.

    Attributes:
        digest: of all that is asked.
        number: 0 for the first time.
        id: of this one request, which hears the answer unless a later one comes for it.
    """

    digest: str
    number: int
    id: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    """How a caller wants to be answered, whatever is asked; equal where the answer would be.

    Attributes:
        when_busy: what becomes of the request where the conversation's last one is still at work.
        answer_format: the form that the answer must have; None for words.
        functions: the caller's own functions, which the model may call; None where it lends none.
        noted: what the door by which it came wants to know again; the run itself does not heed it.
        attempt: which of its client's own attempts it is; None for a client that makes none.
    """

    when_busy: Busy = field(default="queue", compare=False)
    answer_format: AnswerFormat | None = None
    functions: Functions | None = None
    noted: Mapping[str, Any] | None = field(default=None, compare=False)
    attempt: Attempt | None = field(default=None, compare=False)

    def kept(self) -> dict[str, Any] | None:
        """Return as JSON what a run has to know of it until its end; None where that is nothing."""
        kept: dict[str, Any] = {}
        if self.answer_format is not None:
            kept["response_format"] = dict(self.answer_format.asked)
        if self.functions is not None:
            kept["functions"] = self.functions.kept()
        if self.noted is not None:
            kept["noted"] = dict(self.noted)
        return kept or None

    @classmethod
    def of(cls, kept: Mapping[str, Any] | None) -> Self:
        """Return what a run knows."""
        known = kept or {}
        asked, lent = known.get("response_format"), known.get("functions")
        return cls(
            answer_format=AnswerFormat(asked) if asked else None,
            functions=Functions.of(lent) if lent else None,
            noted=known.get("noted"),
        )


PLAIN: Final = Terms()


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asks an agent.

    Attributes:
        session_id: the conversation that it goes on with; None begins one.
        instead_of: the turn of that conversation which it asks again in other words.
        terms: how it is to be answered.
        rank: who goes first; what a person waits for before what a schedule began.
        told: what the run's first event tells besides.
        classes: the sensitive data classes that its text may hold, where an agent worded it.
        refused: why it is not even begun; its person learns that by a run that has failed.
    """

    text: str
    agent: str
    lang: Lang
    session_id: str | None = None
    instead_of: str | None = None
    idempotency_key: str | None = None
    terms: Terms = PLAIN
    rank: int = ASKED
    told: Mapping[str, Any] = field(default_factory=dict)
    classes: Sequence[str] = ()
    refused: DaeriError | None = None


def worded(text: str) -> str:
    """Return a request's text as it is kept.

    Raises:
        ValidationFailed: empty or too long.
    """
    cleaned = normal(text).strip()
    if not cleaned:
        raise ValidationFailed(
            Text("질문이나 요청을 적어 주세요", "Write a question or a request"),
            errors=[FieldError("/input", "must not be empty")],
        )
    if len(cleaned) > INPUT_MAX:
        raise ValidationFailed(
            Text(f"{INPUT_MAX:,}자까지 쓸 수 있어요", f"At most {INPUT_MAX:,} characters"),
            errors=[FieldError("/input", f"at most {INPUT_MAX} characters")],
        )
    return cleaned
