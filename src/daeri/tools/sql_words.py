"""Which parts of SQL may a question use? Allow-lists only: what is not named here is refused.

The functions are those of `records/guarded.py`, under the names that sqlglot gives them.
"""

from sqlglot import exp
from sqlglot.dialects.sqlite import SQLite

from daeri.records.guarded import FUNCTIONS

ROOTS = (exp.Select, exp.SetOperation, exp.Values)
"""What a statement as a whole may be."""

NODES: frozenset[type[exp.Expr]] = frozenset(
    {
        exp.Add, exp.Alias, exp.And, exp.Between, exp.BitwiseAnd, exp.BitwiseLeftShift, exp.BitwiseNot, exp.BitwiseOr,
        exp.BitwiseRightShift, exp.Boolean, exp.CTE, exp.Case, exp.Cast, exp.Collate, exp.Column, exp.DPipe,
        exp.DataType, exp.DataTypeParam, exp.Distinct, exp.Div, exp.EQ, exp.Escape, exp.Except, exp.Exists,
        exp.Filter,
        exp.From, exp.GT, exp.GTE, exp.Glob, exp.Group, exp.Having, exp.HexString, exp.Identifier,
        exp.If, exp.In, exp.Intersect, exp.Is,
        exp.JSONExtract, exp.JSONExtractScalar, exp.JSONKeyValue, exp.JSONPath, exp.JSONPathKey,
        exp.JSONPathRoot, exp.JSONPathSubscript, exp.Join, exp.LT, exp.LTE, exp.Like, exp.Limit, exp.Literal, exp.Mod,
        exp.Mul, exp.NEQ, exp.Neg, exp.Not, exp.Null, exp.NullSafeEQ, exp.NullSafeNEQ, exp.Offset, exp.Or, exp.Order,
        exp.Ordered, exp.Paren, exp.Select, exp.Star, exp.Sub, exp.Subquery, exp.Table, exp.TableAlias, exp.Tuple,
        exp.Union, exp.Values, exp.Var, exp.Where, exp.Window, exp.WindowSpec, exp.With,
    }
)  # fmt: skip

TYPED_FUNCTIONS: frozenset[type[exp.Expr]] = frozenset(
    {
        exp.Abs, exp.Avg, exp.Ceil, exp.Chr, exp.Coalesce, exp.Concat, exp.ConcatWs, exp.Count, exp.CumeDist,
        exp.CurrentDate, exp.CurrentTime, exp.CurrentTimestamp, exp.Date, exp.Degrees, exp.DenseRank, exp.Exp,
        exp.FirstValue, exp.Floor, exp.Format, exp.Greatest, exp.GroupConcat, exp.Hex, exp.JSONArray,
        exp.JSONArrayAgg, exp.JSONObject, exp.JSONObjectAgg, exp.JSONType, exp.Lag, exp.LastValue, exp.Lead,
        exp.Least, exp.Length, exp.Ln, exp.Log, exp.Lower, exp.Max, exp.Min, exp.NthValue, exp.Ntile, exp.Nullif,
        exp.PercentRank, exp.Pi, exp.Pow, exp.Radians, exp.Rand, exp.Rank, exp.Replace, exp.Round, exp.RowNumber,
        exp.Sign, exp.Sqrt, exp.StrPosition, exp.Substring, exp.Sum, exp.TimeToStr, exp.Trim, exp.Trunc,
        exp.TsOrDsToDate, exp.TsOrDsToTimestamp, exp.Typeof, exp.Unicode, exp.Upper,
    }
)  # fmt: skip

MAY_FAIL: frozenset[type[exp.Expr]] = frozenset(
    {
        exp.Abs, exp.Anonymous, exp.Chr, exp.Concat, exp.ConcatWs, exp.DPipe, exp.Format, exp.Hex, exp.JSONArray,
        exp.JSONExtract, exp.JSONExtractScalar, exp.JSONObject, exp.JSONType, exp.Replace,
    }
)  # fmt: skip
"""What can end a statement with an error by the values of a single row: never run on rows that are hidden.

Aggregates are not among them: they get rows that passed every condition of their own SELECT.
"""

CALM = frozenset({"date", "datetime", "julianday", "strftime", "time", "total", "unixepoch"})
"""Functions that sqlglot has no class for, and that never fail."""

TABLE_PARTS = frozenset({"this", "alias", "joins"})
"""What a table in FROM may carry: a name, an alias, further joins; no schema, hint, sample or pivot."""
SELECT_PARTS = frozenset(
    {"with_", "expressions", "from_", "joins", "where", "group", "having", "windows", "distinct", "order", "limit"}
    | {"offset"}
)

SYMBOLS = frozenset(
    {
        "(", ")", ",", ".", "+", "-", "*", "/", "%", "=", "==", "<>", "!=", "<", "<=", ">", ">=", "||", "|", "&", "~",
        "<<", ">>", "->", "->>",
    }
)  # fmt: skip

RESERVED = frozenset(word for phrase in SQLite.Tokenizer.KEYWORDS for word in phrase.split())
"""Words that a name has to be quoted for; more than need be."""


def is_function_allowed(node: exp.Expr) -> bool:
    """Say whether a function of a statement is on the list."""
    if type(node) is exp.Anonymous:
        return node.name.lower() in FUNCTIONS
    return type(node) in TYPED_FUNCTIONS
