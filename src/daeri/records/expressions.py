"""Is an expression plainly about the visible fields of one record? What operation code may put into a statement.

Allow-lists only: what is not named here is refused, so that no condition carries SQL of its own past the rules.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ClauseElement, Table
from sqlalchemy.orm.attributes import QueryableAttribute
from sqlalchemy.sql import visitors
from sqlalchemy.sql.operators import custom_op

from daeri.errors import FieldHidden
from daeri.records.actor import Actor, sight
from daeri.records.record import Exact, Record, mark_of
from daeri.records.rules import Rules

# fmt: off
_SAFE_NODES = frozenset({
    "binary", "bindparam", "case", "cast", "clauselist", "expression_clauselist", "extract", "false", "function",
    "grouping", "label", "null", "true", "unary",
})
_SAFE_FUNCTIONS = frozenset({
    "abs", "avg", "coalesce", "count", "length", "lower", "max", "min", "round", "strftime", "substr", "sum", "upper",
})
# fmt: on


def check_expression(rules: Rules, actor: Actor, record: type[Record], expression: Any) -> Any:
    """Return an expression's clause if it is plainly about the visible fields of one record.

    Raises:
        FieldHidden: it reads a field that the actor does not see on every row.
        TypeError: it holds anything but columns of this record, values, comparisons and simple functions.
    """
    clause = clause_of(expression)
    for node in visitors.iterate(clause):
        kind = node.__visit_name__
        if kind == "column":
            _check_column(rules, actor, record, node)
        elif kind == "function" and getattr(node, "name", "") not in _SAFE_FUNCTIONS:
            msg = f"{getattr(node, 'name', kind)}() may not be used on records"
            raise TypeError(msg)
        elif kind not in _SAFE_NODES or _is_raw(node):
            msg = f"a {kind} may not be used on records: write plain conditions on {record.__name__}'s own fields"
            raise TypeError(msg)
    return clause


def check_values(record: type[Record], values: Mapping[str, Any]) -> None:
    """Refuse what is no field of a record, and a value that is SQL: it would be computed from any row of any table.

    Raises:
        TypeError: there is such a field or value.
    """
    fields = record.__table__.columns
    for name, value in values.items():
        if name not in fields or isinstance(value, ClauseElement) or hasattr(value, "__clause_element__"):
            msg = f"{name}={value!r} may not be written to a {record.__name__}: give its fields plain values"
            raise TypeError(msg)


def clause_of(expression: Any) -> Any:
    """Return the clause of an expression or of a record's attribute.

    Raises:
        TypeError: it is neither.
    """
    if isinstance(expression, QueryableAttribute):
        return expression.__clause_element__()
    if not isinstance(expression, ClauseElement):
        msg = f"{expression!r} is not a condition on a record's fields"
        raise TypeError(msg)
    return expression


def _is_raw(node: Any) -> bool:
    """Say whether a node carries SQL text of its own, or would give a wrong figure (the average of an Exact)."""
    operators_used = (getattr(node, name, None) for name in ("operator", "modifier"))
    if any(isinstance(operator, custom_op) for operator in operators_used):
        return True
    kind = node.__visit_name__
    if kind == "function":
        inexact = node.name in ("avg", "round") and any(isinstance(part.type, Exact) for part in node.clauses)
        return bool(node.packagenames) or inexact
    return kind == "cast" and type(node.type).__module__ != "sqlalchemy.sql.sqltypes"


def _check_column(rules: Rules, actor: Actor, record: type[Record], node: Any) -> None:
    if node.is_literal and node.name == "*":  # the argument of count()
        return
    column = record.__table__.columns.get(node.key)
    ours = column is not None and isinstance(node.table, Table) and node.shares_lineage(column)
    if node.is_literal or column is None or not ours or node.name != column.name:
        msg = f"{node} is not a field of {record.__name__}"
        raise TypeError(msg)
    mark = mark_of(column.info)
    if sight(actor, mark) != "open":
        raise FieldHidden(rules.hidden_reason(record, column.key, mark, actor))
