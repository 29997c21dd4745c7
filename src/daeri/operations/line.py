"""What does an approval line (결재선) look like before it is filled with people?

Only values live here: a company writes a `Line`; deciding/seating.py finds the people and says of each why.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from daeri.operations.delegation import Delegated
from daeri.wording import Lang, Text


@dataclass(frozen=True, slots=True)
class Superior:
    """The n-th lead upward from the drafter: 1 is the lead of the drafter's own team."""

    level: int
    role: Text | None


@dataclass(frozen=True, slots=True)
class Holder:
    """The person who holds a role, wherever they sit; the role must still be theirs when they decide."""

    role_name: str
    role: Text


@dataclass(frozen=True, slots=True)
class Ranked:
    """The nearest lead upward whose rank is at least this one (부장 이상)."""

    rank: str
    role: Text | None


@dataclass(frozen=True, slots=True)
class Office:
    """A department: its lead decides for it, after those whom it names inside."""

    team: int | str
    inner: "tuple[Approver, ...]"
    role: Text | None


@dataclass(frozen=True, slots=True)
class Named:
    """One person by id, e.g. whom an argument names."""

    person_id: int
    role: Text | None


@dataclass(frozen=True, slots=True)
class Drafter:
    """The drafter in person, in their own session: what an agent prepared is confirmed by whom it acts for."""

    role: Text | None


Approver = Superior | Holder | Ranked | Office | Named | Drafter


def superior(level: int, role: Text | None = None) -> Superior:
    """Name the n-th lead upward from the drafter; the stamp cell shows their own title unless `role` says another."""
    return Superior(level, role)


def holder(role_name: str, role: Text | None = None) -> Holder:
    """Name the holder of a role, e.g. `holder("finance", Text("재무", "finance"))`."""
    return Holder(role_name, role or Text(role_name, role_name))


def rank_at_least(rank: str, role: Text | None = None) -> Ranked:
    """Name the nearest lead upward of a rank or above, e.g. `rank_at_least("부장")`; see `Company.ranks`."""
    return Ranked(rank, role)


def department(team: int | str, *inner: Approver, role: Text | None = None) -> Office:
    """Name a department by id or name; people in `inner` look at the matter first, one after the other."""
    return Office(team, inner, role)


def person(person_id: int, role: Text | None = None) -> Named:
    """Name one person by id, e.g. `person(successor)` where the operation takes `successor: Ref[Employee]`."""
    return Named(person_id, role)


def drafter(role: Text | None = None) -> Drafter:
    """Name the drafter: they confirm in person what an agent prepared for them."""
    return Drafter(role)


@dataclass(frozen=True, slots=True)
class Review:
    """검토: looks at it in turn, and may reject; never decides finally."""

    who: Approver
    why: Text | None = None


@dataclass(frozen=True, slots=True)
class Agree:
    """합의: other units agree, one after the other or all at once.

    Attributes:
        quorum: how many suffice; 0 = all.
        may_reject: whether a no ends the document; otherwise it is an opinion.
        blocking: whether the line waits for them.
    """

    who: tuple[Approver, ...]
    parallel: bool
    quorum: int
    may_reject: bool
    blocking: bool
    why: Text | None = None


@dataclass(frozen=True, slots=True)
class Beside:
    """참조, 열람, 수신: people beside the line. What the form names cannot be taken away by the drafter."""

    part: Literal["cc", "view", "receive"]
    who: tuple[Approver, ...]
    why: Text | None = None


def review(who: Approver, *, why: Text | None = None) -> Review:
    """Let someone look at it in turn, without final power (검토)."""
    return Review(who, why)


def agree(
    *who: Approver,
    parallel: bool = False,
    quorum: int = 0,
    may_reject: bool = True,
    blocking: bool = True,
    why: Text | None = None,
) -> Agree:
    """Ask other units to agree (합의): in order, or all at once with `parallel`; `quorum` of them suffice.

    Raises:
        ValueError: nobody is named, or a quorum that cannot be.
    """
    if not who:
        raise ValueError("agree() needs at least one person or department")
    if quorum and not (parallel and 1 <= quorum <= len(who)):
        raise ValueError(f"a quorum of {quorum} needs parallel=True and at least {quorum} parties")
    return Agree(who, parallel, quorum, may_reject, blocking, why)


def cc(*who: Approver, why: Text | None = None) -> Beside:
    """Let people read from the beginning (참조)."""
    return Beside("cc", who, why)


def view(*who: Approver, why: Text | None = None) -> Beside:
    """Let people read once it is complete (열람)."""
    return Beside("view", who, why)


def receive(*who: Approver, why: Text | None = None) -> Beside:
    """Deliver to people or departments, who accept it or send it back, once it is complete (수신, 접수)."""
    return Beside("receive", who, why)


Step = Approver | Review | Agree | Beside


class Line:
    """Who decides, in order, and why: what an operation's approval function returns.

    Attributes:
        steps: the approvers in the order in which they decide, and those beside the line.
        rule: the name of the rule that chose this line, e.g. "leave-2days".
        because: that rule as a sentence for the drafter and the approvers.
        delegated: what the table of delegated decisions (위임전결) says of this matter; it may end the line earlier.
    """

    __slots__ = ("because", "delegated", "rule", "steps")

    def __init__(self, *steps: Step, rule: str, because: Text, delegated: Delegated | None = None) -> None:
        """Take at least one step; the rule's name and reason are shown on the document.

        Raises:
            ValueError: nobody decides, or the last to decide has no final power.
        """
        deciding: Sequence[Step] = [step for step in steps if not isinstance(step, Beside)]
        if not deciding:
            msg = "a Line needs at least one step; an operation that nobody approves has no approval function"
            raise ValueError(msg)
        last = deciding[-1]
        if isinstance(last, Review):
            msg = f"the line {rule} ends with a review, which decides nothing; end it with someone who approves"
            raise ValueError(msg)  # noqa: TRY004 - the type is right, its place is not
        self.steps, self.rule, self.because, self.delegated = steps, rule, because, delegated


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that an operation would change, worded for the person who decides."""

    label: Text
    before: Text | str
    after: Text | str

    def body(self, lang: Lang) -> dict[str, str]:
        """Render as the resource shape."""
        return {"label": self.label.to(lang), "before": _said(self.before, lang), "after": _said(self.after, lang)}


def _said(value: Text | str, lang: Lang) -> str:
    return value if isinstance(value, str) else value.to(lang)
