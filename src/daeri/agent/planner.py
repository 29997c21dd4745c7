"""What does a planner see, and what may it say? The seam between the executor above and any planner below.

A planner decides and never acts: it names calls, and the executor takes them through the door. Keyless and model
planners read the same situation and answer in the same values.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from daeri.agent.analyzer import Analysis
from daeri.operations.operation import Operation
from daeri.operations.outcome import Done
from daeri.operations.sensitivity import classes_in
from daeri.records.actor import Actor
from daeri.records.mentions import Mention
from daeri.runs.answer_format import AnswerFormat
from daeri.runs.functions import AUTO, Functions
from daeri.runs.work import Summary
from daeri.wording import Lang

AnswerKind = Literal["answer", "question", "decline"]
FindMentions = Callable[[Sequence[str]], Awaitable[list[Mention]]]
WouldFind = Callable[[str, Mapping[str, Any]], Awaitable[float]]


async def _finds_nothing(operation: str, arguments: Mapping[str, Any]) -> float:
    del operation, arguments
    return 0.0


@dataclass(frozen=True, slots=True)
class Call:
    """An operation to be called.

    Attributes:
        note: an assumption worth knowing ("'김대리'를 ... 이해했어요").
        classes: the sensitive data classes that its planner had before it, so that its arguments may hold them.
    """

    operation: str
    arguments: dict[str, Any]
    note: str = ""
    classes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """Something to ask instead: what it is called, and the whole request to send."""

    label: str
    input: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The end of a run: an answer, a question back, or an honest refusal."""

    text: str
    choices: tuple[Choice, ...] = ()
    kind: AnswerKind = "answer"


@dataclass(frozen=True, slots=True)
class Waits:
    """A call that became a document: its id, what it would change, its line and why."""

    approval_id: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Declined:
    """A call that was refused, by the door or by the people of its line.

    Attributes:
        status: "refused" by the door; "rejected", "withdrawn" or "apply_failed" after filing.
        problem: the problem object in the run's language, where the door refused.
        by, comment: who decided, and their words.
    """

    status: str
    problem: Mapping[str, Any] | None = None
    by: str = ""
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Happened:
    """A call and what came of it; `settled_by` names who approved it, where it had waited."""

    call: Call
    outcome: Done | Waits | Declined
    settled_by: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """An earlier turn of the conversation.

    Attributes:
        untrusted: the answer rests on text that anyone may have written, and may quote it.
        run_id: the run that answered.
        classes: the sensitive data classes that the answer may hold.
        held: those that the request may hold, where an agent worded it.
    """

    input: str
    answer: str
    choices: tuple[Choice, ...] = ()
    untrusted: bool = False
    run_id: str = ""
    classes: frozenset[str] = frozenset()
    held: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Recalled:
    """Something that the person wants to be remembered, and the sensitive data classes that it may hold."""

    text: str
    classes: frozenset[str] = frozenset()


@dataclass(slots=True)
class Situation:
    """Everything a planner may look at.

    Attributes:
        tools: the operations that the selector chose among those this actor may call.
        plan: what the planner wrote down at its first turn, for it to go on from.
        happened: the calls so far, in order.
        find_mentions: names in the request to rows the actor may see.
        say: streams a piece of the answer's text to whoever listens.
        would_find: how sure a search operation would be of what it finds, 0 for nothing good enough.
        history: the conversation before, oldest first; `summary` tells what was before that.
        model: the name of the model that the agent would have asked first; None for the most preferred one.
        asked: what the planner tells, for the trace, of the requests to models that it made in this turn.
        rank: who goes first where a model is asked by many; lower is sooner.
        memories: what the person wants to be remembered, closest to the request first.
        held: the sensitive data classes that the request itself may hold, where an agent worded it.
        recalled: those of what was remembered when the run was taken up before.
        answer_format: the form that the answer must have; only a model can give it one.
        functions: the caller's own functions; only a model calls them.
    """

    actor: Actor
    lang: Lang
    input: str
    analysis: Analysis
    tools: Sequence[Operation]
    find_mentions: FindMentions
    say: Callable[[str], Awaitable[None]]
    would_find: WouldFind = _finds_nothing
    instructions: str = ""
    plan: dict[str, Any] = field(default_factory=dict)
    happened: Sequence[Happened] = ()
    history: Sequence[Said] = ()
    summary: Summary | None = None
    memories: Sequence[Recalled] = ()
    rank: int = 0
    usage: dict[str, Any] = field(default_factory=dict)
    run_id: str | None = None
    model: str | None = None
    asked: list[dict[str, Any]] = field(default_factory=list)
    held: frozenset[str] = frozenset()
    recalled: frozenset[str] = frozenset()
    answer_format: AnswerFormat | None = None
    functions: Functions | None = None

    @property
    def offered(self) -> Sequence[Mapping[str, Any]]:
        """The caller's functions, as models are told of them."""
        return self.functions.offered if self.functions is not None else ()

    @property
    def lent(self) -> frozenset[str]:
        """The names of the caller's functions."""
        return self.functions.names if self.functions is not None else frozenset()

    @property
    def choice(self) -> str:
        """Which of the caller's functions is to be called next: as the caller said, until one was called."""
        if self.functions is None or any(each.call.operation in self.lent for each in self.happened):
            return AUTO
        return self.functions.choice

    @property
    def classes(self) -> frozenset[str]:
        """The sensitive data classes of what the run was told and has read, and of the conversation before it."""
        done = (happened.outcome for happened in self.happened)
        read = (classes_in(outcome.sources) for outcome in done if isinstance(outcome, Done))
        before = self.summary.classes if self.summary is not None else ()
        said, told = (said.classes for said in self.history), (each.classes for each in self.memories)
        return self.held.union(self.recalled, before, *read, *said, *told)


class Planner(Protocol):
    """Decides what to do next.

    Attributes:
        name: "keyless" or the model's name.
        waits: whether it takes its time, so that listeners should see that it is at work.
    """

    name: str
    waits: bool

    async def next(self, situation: Situation) -> Sequence[Call] | Answer:
        """Return calls to make now, or the answer that ends the run."""

    async def condense(self, situation: Situation) -> Summary | None:
        """Return a summary to be shown instead of the turns that it covers; None where all that is needed fits."""
