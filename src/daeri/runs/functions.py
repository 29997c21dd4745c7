"""Which functions of its own does a caller lend a run? The model may call them, and the caller tells what they return.

They come from outside, so they are bounded and never stand in for an operation. What one returns is text that anyone
may have written.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import thread_time
from typing import Any, Final, Self

from daeri.errors import FieldError, NotFound, ValidationFailed
from daeri.runs.answer_format import NAME, SECONDS_MAX, check_schema, is_named, unfit
from daeri.wording import Text

FUNCTIONS_MAX: Final = 64
BYTES_MAX: Final = 64_000
"""Characters of all of them as JSON."""
AUTO: Final = "auto"
REQUIRED: Final = "required"
_HASHED: Final = re.compile(r"op_[0-9a-f]{16}")
"""What an operation is called that a model could not be told the name of."""
_CALL: Final = re.compile(r"call_([0-9A-HJKMNP-TV-Z]{26})_(\d{1,4})")


@dataclass(frozen=True, slots=True)
class Functions:
    """What a caller lends.

    Attributes:
        offered: each as chat completions have it: {"type": "function", "function": {"name": …, "parameters": …}}.
        choice: "auto", "required", or the name of the one that is to be called.
        singly: whether the caller takes one call at a time.
    """

    offered: Sequence[Mapping[str, Any]]
    choice: str = AUTO
    singly: bool = False

    @property
    def names(self) -> frozenset[str]:
        """Their names."""
        return frozenset(each["function"]["name"] for each in self.offered)

    def kept(self) -> dict[str, Any]:
        """Return them as JSON."""
        return {"offered": [dict(each) for each in self.offered], "choice": self.choice, "singly": self.singly}

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Self:
        """Return what was kept."""
        return cls(tuple(kept["offered"]), kept["choice"], kept["singly"])

    def unfit(self, name: str, arguments: Mapping[str, Any]) -> list[str]:
        """Say what keeps arguments from fitting a function that takes no others (`strict`)."""
        strict = (each["function"] for each in self.offered if each["function"].get("strict") is True)
        called = next((each for each in strict if each["name"] == name), None)
        return unfit(called["parameters"], arguments) if called is not None else []


def read_functions(
    tools: Sequence[Mapping[str, Any]], choice: object, *, singly: bool = False, pointer: str = "/tools"
) -> Functions | None:
    """Return the functions of a request; None where there are none, or where none may be called.

    Args:
        tools: those of its tools that are functions, as chat completions have them.
        choice: "auto", "none", "required", or the name of one.
        singly: whether the caller takes one call at a time.
        pointer: where the tools stand in the request.

    Raises:
        ValidationFailed: one is no function, there are too many, or the choice is none of them.
    """
    began, read = thread_time(), []
    for each in tools[: FUNCTIONS_MAX + 1]:
        read.append(_read(each, pointer))
        if thread_time() - began > SECONDS_MAX:
            raise _refused("their schemas take too long", pointer)
    offered = tuple(read)
    functions = Functions(offered, AUTO if choice is None else str(choice), singly)
    if len(offered) > FUNCTIONS_MAX or len(functions.names) < len(offered):
        raise _refused(f"at most {FUNCTIONS_MAX}, each with a name of its own", pointer)
    if len(json.dumps(offered, ensure_ascii=False)) > BYTES_MAX:
        raise _refused(f"more than {BYTES_MAX:,} characters", pointer)
    if functions.choice == "none" or (not offered and functions.choice == AUTO):
        return None
    if functions.choice not in (AUTO, *((REQUIRED,) if offered else ()), *functions.names):
        raise _refused("there is no such function", "/tool_choice")
    return functions


def refuse_shadows(functions: Functions, operations: frozenset[str]) -> None:
    """Refuse a function that is called as an operation which its caller has.

    Raises:
        ValidationFailed: one is.
    """
    for name in sorted(functions.names):
        if name.replace("__", ".", 1) in operations or _HASHED.fullmatch(name):
            raise _refused(f"{name} is an operation here: give the function another name", "/tools")


def call_id(run_id: str, step: int) -> str:
    """Return the id of a call, by which its caller names run and step when it tells what came of it."""
    return f"call_{run_id.removeprefix('run_')}_{step}"


def place_of(call: str) -> tuple[str, int]:
    """Return the run and the step of a call.

    Raises:
        NotFound: it is no call of ours.
    """
    found = _CALL.fullmatch(call)
    if found is None:
        raise no_call()
    return f"run_{found[1]}", int(found[2])


def by_place(results: Iterable[tuple[str, str]], pointer: str) -> dict[tuple[str, int], str]:
    """Return what calls returned, told by their ids, by run and step.

    Raises:
        NotFound: one is no call of ours.
        ValidationFailed: one has two results.
    """
    told: dict[tuple[str, int], str] = {}
    for call, text in results:
        if told.setdefault(place_of(call), text) != text:
            twice = Text("한 함수 호출의 결과가 둘이에요", "One call of a function has two results")
            raise ValidationFailed(twice, errors=[FieldError(pointer, "two results of one call")])
    return told


def no_call() -> NotFound:
    """Return the error that there is no such call."""
    return NotFound(Text("그런 함수 호출은 없어요", "There is no such call of a function"))


def _read(tool: Mapping[str, Any], pointer: str) -> dict[str, Any]:
    described = tool.get("function")
    if not is_named(described):
        raise _refused(f"a function has a name: {NAME}", pointer)
    if not isinstance(described.get("parameters", {}), Mapping | None):
        raise _refused("parameters must be a JSON Schema", pointer)
    if not isinstance(described.get("description") or "", str):
        raise _refused("a description is text", pointer)
    kept = ("name", "description", "parameters", "strict")
    if described.get("strict") is True:
        try:
            check_schema(described.get("parameters") or {})
        except ValueError as error:
            raise _refused(str(error), pointer) from None
    function = {name: described[name] for name in kept if described.get(name) is not None}
    return {"type": "function", "function": {"parameters": {"type": "object", "properties": {}}} | function}


def _refused(why: str, pointer: str) -> ValidationFailed:
    told = Text(f"함수를 쓸 수 없어요: {why}", f"The functions cannot be used: {why}")
    return ValidationFailed(told, errors=[FieldError(pointer, why)])
