"""What surrounds code within WebAssembly: it gives it the functions it may call, runs it and tells what came of it.

Never imported by the server: `numeric_cell.py` hands this text to the interpreter in there, whose module `_host` is the
only way out. Nothing here protects anything, since the code beside it may change it all; what comes out is checked by
`numeric.py`.
"""

import ast
import builtins
import json
import linecache
import sys
import time as clock
import traceback
from collections.abc import Callable
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any, Final

import _host

CALL, END = b"c", b"e"
"""The first byte of what goes out: a call of an operation, or what came of the code."""
NODES_MAX: Final = 20_000
DEPTH_MAX: Final = 32
ERROR_MAX: Final = 2_000
FILE: Final = "<code>"


class Told:
    """Turns values, those of numpy and pandas too, into what JSON has; counts, as they may hold each other."""

    def __init__(self) -> None:
        """Begin to count."""
        self._nodes = 0

    def __call__(self, value: Any, depth: int = 0) -> Any:
        """Return a value as JSON values: a table as its columns and rows, a missing value of it as None."""
        self._nodes += 1
        if self._nodes > NODES_MAX or depth > DEPTH_MAX:
            raise ValueError(f"more than {NODES_MAX:,} values or {DEPTH_MAX} levels")
        value = _opened(value)
        if isinstance(value, dict):
            return {_key(key): self(item, depth + 1) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self(item, depth + 1) for item in value]
        return value


def _opened(value: Any) -> Any:
    """Return what a value of a library stands for in plain Python."""
    pandas = sys.modules.get("pandas")
    if pandas is not None:
        if value is pandas.NaT or value is pandas.NA:
            return None
        if isinstance(value, pandas.DataFrame):
            return _table(value)
        if isinstance(value, pandas.Series):
            return dict(zip(value.index.tolist(), _present(value), strict=True))
        if isinstance(value, pandas.Index):
            return value.tolist()
    if hasattr(value, "tolist"):  # an array of numpy, or one of its numbers
        return value.tolist()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal | timedelta | complex):
        return str(value)
    return bytes(value).hex() if isinstance(value, bytes | bytearray) else value


def _table(frame: Any) -> dict[str, Any]:
    """Return a table's columns and rows, after its own labels where they say more than a number."""
    if type(frame.index).__name__ != "RangeIndex":
        frame = frame.reset_index(names=[str(name or "index") for name in frame.index.names])
    if len(frame) * len(frame.columns) > NODES_MAX:
        raise ValueError(f"a table of {len(frame):,} rows; return its head() or an aggregate")
    columns = [_present(frame.iloc[:, at]) for at in range(len(frame.columns))]
    return {"columns": [str(name) for name in frame.columns], "rows": list(zip(*columns, strict=True))}


def _present(series: Any) -> list[Any]:
    """Return a column's values; None where one is missing."""
    return [None if gone else item for item, gone in zip(series.tolist(), series.isna().tolist(), strict=True)]


def _key(key: Any) -> str:
    opened = _opened(key)
    return opened if isinstance(opened, str) else str(opened)


def asking(name: str) -> Callable[..., Any]:
    """Return the function by which code calls an operation."""

    def ask(*positional: Any, **named: Any) -> Any:
        told = Told()
        asked = {"name": name, "positional": told(positional), "named": told(named)}
        answer = json.loads(_host.call(CALL + json.dumps(asked).encode()))
        if "kind" in answer:
            raise getattr(builtins, answer["kind"])(answer["message"])
        return answer["value"]

    ask.__name__ = ask.__qualname__ = name
    return ask


def value_of(code: str, scope: dict[str, Any]) -> Any:
    """Run code and return its last line's value, if that line is an expression."""
    linecache.cache[FILE] = (len(code), None, code.splitlines(keepends=True), FILE)
    tree = ast.parse(code, FILE)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, FILE, "exec"), scope)  # noqa: S102 - what this file is for, within WebAssembly
    if not isinstance(last, ast.Expr):
        return None
    return eval(compile(ast.Expression(last.value), FILE, "eval"), scope)  # noqa: S307 - the same


def worded(error: BaseException) -> str:
    """Word an error with the code's own lines, not those of this file."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename != FILE:
        trace = trace.tb_next
    return "".join(traceback.format_exception(error.with_traceback(trace), chain=False)).strip()[-ERROR_MAX:]


def ran(code: str, names: list[str]) -> dict[str, Any]:
    """Run code that may call what is named; return its value, or the error that ended it."""
    try:
        value = value_of(code, {"__name__": "__main__", **{name: asking(name) for name in names}})
    except BaseException as error:  # noqa: BLE001 - whatever it raises is what came of it
        return {"value": None, "error": worded(error)}
    try:
        return {"value": Told()(value), "error": ""}
    except Exception as error:  # noqa: BLE001 - its own classes may raise anything
        return {"value": None, "error": f"ValueError: the last value cannot be returned: {error}"[:ERROR_MAX]}


def _unslept(seconds: object) -> None:
    """Go on at once: others wait for their turn."""
    del seconds


def main() -> None:
    """Take the code from the standard input and send what came of it."""
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # it is a text file
    clock.sleep = _unslept
    asked = json.load(sys.stdin)
    came = ran(asked["code"], asked["names"])
    try:
        told = json.dumps(came)
    except (TypeError, ValueError, RecursionError) as error:
        told = json.dumps({"value": None, "error": f"ValueError: the last value cannot be returned: {error}"})
    _host.call(END + told.encode())


if __name__ == "__main__":
    main()
