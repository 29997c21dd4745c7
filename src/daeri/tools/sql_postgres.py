"""How does a question in PostgreSQL's dialect read in SQLite's? Only the dialect changes; checking comes afterwards.

What has no faithful counterpart is refused with what to write instead, never approximated.
"""

from collections.abc import Callable
from typing import Any, cast

from sqlglot import exp
from sqlglot.dialects.postgres import Postgres
from sqlglot.dialects.sqlite import SQLite
from sqlglot.errors import ErrorLevel, SqlglotError

from daeri.records.guarded import folded
from daeri.tools.refusal import refused
from daeri.tools.sql_check import parsed

_TRUNCATED = {"YEAR": "%Y-01-01", "MONTH": "%Y-%m-01", "DAY": "%Y-%m-%d", "HOUR": "%Y-%m-%d %H:00:00"}
_EXTRACTED = {
    "YEAR": "%Y", "MONTH": "%m", "DAY": "%d", "HOUR": "%H", "MINUTE": "%M", "SECOND": "%S", "DOW": "%w", "DOY": "%j",
    "EPOCH": "%s",
}  # fmt: skip
_UNITS = {"YEAR": "year", "MONTH": "month", "DAY": "day", "HOUR": "hour", "MINUTE": "minute", "SECOND": "second"}


def to_sqlite(sql: str) -> str:
    """Return the statement in SQLite's dialect.

    Raises:
        ValidationFailed: it cannot be read, or uses something that SQLite has no counterpart for.
    """
    _, tree = parsed(sql, Postgres())
    try:
        tree = _translated(tree)
        _check_names(tree)
        return SQLite().generator(unsupported_level=ErrorLevel.RAISE).generate(tree, copy=False)
    except SqlglotError as error:
        said = str(error)[:120]
        raise refused(
            f"PostgreSQL 문장을 옮길 수 없어요: {said}", f"This PostgreSQL statement has no counterpart: {said}"
        ) from None
    except (RecursionError, ValueError, KeyError, AttributeError, TypeError):
        raise refused(
            "PostgreSQL 문장을 옮길 수 없어요. SQLite 방언으로 써 주세요.",
            "This PostgreSQL statement has no counterpart: write it in SQLite's dialect.",
        ) from None


def _translated(tree: exp.Expr) -> exp.Expr:
    """Change nodes from the leaves up, so that what a node is made of has been changed already."""
    for node in reversed(list(tree.walk())):
        change = _CHANGES.get(type(node))
        if change is None:
            continue
        new = change(node)
        if new is not node and node is tree:
            return cast("exp.Expr", new)
        if new is not node:
            node.replace(new)
    return tree


def _like(node: Any) -> Any:
    """PostgreSQL's LIKE minds case, as SQLite's GLOB does."""
    pattern = node.expression
    if not isinstance(pattern, exp.Literal) or "\\" in pattern.name:
        raise refused(
            "PostgreSQL의 LIKE에는 '글자%' 같은 고정된 무늬를 쓰거나, ILIKE를 써 주세요.",
            "In PostgreSQL's LIKE write a fixed pattern such as 'text%', or use ILIKE.",
        )
    special = {"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"}
    return exp.Glob(
        this=node.this, expression=exp.Literal.string("".join(special.get(char, char) for char in pattern.name))
    )


def _format(node: exp.Expr, spelling: str) -> exp.Expr:
    return exp.Anonymous(this="strftime", expressions=[exp.Literal.string(spelling), node])


def _truncated(node: Any) -> Any:
    unit = node.text("unit").upper()
    if unit not in _TRUNCATED:
        raise _no_unit(unit)
    return _format(node.this, _TRUNCATED[unit])


def _extracted(node: Any) -> Any:
    unit = node.name.upper()
    if unit == "QUARTER":
        month = exp.cast(_format(node.expression, "%m"), "integer")
        return exp.Paren(this=exp.Div(this=exp.Paren(this=month + 2), expression=exp.Literal.number(3), typed=True))
    if unit not in _EXTRACTED:
        raise _no_unit(unit)
    return exp.cast(_format(node.expression, _EXTRACTED[unit]), "integer")


def _no_unit(unit: str) -> Exception:
    return refused(
        f"날짜 단위 {unit}은(는) 쓸 수 없어요. year, month, day, hour를 써 주세요.",
        f"The date unit {unit} is not available: use year, month, day or hour.",
    )


def _moved(node: Any) -> Any:
    """A date and an interval: date(x, '+1 month')."""
    interval = node.expression
    if not isinstance(interval, exp.Interval):
        return node
    amount, unit = interval.name, interval.text("unit").upper().removesuffix("S")
    if not amount.lstrip("-").isdigit() or unit not in _UNITS | {"WEEK": ""}:
        raise refused(
            "INTERVAL은 '7 days'처럼 숫자와 단위 하나로 써 주세요.",
            "Write an INTERVAL as one number and unit: '7 days'.",
        )
    number = int(amount) * (-1 if isinstance(node, exp.Sub) else 1)
    number, unit = (number * 7, "DAY") if unit == "WEEK" else (number, unit)
    name = "date" if unit in ("YEAR", "MONTH", "DAY") else "datetime"
    step = exp.Literal.string(f"{number:+d} {_UNITS[unit]}")
    return exp.Anonymous(this=name, expressions=[node.this, step])


def _joined(node: Any) -> Any:
    """SQLite's CROSS JOIN fixes the order of the tables, PostgreSQL's does not."""
    if node.args.get("kind") == "CROSS":
        node.set("kind", "INNER")
    return node


def _ilike(node: Any) -> Any:
    return exp.Like(this=node.this, expression=node.expression)


def _left(node: Any) -> Any:
    return exp.Substring(this=node.this, start=exp.Literal.number(1), length=node.expression)


def _distinct(node: Any) -> Any:
    if node.args.get("on"):
        raise refused(
            "DISTINCT ON 대신 row_number() OVER (PARTITION BY ...) = 1 로 써 주세요.",
            "Instead of DISTINCT ON write row_number() OVER (PARTITION BY ...) = 1.",
        )
    return node


def _concat(node: Any) -> Any:
    """concat() leaves NULL out, || does not."""
    parts = [exp.Coalesce(this=part, expressions=[exp.Literal.string("")]) for part in node.expressions]
    whole: exp.Expr = parts[0]
    for part in parts[1:]:
        whole = exp.DPipe(this=whole, expression=part)
    return exp.Paren(this=whole)


def _operand(node: Any) -> Any:
    """SQLite takes no parentheses round the sides of a UNION."""
    for side in ("this", "expression"):
        part = node.args[side]
        if isinstance(part, exp.Subquery) and not part.alias:
            node.set(side, exp.select("*").from_(exp.Subquery(this=part.this, alias=None)))
    return node


def _check_names(tree: exp.Expr) -> None:
    """A name of a WITH clause may not be used inside itself: there PostgreSQL means the table, SQLite the clause."""
    for clause in tree.find_all(exp.With):
        for cte in clause.expressions:
            inside = {folded(table.name) for table in cte.this.find_all(exp.Table)}
            if not clause.args.get("recursive") and folded(cte.alias) in inside:
                raise refused(
                    f"WITH의 이름 '{cte.alias}'을(를) 테이블과 다른 이름으로 바꿔 주세요.",
                    f"Give the WITH clause '{cte.alias}' a name that no table has.",
                )


_CHANGES: dict[type[exp.Expr], Callable[[Any], Any]] = {
    exp.Like: _like,
    exp.ILike: _ilike,
    exp.TimestampTrunc: _truncated,
    exp.DateTrunc: _truncated,
    exp.Extract: _extracted,
    exp.Add: _moved,
    exp.Sub: _moved,
    exp.Join: _joined,
    exp.Left: _left,
    exp.Distinct: _distinct,
    exp.Concat: _concat,
    exp.Union: _operand,
    exp.Intersect: _operand,
    exp.Except: _operand,
}
