"""Which parts of PostgreSQL's SQL may a question use? Allow-lists only: what is not named here is refused.

Functions are listed by the names that PostgreSQL reads, and checked by those (`sql_check_postgres.py`).
"""

from sqlglot import exp
from sqlglot.dialects.postgres import Postgres

from daeri.tools import sql_words as words

# fmt: off
NODES: frozenset[type[exp.Expr]] = (words.NODES - {exp.Glob}) | {
    exp.All, exp.Any, exp.Array, exp.AtTimeZone, exp.Bracket, exp.Cube, exp.CurrentDate, exp.CurrentTime,
    exp.CurrentTimestamp, exp.ExplodingGenerateSeries, exp.Fetch, exp.GroupingSets, exp.ILike, exp.Interval,
    exp.JSONBExtract, exp.JSONBExtractScalar, exp.Lateral, exp.LimitOptions, exp.Localtime, exp.Localtimestamp,
    exp.Rollup, exp.WithinGroup,
}

FUNCTIONS = frozenset({
    "abs", "age", "any_value", "array_agg", "array_length", "array_position", "array_to_string", "ascii", "avg",
    "bit_length", "bool_and", "bool_or", "btrim", "cardinality", "cbrt", "ceil", "ceiling", "char_length",
    "character_length", "chr", "coalesce", "concat", "concat_ws", "corr", "count", "covar_pop", "covar_samp",
    "cume_dist", "date", "date_bin", "date_part", "date_trunc", "degrees", "dense_rank", "div", "every", "exp",
    "extract", "first_value", "floor", "generate_series", "greatest", "grouping", "initcap", "json_agg",
    "json_array_length", "json_build_array", "json_build_object", "json_extract_path_text", "json_object_agg",
    "json_typeof", "jsonb_agg", "jsonb_array_length", "jsonb_build_array", "jsonb_build_object",
    "jsonb_extract_path_text", "jsonb_object_agg", "jsonb_typeof", "justify_days", "lag", "last_value", "lead",
    "least", "left", "length", "ln", "log", "log10", "lower", "ltrim", "make_date", "make_interval", "max", "md5",
    "min", "mod", "mode", "now", "nth_value", "ntile", "nullif", "num_nonnulls", "num_nulls", "octet_length",
    "overlay", "percent_rank", "percentile_cont", "percentile_disc", "pi", "position", "pow", "power", "radians",
    "random", "rank", "replace", "reverse", "right", "round", "row", "row_number", "rtrim", "sign", "split_part",
    "sqrt", "starts_with", "stddev", "stddev_pop", "stddev_samp", "string_agg", "strpos", "substr", "substring", "sum",
    "to_char", "to_date", "to_json", "to_jsonb", "to_number", "to_timestamp", "translate", "trim", "trunc", "upper",
    "var_pop", "var_samp", "variance", "width_bucket",
})
"""The functions of PostgreSQL that look at their arguments and at nothing else, and make nothing large of a number."""

TYPED_FUNCTIONS: frozenset[type[exp.Expr]] = frozenset({
    exp.Abs, exp.AnyValue, exp.ArrayAgg, exp.ArrayPosition, exp.ArraySize, exp.ArrayToString, exp.Ascii, exp.Avg,
    exp.BitLength, exp.Cbrt, exp.Ceil, exp.Chr, exp.Coalesce, exp.Concat, exp.ConcatWs, exp.Corr, exp.Count,
    exp.CovarPop, exp.CovarSamp, exp.CumeDist, exp.CurrentTimestamp, exp.Date, exp.DateBin, exp.Degrees, exp.DenseRank,
    exp.Exp, exp.Extract, exp.FirstValue, exp.Floor, exp.Greatest, exp.GroupConcat, exp.Grouping, exp.Initcap,
    exp.IntDiv, exp.JSONArrayAgg, exp.JSONBObjectAgg, exp.JSONObjectAgg, exp.JustifyDays, exp.Lag, exp.LastValue,
    exp.Lead, exp.Least, exp.Left, exp.Length, exp.Ln, exp.Log, exp.LogicalAnd, exp.LogicalOr, exp.Lower, exp.MD5,
    exp.MakeInterval, exp.Max, exp.Min, exp.Mode, exp.NthValue, exp.Ntile, exp.Nullif, exp.Overlay, exp.PercentRank,
    exp.PercentileCont, exp.PercentileDisc, exp.Pi, exp.Pow, exp.Radians, exp.Rand, exp.Rank, exp.Replace, exp.Reverse,
    exp.Right, exp.Round, exp.RowNumber, exp.Sign, exp.SplitPart, exp.Sqrt, exp.StartsWith, exp.Stddev, exp.StddevPop,
    exp.StddevSamp, exp.StrPosition, exp.StrToDate, exp.StrToTime, exp.Substring, exp.Sum, exp.TimeToStr,
    exp.TimestampTrunc, exp.ToNumber, exp.Translate, exp.Trim, exp.Trunc, exp.UnixToTime, exp.Upper, exp.Variance,
    exp.VariancePop, exp.WidthBucket,
})

TYPES = frozenset({
    exp.DType.ARRAY, exp.DType.BIGINT, exp.DType.BOOLEAN, exp.DType.CHAR, exp.DType.DATE, exp.DType.DECIMAL,
    exp.DType.DOUBLE, exp.DType.FLOAT, exp.DType.INT, exp.DType.INTERVAL, exp.DType.JSON, exp.DType.JSONB,
    exp.DType.SMALLINT, exp.DType.TEXT, exp.DType.TIME, exp.DType.TIMESTAMP, exp.DType.TIMESTAMPTZ, exp.DType.TIMETZ,
    exp.DType.UUID, exp.DType.VARCHAR,
})
"""What a value may be cast to: nothing that looks a name up (regclass), nothing of the server's own."""

BEFORE_PARENTHESIS = frozenset({
    "ALL", "AND", "ANY", "ARRAY", "AS", "BETWEEN", "BY", "CASE", "CAST", "CUBE", "DISTINCT", "ELSE", "EXCEPT", "EXISTS",
    "FILTER", "FROM", "GROUP", "HAVING", "ILIKE", "IN", "INTERSECT", "JOIN", "LATERAL", "LIKE", "LIMIT", "MATERIALIZED",
    "NOT", "OFFSET", "ON", "OR", "OVER", "ROLLUP", "SELECT", "SETS", "SOME", "THEN", "UNION", "USING", "VALUES", "WHEN",
    "WHERE", "CHAR", "CHARACTER", "DECIMAL", "NUMERIC", "TIME", "TIMESTAMP", "VARCHAR", "VARYING",
})
"""The words that may stand before a parenthesis without being called."""

BEFORE_TEXT = frozenset({
    "ALL", "AND", "BETWEEN", "BOTH", "BY", "CASE", "DATE", "DISTINCT", "ELSE", "ESCAPE", "FROM", "HAVING", "ILIKE",
    "IN", "INTERVAL", "LEADING", "LIKE", "NOT", "ON", "OR", "PLACING", "SELECT", "THEN", "TIME", "TIMESTAMP",
    "TIMESTAMPTZ", "TRAILING", "WHEN", "WHERE", "ZONE",
})
"""The words that may stand before a text: any other one would make PostgreSQL read it as a value of that type."""

FORBIDDEN = frozenset({
    "current_catalog", "current_role", "current_schema", "current_user", "session_user", "system_user", "user",
})
# fmt: on
"""Words that call a function without parentheses."""

CALM: frozenset[type[exp.Expr]] = frozenset(
    words.NODES
    - {
        exp.Add, exp.BitwiseAnd, exp.BitwiseLeftShift, exp.BitwiseNot, exp.BitwiseOr, exp.BitwiseRightShift, exp.Cast,
        exp.Collate, exp.DPipe, exp.Div, exp.Escape, exp.Glob, exp.HexString, exp.JSONExtract, exp.JSONExtractScalar,
        exp.JSONKeyValue, exp.JSONPath, exp.Like, exp.Mod, exp.Mul, exp.Neg, exp.Sub,
    }
    | {
        exp.All, exp.Any, exp.Array, exp.Cube, exp.CurrentDate, exp.CurrentTimestamp, exp.Fetch, exp.GroupingSets,
        exp.LimitOptions, exp.Rollup, exp.WithinGroup, exp.Coalesce, exp.Extract, exp.Greatest, exp.Least, exp.Left,
        exp.Length, exp.Lower, exp.Nullif, exp.Right, exp.RowNumber, exp.TimestampTrunc, exp.Trim, exp.Upper,
        exp.Lateral,
    }
)  # fmt: skip
"""What neither fails nor takes long by the values of a row; aggregates get rows that passed every condition."""

SYMBOLS = frozenset(
    {
        "(", ")", "[", "]", ",", ".", "+", "-", "*", "/", "%", "^", "=", "<>", "!=", "<", "<=", ">", ">=", "||", "|",
        "&", "~", "<<", ">>", "->", "->>", "#>", "#>>", "::",
    }
)  # fmt: skip

RESERVED = frozenset(word for phrase in Postgres.Tokenizer.KEYWORDS for word in phrase.split())
"""Words that a name has to be quoted for; more than need be."""


def is_function_allowed(node: exp.Expr) -> bool:
    """Say whether a function of a statement is on the list."""
    if type(node) is exp.Anonymous:
        return node.name.lower() in FUNCTIONS
    return type(node) in TYPED_FUNCTIONS
