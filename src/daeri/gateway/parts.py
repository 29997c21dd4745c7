"""What of a run does one reply tell? A run that waits for its caller's functions is told in parts, each by a reply.

A part ends where calls were handed over, and the next begins when what they returned has come. What a part tells is
made of the run's steps alone, so it is the same whenever it is asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

Run = dict[str, Any]

NOTHING: Final[Mapping[str, Any]] = {}


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a run, between two parts.

    Attributes:
        after: the number of the last event before it.
        spoken: the text that was spoken before it.
        used: the tokens that models had used before it.
    """

    after: int = 0
    spoken: str = ""
    used: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a run: from where to where, and the calls by which it ends; the last part has no end yet."""

    number: int
    begins: Mark
    ends: Mark | None = None
    calls: tuple[Mapping[str, Any], ...] = ()


def parts_of(run: Run) -> list[Part]:
    """Return the parts of a run that have begun, in order."""
    turns: dict[int, list[Mapping[str, Any]]] = {}
    waits = False
    for step in run["steps"]:
        output = step["output"] or NOTHING
        if "handed" in output:
            call = {"call_id": output["handed"]["call_id"], "name": step["name"], "arguments": step["input"] or {}}
            turns.setdefault(output["handed"]["after"], []).append(call | {"handed": output["handed"]})
            waits = "done" not in output
    parts: list[Part] = []
    begins = Mark()
    for after, calls in turns.items():
        ends = Mark(after, calls[0]["handed"]["spoken"], calls[0]["handed"]["usage"])
        parts.append(Part(len(parts), begins, ends, tuple(calls)))
        begins = ends
    return parts if waits else [*parts, Part(len(parts), begins)]


def part_of(run: Run, number: int) -> Run:
    """Return a run as one of its parts tells it: what was said, called and used in it.

    Raises:
        IndexError: it has no such part yet.
    """
    part = parts_of(run)[number]
    if part.ends is None:
        answer = None if run["answer"] is None else run["answer"].removeprefix(part.begins.spoken)
        return {**run, "answer": answer, "usage": _less(run["usage"], part.begins.used), "part": number, "calls": ()}
    ended: dict[str, Any] = {"status": "waiting_input", "error": None, "choices": [], "citations": []}
    answer = part.ends.spoken.removeprefix(part.begins.spoken)
    usage = _less(part.ends.used, part.begins.used)
    return {**run, **ended, "answer": answer, "usage": usage, "part": number, "calls": part.calls}


def _less(used: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, int]:
    """Return the tokens of which some were used before."""
    names = ("input_tokens", "output_tokens")
    return {name: max(0, int(used.get(name) or 0) - int(before.get(name) or 0)) for name in names}
