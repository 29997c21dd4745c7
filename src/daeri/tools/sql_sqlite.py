"""How does a question in SQLite's dialect read in PostgreSQL's? Only the dialect changes; checking comes afterwards.

What has no faithful counterpart is refused, never approximated; where PostgreSQL is merely stricter (a text that is no
number, a division by zero), it says so itself.
"""

from collections.abc import Callable
from typing import Any, cast

from sqlglot import exp
from sqlglot.dialects.postgres import Postgres
from sqlglot.dialects.sqlite import SQLite
from sqlglot.errors import ErrorLevel, SqlglotError

from daeri.errors import ValidationFailed
from daeri.tools.refusal import refused
from daeri.tools.sql_check import check, parsed

_WHOLE = frozenset({exp.DType.INT, exp.DType.BIGINT})


def to_postgres(sql: str) -> str:
    """Return the statement in PostgreSQL's dialect.

    Raises:
        ValidationFailed: it is not allowed, cannot be read, or uses something that PostgreSQL has no counterpart for.
    """
    check(sql)
    _, tree = parsed(sql, SQLite())
    try:
        for node in reversed(list(tree.walk())):
            change = _CHANGES.get(type(node))
            new = node if change is None else change(node)
            if new is not node and node is tree:
                tree = cast("exp.Expr", new)
            elif new is not node:
                node.replace(new)
        return Postgres().generator(unsupported_level=ErrorLevel.RAISE).generate(tree, copy=False)
    except (SqlglotError, RecursionError, ValueError, KeyError, AttributeError, TypeError):
        raise _without_counterpart("") from None


def _without_counterpart(what: str) -> ValidationFailed:
    named = f"{what}: " if what else ""
    return refused(
        f"{named}SQLite 문장을 옮길 수 없어요. PostgreSQL 방언으로 써 주세요.",
        f"{named}this SQLite statement has no counterpart: write it in PostgreSQL's dialect.",
    )


def _none(node: Any) -> Any:
    raise _without_counterpart(node.name if type(node) is exp.Anonymous else type(node).__name__)


def _like(node: Any) -> Any:
    """SQLite's LIKE does not mind case, and has no escape unless it names one."""
    new = exp.ILike(this=node.this, expression=node.expression)
    if isinstance(node.parent, exp.Escape) or (
        isinstance(node.expression, exp.Literal) and "\\" not in node.expression.name
    ):
        return new
    return exp.Escape(this=new, expression=exp.Literal.string(""))


def _is(node: Any) -> Any:
    """SQLite's IS compares any two values."""
    if isinstance(node.expression, exp.Null | exp.Boolean):
        return node
    return exp.NullSafeEQ(this=node.this, expression=node.expression)


def _cast(node: Any) -> Any:
    """SQLite cuts a fraction off where PostgreSQL rounds."""
    if node.to.this not in _WHOLE:
        return node
    return exp.cast(exp.Trunc(this=exp.cast(node.this, "decimal")), "bigint")


def _rounded(node: Any) -> Any:
    node.set("this", exp.cast(node.this, "decimal"))
    return node


def _part(node: Any) -> Any:
    start = node.args.get("start")
    if not isinstance(start, exp.Literal) or start.is_string or start.name == "0":
        raise _without_counterpart("substr()")
    return node


def _single(node: Any) -> Any:
    """A day with modifiers is not a day."""
    if node.expressions or (isinstance(node, exp.Date) and node.args.get("zone")):
        raise _without_counterpart(f"{node.sql_name().lower()}()")
    return node


def _joined(node: Any) -> Any:
    """SQLite makes a text of whatever is joined."""
    node.set("this", exp.cast(node.this, "text"))
    node.set("separator", node.args.get("separator") or exp.Literal.string(","))
    return node


_CHANGES: dict[type[exp.Expr], Callable[[Any], Any]] = {
    exp.Like: _like,
    exp.Is: _is,
    exp.Cast: _cast,
    exp.Round: _rounded,
    exp.Substring: _part,
    exp.Date: _single,
    exp.TsOrDsToDate: _single,
    exp.GroupConcat: _joined,
    exp.Anonymous: _none,
    exp.Collate: _none,
    exp.Glob: _none,
    exp.Greatest: _none,  # NULL in SQLite where one of the values is
    exp.JSONArrayAgg: _none,  # PostgreSQL spaces it otherwise
    exp.JSONObjectAgg: _none,
    exp.Least: _none,
    exp.Max: _single,
    exp.Min: _single,
    exp.Rand: _none,
    exp.Typeof: _none,
}
