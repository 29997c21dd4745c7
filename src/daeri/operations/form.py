"""What does a form (양식) let people do? The policies of one kind of document, attached to an operation.

Vendors of electronic approval disagree on most rules; so each is a choice of the form here, not a constant. An
operation with a plain line function has the form that stands here as default.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any, Literal

from daeri.errors import DeclarationError
from daeri.operations.deciding.model import Policy
from daeri.operations.delegation import Delegation
from daeri.operations.line import Line, drafter
from daeri.wording import Text

LineFunction = Callable[..., Line | None]
PREFIX = "DR"
"""The abbreviation in document numbers of forms that name none."""
PREFIX_MAX = 8


@dataclass(frozen=True, slots=True)
class Deadline:
    """How long one turn may take, and what follows.

    Attributes:
        days: working days of Korea; the turn ends with the last of them, at midnight in Seoul.
        then: remind the one whose turn it is, or let the next lead decide too. Nothing ever expires silently.
    """

    days: int
    then: Literal["remind", "escalate"] = "escalate"


@dataclass(frozen=True, slots=True)
class Limit:
    """How much a standing consent may cover on a form, at most.

    Attributes:
        days: how long one may hold.
        amount: in all, in the smallest unit of the currency; None = no amount is counted.
        count: documents.
        rows: rows written in all; None = not counted.
    """

    days: int = 30
    count: int = 20
    amount: int | None = None
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class Form:
    """The policies of one kind of document (양식).

    Attributes:
        line: gives the line; several with the day from which each holds, where the rule changes.
        prefix: abbreviation in document numbers: "EX" gives EX-2026-000001, without gaps.
        version: which version of the form; kept with each document.
        step_back: 전단계 반려 is possible.
        hold, consult, undo: 보류, 협의 요청, 결재 취소 are possible.
        early: 선결 is possible; `after` says what becomes of those passed over (후결), `after_days` until when.
        agree_early: 합의 may be given before its turn.
        recall: until when the drafter may take it back.
        change_line: upper approvers may change what remains of the line.
        alone: 1인 결재, the drafter may be the final approver; never for what an agent started.
        deadline: how long one turn may take; None = as long as it takes.
        changed: what happens when a record it changes was changed in the meantime: it goes back, or is accepted.
        bundle: held calls of one step of a run that need the same line become one document (일괄 상신), decided and
            carried out as a whole; not for what acts outside, nor together with `consent`.
        consent: how much a standing consent may cover; None = none is possible.
        unvouched: the line where an agent fills a control argument with what nobody vouched for; None = the same.
        delegation: the table of delegated decisions that the line function looks up, for people to read.
        own: it is about what is its drafter's alone: whoever has no seat in its line does not see it, auditors neither.
    """

    line: LineFunction | Mapping[date, LineFunction]
    prefix: str = PREFIX
    version: str = "1"
    step_back: bool = True
    hold: bool = True
    consult: bool = True
    undo: bool = True
    early: bool = False
    after: Literal["keep", "skip"] = "keep"
    after_days: int | None = None
    agree_early: bool = False
    recall: Literal["untouched", "in_progress", "never"] = "untouched"
    change_line: bool = False
    alone: bool = False
    deadline: Deadline | None = None
    changed: Literal["return", "accept"] = "return"
    bundle: bool = False
    consent: Limit | None = None
    unvouched: LineFunction | None = None
    delegation: Delegation | None = None
    own: bool = False
    _functions: Sequence[tuple[date, LineFunction]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Put the line functions in order."""
        if not (self.prefix.isascii() and self.prefix.isalnum() and len(self.prefix) <= PREFIX_MAX):
            raise DeclarationError(f"a form's prefix is up to {PREFIX_MAX} letters and digits, not {self.prefix!r}")
        if self.bundle and self.consent is not None:
            raise DeclarationError("a form bundles or rides on consents: those count single documents")
        lines = self.line if isinstance(self.line, Mapping) else {date.min: self.line}
        if not lines:
            raise DeclarationError("a Form needs a line function")
        object.__setattr__(self, "_functions", sorted(lines.items(), key=lambda each: each[0]))

    @property
    def functions(self) -> tuple[LineFunction, ...]:
        """Every line function, for their parameters to be checked."""
        more = () if self.unvouched is None else (self.unvouched,)
        return (*(function for _, function in self._functions), *more)

    def line_on(self, today: date) -> LineFunction:
        """Return the line function that holds on a day, and the first one before all of them do."""
        held = [function for since, function in self._functions if since <= today]
        return held[-1] if held else self._functions[0][1]

    def since(self, today: date) -> date | None:
        """Return from which day the line function of a day holds; None where it always did."""
        held = [since for since, _ in self._functions if since <= today]
        return held[-1] if held and held[-1] != date.min else None

    @property
    def policy(self) -> Policy:
        """What the machine needs to know of it."""
        return Policy(
            step_back=self.step_back,
            hold=self.hold,
            consult=self.consult,
            undo=self.undo,
            early=self.early,
            after=self.after,
            agree_early=self.agree_early,
            recall=self.recall,
            change_line=self.change_line,
        )

    def frozen(self, today: date) -> dict[str, Any]:
        """Return what a document keeps of its form, as JSON values."""
        since = self.since(today)
        return {
            "machine": asdict(self.policy),
            "prefix": self.prefix,
            "version": self.version,
            "since": since.isoformat() if since else None,
            "after_days": self.after_days,
            "alone": self.alone,
            "deadline": asdict(self.deadline) if self.deadline else None,
            "changed": self.changed,
            **({"own": True} if self.own else {}),
        }


def form_of(approval: LineFunction | Form | None) -> Form | None:
    """Return the form that an operation declares; a plain line function has the form of defaults."""
    return approval if approval is None or isinstance(approval, Form) else Form(approval)


def confirming(fields: Sequence[Text], *, unasked: bool = False) -> Line:
    """Return the line of what an agent fills in by itself: the person for whom it acts confirms, in person.

    Without fields it is the act itself that the person confirms: the agent had read what anyone may have written, or
    their words did not ask for it.
    """
    ko, en = ", ".join(field.ko for field in fields), ", ".join(field.en for field in fields)
    because = Text(
        f"에이전트가 스스로 채운 값이 있어 본인이 확인해요: {ko}",
        f"The agent filled in values that you did not give; confirm them: {en}",
    )
    if not fields:
        because = Text(
            "에이전트가 문서나 웹의 글을 읽은 뒤에 하려는 일이라 본인이 확인해요",
            "The agent wants to do this after reading a document or web page; confirm that you want it",
        )
        if unasked:
            because = Text(
                "에이전트가 회사 자료를 읽은 뒤에 하려는 일인데 하신 말에는 없어서 본인이 확인해요",
                "The agent wants to do this after reading company data, and you did not ask for it; confirm it",
            )
    return Line(drafter(), rule="unvouched", because=because)


CONFIRM = Form(lambda: confirming(()), prefix="OK")
"""The form of such a confirmation."""
