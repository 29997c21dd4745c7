"""What does an approval line (결재선) look like before it is filled with people?

Only values live here: a company writes a `Line`, approval.py finds the people.
"""

from dataclasses import dataclass

from daeri.wording import Lang, Text


@dataclass(frozen=True, slots=True)
class Superior:
    """The n-th lead upward from the drafter: 1 is the lead of the drafter's own team."""

    level: int
    role: Text | None


@dataclass(frozen=True, slots=True)
class Holder:
    """The person who holds a role, wherever they sit."""

    role_name: str
    role: Text


Approver = Superior | Holder


def superior(level: int, role: Text | None = None) -> Superior:
    """Name the n-th lead upward from the drafter; the stamp cell shows their own title unless `role` says another."""
    return Superior(level, role)


def holder(role_name: str, role: Text | None = None) -> Holder:
    """Name the holder of a role, e.g. `holder("finance", Text("재무", "finance"))`."""
    return Holder(role_name, role or Text(role_name, role_name))


class Line:
    """Who decides, in order, and why: what an operation's approval function returns.

    Attributes:
        steps: the approvers in the order in which they decide.
        rule: the name of the rule that chose this line, e.g. "leave-2days".
        because: that rule as a sentence for the drafter and the approvers.
    """

    __slots__ = ("because", "rule", "steps")

    def __init__(self, *steps: Approver, rule: str, because: Text) -> None:
        """Take at least one step; the rule's name and reason are shown on the document."""
        if not steps:
            msg = "a Line needs at least one step; an operation that nobody approves has no approval function"
            raise ValueError(msg)
        self.steps, self.rule, self.because = steps, rule, because


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
