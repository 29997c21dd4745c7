"""How does an agent compute? The catalog `code`: a piece of Python in a sandbox, which may call what reads.

The code has its caller's authority and no more: each call that it makes goes through the door, is audited, counts
against limits, and becomes a source of the answer. What it told is as trusted as the least trusted of what it read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field

from daeri.errors import DaeriError, NotFound, PermissionDenied, ValidationFailed
from daeri.operations import Catalog, anyone
from daeri.operations.invoke import Door
from daeri.operations.making import Asking
from daeri.operations.operation import Allow, Operation
from daeri.operations.provided import Awaited, awaited_by
from daeri.tools.numeric import Numeric, packages_of
from daeri.tools.plain import Unplain, plain
from daeri.tools.sandbox import Answered, Ran, Sandbox
from daeri.wording import Lang, Text

CODE_MAX: Final = 20_000
"""Characters of one piece of code."""


class CodeCall(BaseModel):
    """A call that the code made."""

    operation: str
    refused: str = ""


class CodeAnswer(BaseModel):
    """What came of a piece of code."""

    value: Any = Field(description="its last expression")
    printed: str
    error: str = Field(description="what ended it, to be mended; empty where nothing did")
    calls: list[CodeCall]

    def say(self, lang: Lang) -> str:
        """Tell what it printed, else its value; an error by its last line."""
        if self.error:
            last = self.error.strip().splitlines()[-1]
            return f"코드가 오류로 끝났어요: {last}" if lang == "ko" else f"The code ended in an error: {last}"
        told = self.printed.strip() or ("" if self.value is None else str(self.value))
        return told or ("코드가 끝났어요." if lang == "ko" else "The code ended.")


@dataclass(slots=True)
class Worked(Awaited):
    """What came of the code, before the database is visited to tell it."""

    ran: Ran
    calls: list[CodeCall]


class Coding:
    """Runs the code of one call after another."""

    def __init__(self, sandbox: Sandbox, door: Door, numeric: Numeric | None = None) -> None:
        """Take where code runs, the door that answers its calls, and where code runs that imports numpy or pandas."""
        self._sandbox = sandbox
        self._door = door
        self._numeric = numeric

    async def __call__(self, asking: Asking) -> Worked:
        """Run the code of a call."""
        within = [each for each in self._door.operations(asking.actor) if _may_be_called(each)]
        known = {each.name.replace(".", "__", 1): each for each in within}
        calls: list[CodeCall] = []
        code: str = asking.arguments.model_dump()["code"]
        sandbox = self._numeric if self._numeric is not None and packages_of(code) else self._sandbox

        async def ask(name: str, positional: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
            if len(calls) >= sandbox.bounds.calls:
                raise Answered("RuntimeError", f"more than {sandbox.bounds.calls} calls")
            call = CodeCall(operation=known[name].name)
            calls.append(call)
            try:
                done = await asking.read(call.operation, _arguments(known[name], positional, named))
            except DaeriError as error:
                call.refused = error.code
                raise Answered(_kind(error), f"{call.operation}: {_worded(error, asking.lang)}") from error
            return done.result

        return Worked(await sandbox.run(code, ask, frozenset(known), asking.actor.person_id), calls)


def _may_be_called(operation: Operation) -> bool:
    return operation.effect == "read" and awaited_by(operation.signature.injected) is None


def _arguments(operation: Operation, positional: Sequence[Any], named: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call, those without a name by their places."""
    fields = list(operation.input.model_fields)
    if len(positional) > len(fields):
        raise Answered("TypeError", f"{operation.name} takes {len(fields)} arguments: {', '.join(fields)}")
    try:
        return {**dict(zip(fields, plain(positional), strict=False)), **plain(named)}
    except Unplain as error:
        raise Answered("ValueError", f"{operation.name}: {error}") from None


def _kind(error: DaeriError) -> str:
    """Name the exception of Python that comes nearest."""
    kinds = {PermissionDenied: "PermissionError", NotFound: "LookupError", ValidationFailed: "ValueError"}
    return next((name for kind, name in kinds.items() if isinstance(error, kind)), "RuntimeError")


def _worded(error: DaeriError, lang: Lang) -> str:
    wrong = "; ".join(f"{each.pointer.removeprefix('/')}: {each.to(lang)}" for each in error.errors)
    return wrong or error.detail.to(lang)


def code_catalog(allow: Allow = anyone) -> Catalog:
    """Return the catalog `code`: compute with what operations tell.

    Args:
        allow: who may run code at all; what it may call is ruled as ever.
    """
    catalog = Catalog("code", Text("계산", "Compute"))

    @catalog.read(
        label=Text("파이썬으로 계산", "Compute in Python"),
        allow=allow,
        examples=[
            "파이썬 코드로 계산해 줘",
            "이 파이썬 코드를 실행해 줘",
            "코드를 돌려서 통계를 내 줘",
            "파이썬으로 표준편차를 구해 줘",
            "run this Python code",
            "compute it with Python",
            "execute a Python script over the data",
            "calculate the standard deviation in Python",
        ],
        words=["파이썬", "코드", "스크립트", "Python", "code", "script"],
    )
    async def run(
        work: Worked,
        code: Annotated[str, Field(description="파이썬 코드 (Python)", min_length=1, max_length=CODE_MAX)],
    ) -> CodeAnswer:
        """Compute with Python over what operations tell (파이썬으로 계산).

        Every operation that reads is a function here, named as its tool and called without await: rows =
        query__run(sql="SELECT ...")["rows"]. It returns the operation's result as dicts and lists. There are json, re,
        datetime, math, collections, itertools, csv and decimal; no files, network, packages, generators or
        inheritance. Code that imports numpy, pandas or scipy runs in full Python instead (slower, its clock in UTC),
        if this server has them. Print what matters, or let the last line be the value. It changes nothing.
        """
        del code
        ran = work.ran
        return CodeAnswer(value=ran.value, printed=ran.printed, error=ran.error, calls=work.calls)

    return catalog
