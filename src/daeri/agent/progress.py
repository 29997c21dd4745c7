"""Where does a run stand? What has happened in it, what its last plan still asks for; read back from its journal."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from daeri.agent.planner import Call, Declined, Happened
from daeri.operations.agents import Allowance
from daeri.operations.outcome import Done
from daeri.runs.journal import Note
from daeri.runs.work import StepView
from daeri.wording import Lang


@dataclass(slots=True)
class Progress:
    """Where a run stands: what has happened, what the last turn still asked for, how often it was planned."""

    happened: list[Happened] = field(default_factory=list)
    pending: list[Call] = field(default_factory=list)
    plan: dict[str, Any] = field(default_factory=dict)
    usage: dict[str, Any] = field(default_factory=dict)
    spoken: str = ""
    milliseconds: int = 0
    allowance: Allowance = field(default_factory=Allowance)
    started: float = field(default_factory=time.perf_counter)
    turns: int = 0
    steps: int = 0
    notes: list[Note] = field(default_factory=list)
    announced: int = 0

    @property
    def elapsed(self) -> int:
        """Milliseconds of work in all segments so far; the time a run waits for people is not counted."""
        return self.milliseconds + round((time.perf_counter() - self.started) * 1000)

    @property
    def calls_left(self) -> int:
        """How many operations may still be called."""
        return self.allowance.calls - len(self.happened)

    def take_notes(self) -> list[Note]:
        """Hand out the steps that are not written yet."""
        notes, self.notes = self.notes, []
        return notes

    @property
    def finished(self) -> list[Done]:
        """The results so far."""
        return [item.outcome for item in self.happened if isinstance(item.outcome, Done)]


def replay(steps: Sequence[StepView], lang: Lang) -> Progress:
    """Return where a run stands from its journal: the calls of its last plan that have no step yet are pending."""
    progress = Progress(steps=len(steps))
    for step in steps:
        if step.kind == "plan":
            progress.turns += 1
            progress.plan = step.output["plan"]
            progress.usage = step.output["usage"]
            progress.spoken = step.output["spoken"]
            progress.milliseconds = step.output["milliseconds"]
            progress.pending = [_planned(call) for call in step.output["calls"]]
        elif step.kind == "execute":
            call = _called(progress.pending, step)
            progress.pending.remove(call)
            progress.happened.append(_happened(call, step.output, lang))
    return progress


def _planned(call: Mapping[str, Any]) -> Call:
    return Call(call["operation"], call["arguments"], call["note"], tuple(call.get("classes", ())))


def _called(pending: Sequence[Call], step: StepView) -> Call:
    """Return which call a step was; of calls that were filed together some may have come before their turn."""
    same = (each for each in pending if (each.operation, each.arguments) == (step.name, step.input))
    return next(same, pending[0])


def _happened(call: Call, output: Mapping[str, Any], lang: Lang) -> Happened:
    settled = output.get("settled")
    if "done" in output:
        body = output["done"]
        names = ("operation", "result", "say", "sources", "masked", "milliseconds", "rows")
        return Happened(call, Done(**{name: body[name] for name in names}), settled["by"] if settled else "")
    if settled is not None:
        problem = settled["problem"][lang] if settled["problem"] else None
        return Happened(call, Declined(settled["status"], problem, settled["by"], settled["comment"]))
    return Happened(call, Declined("refused", output["refused"][lang]))
