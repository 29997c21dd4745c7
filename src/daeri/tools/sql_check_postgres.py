"""What does a statement in PostgreSQL's dialect ask for, and is all of it on the allow-list?

As in `sql_check.py`, the result keeps the statement's own words, token by token, in one plain form; what PostgreSQL
reads is what was checked. PostgreSQL has no authorizer to say which table a name may mean, so here every name in FROM,
also of the statement's own WITH, is written anew with a mark that its author cannot know: no name that they wrote
stands where PostgreSQL looks for a table. Functions are checked twice, as the parser and as PostgreSQL reads them.
"""

import re
from collections.abc import Iterator, Mapping

from sqlglot import exp
from sqlglot.dialects.postgres import Postgres
from sqlglot.tokenizer_core import Token, TokenType

from daeri.errors import ValidationFailed
from daeri.records.guarded import folded
from daeri.records.guarded_postgres import named
from daeri.tools import sql_words_postgres as words
from daeri.tools.refusal import refused
from daeri.tools.sql_check import (
    Checked,
    check_parts,
    check_root,
    ctes_of,
    is_asked_by_rows,
    is_calm_pattern,
    is_top,
    is_word,
    no_function,
    not_allowed,
    parsed,
    place_of,
    unwelcome,
)

_NUMBER = re.compile(r"(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|0[xX][0-9a-fA-F]+", re.ASCII)
_SYSTEM = re.compile(
    r"(pg_catalog|pg_temp\w*|pg_toast\w*|information_schema"
    r"|reg(class|collation|config|dictionary|namespace|oper|operator|proc|procedure|role|type))$"
)
_SAFE_AFTER_ROWS = frozenset({"expressions", "order", "group", "limit", "offset"})
_MOVING = (exp.Column, exp.Star, exp.Select, exp.Rand, exp.CurrentDate, exp.CurrentTime, exp.CurrentTimestamp)
_MOMENTS = (exp.CurrentDate, exp.CurrentTimestamp, exp.Localtimestamp, exp.Interval)


def check_postgres(sql: str, mark: str) -> Checked:
    """Read a statement in PostgreSQL's dialect; the tables in its text are called `mark` and their place in `tables`.

    Raises:
        ValidationFailed: it is more than one SELECT, or holds something that is not allowed; the text says what.
    """
    tokens, tree = parsed(sql, Postgres())
    _check_nodes(tree)
    ours = {cte: _spelt(_named_by(cte)) for cte in tree.find_all(exp.CTE)}
    own = sorted({name for name in ours.values() if name})
    within = {id(table): _cte_of(table) for table in tree.find_all(exp.Table)}
    tables = sorted({folded(table.name) for table in tree.find_all(exp.Table) if within[id(table)] is None})
    instead: dict[int, str] = {}
    for table in tree.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier):
            continue
        cte = within[id(table)]
        called = f"{mark}{tables.index(folded(table.name))}" if cte is None else f"{mark}w{own.index(cte)}"
        known_as = "" if table.alias else f" AS {named(_spelt(table.this))}"
        instead[_place(table.this)] = named(called) + known_as
    for cte_node, name in ours.items():
        instead[_place(_named_by(cte_node))] = named(f"{mark}w{own.index(name)}")
    lists = {folded(alias.name) for alias in tree.find_all(exp.TableAlias) if alias.args.get("columns")}
    body = list(_plain(sql, tokens, instead, lists))
    if sum(part.strip() in instead.values() for part in body) < len(instead):
        raise unwelcome("FROM")
    head = ""
    if tokens[0].token_type is TokenType.WITH:
        recursive = tokens[1].token_type is TokenType.RECURSIVE
        head, body = "WITH RECURSIVE " if recursive else "WITH ", body[2 if recursive else 1 :]
    return Checked(
        head=head,
        body="".join(body).strip(),
        tables=frozenset(tables),
        named=frozenset(map(folded, own)),
        outermost=frozenset(),
        names=frozenset(folded(identifier.name) for identifier in tree.find_all(exp.Identifier)),
        star=any(not isinstance(star.parent, exp.Count) for star in tree.find_all(exp.Star)),
        may_fail=_may_fail(tree),
    )


def _spelt(identifier: exp.Expr) -> str:
    """Return a name as PostgreSQL has it: in small letters, unless it was quoted."""
    return identifier.name if identifier.args.get("quoted") else folded(identifier.name)


def _named_by(cte: exp.CTE) -> exp.Expr:
    found: exp.Expr = cte.args["alias"].this
    return found


def _place(identifier: exp.Expr) -> int:
    """Return where a name begins in the statement."""
    found = identifier.meta.get("start")
    if not isinstance(found, int):
        raise unwelcome(identifier.name)
    return found


def _cte_of(table: exp.Table) -> str | None:
    """Return which name of a WITH around it a name in FROM means; None where it means none."""
    if not isinstance(table.this, exp.Identifier):
        return ""
    sought = _spelt(table.this)
    below: exp.Expr = table
    around = table.parent
    while around is not None:
        clause = around.args.get("with_")
        if clause is not None:
            ctes = [_spelt(_named_by(cte)) for cte in ctes_of(around)]
            if below is clause and not clause.args.get("recursive"):  # only those before its own
                inside = next(n for n, cte in enumerate(clause.expressions) if _is_within(table, cte))
                ctes = ctes[:inside]
            if sought in ctes:
                return sought
        below, around = around, around.parent
    return None


def _is_within(node: exp.Expr, outer: exp.Expr) -> bool:
    above: exp.Expr | None = node
    while above is not None and above is not outer:
        above = above.parent
    return above is outer


def _plain(sql: str, tokens: list[Token], instead: Mapping[int, str], lists: set[str]) -> Iterator[str]:
    """Yield the statement again, each token in the one form that PostgreSQL cannot read otherwise."""
    for number, token in enumerate(tokens):
        kind, raw = token.token_type, sql[token.start : token.end + 1]
        after = tokens[number + 1].token_type if number + 1 < len(tokens) else None
        if kind is TokenType.IDENTIFIER or (raw not in words.SYMBOLS and is_word(raw)):
            _check_word(token, raw, after, lists)
        elif after is TokenType.STRING and (kind is TokenType.STRING or raw in (")", "]")):
            raise unwelcome(f"{raw[:10]} '...'")
        gap = "" if number and token.start == tokens[number - 1].end + 1 and _is_one(tokens[number - 1], token) else " "
        if kind is TokenType.STRING and raw.startswith("'"):
            yield gap + text_of(token.text)
        elif token.start in instead:
            yield gap + instead[token.start]
        elif kind is TokenType.IDENTIFIER:
            yield gap + named(token.text)
        elif raw in words.SYMBOLS or _NUMBER.fullmatch(raw) or is_word(raw):
            yield gap + raw
        else:
            raise unwelcome(raw)


def _is_one(first: Token, second: Token) -> bool:
    """Say whether two tokens are one to PostgreSQL: << and .5 are two to the parser."""
    pair = (first.token_type, second.token_type)
    return pair in (
        (TokenType.LT, TokenType.LT),
        (TokenType.GT, TokenType.GT),
        (TokenType.DOT, TokenType.NUMBER),
    )


def _check_word(token: Token, raw: str, after: TokenType | None, lists: set[str]) -> None:
    """Refuse a name of the server's own, and a word that PostgreSQL would call or read as a type."""
    quoted = token.token_type is TokenType.IDENTIFIER
    name = folded(token.text if quoted else raw)
    if _SYSTEM.match(name) or (not quoted and name in words.FORBIDDEN):
        raise refused(
            f"'{name[:40]}'은(는) 쓸 수 없어요. 보이는 테이블과 함수만 써 주세요.",
            f"'{name[:40]}' is not available: use the tables and functions that you may see.",
        )
    last = "" if quoted else raw.rsplit(maxsplit=1)[-1].upper()
    if after is TokenType.STRING and last not in words.BEFORE_TEXT:
        raise unwelcome(f"{raw[:20]} '...'")
    known = last in words.BEFORE_PARENTHESIS or name in lists or (name in words.FUNCTIONS and not quoted)
    if after is TokenType.L_PAREN and not known:
        raise no_function(name, "PostgreSQL")


def text_of(value: str) -> str:
    """Return a text as SQL that means the same however the server reads backslashes."""
    inside = value.replace("'", "''")
    return f"'{inside}'" if "\\" not in value else "E'" + inside.replace("\\", "\\\\") + "'"


def _check_nodes(tree: exp.Expr) -> None:
    check_root(tree)
    for node in tree.walk():
        kind = type(node)
        if isinstance(node, exp.Func) and kind not in words.NODES:
            if not words.is_function_allowed(node):
                called = node.name if kind is exp.Anonymous else node.meta.get("name", node.sql_name())
                raise no_function(called, "PostgreSQL")
        elif kind not in words.NODES:
            raise not_allowed(kind.__name__)
        _check_parts(node)


def _check_parts(node: exp.Expr) -> None:
    if isinstance(node, exp.Table) and isinstance(node.this, exp.ExplodingGenerateSeries):
        if {name for name, value in node.args.items() if value} - {"this", "alias", "joins"}:
            raise not_allowed("FROM")
    elif isinstance(node, exp.DataType):
        if node.this not in words.TYPES:
            raise _no_type(node)
    elif isinstance(node, exp.Lateral):
        if not isinstance(node.this, exp.Subquery):
            raise not_allowed("LATERAL")
    elif isinstance(node, exp.SetOperation):
        if node.args.get("on") or node.args.get("by_name"):
            raise not_allowed("UNION")
    else:
        check_parts(node)


def _no_type(node: exp.DataType) -> ValidationFailed:
    name = str(getattr(node.this, "value", node.this)).lower()[:40]
    return refused(
        f"{name} 형으로는 바꿀 수 없어요. integer, numeric, text, date, timestamp 등을 써 주세요.",
        f"Nothing can be cast to {name} here: use integer, numeric, text, date or timestamp.",
    )


def _may_fail(tree: exp.Expr) -> bool:
    """Say whether a part of it could fail or take long by a row's values, where rows may not have been sifted yet."""
    moving: set[int] = set()
    for node in tree.find_all(*_MOVING):
        above: exp.Expr | None = node
        while above is not None and id(above) not in moving:
            moving.add(id(above))
            above = above.parent
    return any(id(node) in moving and _fails_on_rows(node) for node in tree.walk())


def _fails_on_rows(node: exp.Expr) -> bool:
    if isinstance(node, exp.Select):
        return is_asked_by_rows(node)
    if isinstance(node, exp.Like | exp.ILike):
        if is_calm_pattern(node.expression) and not node.expression.name.endswith("\\"):
            return False
    elif type(node) in words.CALM or isinstance(node, exp.AggFunc) or _is_moment(node):
        return False
    above, place = place_of(node)
    # In the outermost SELECT's own list, only rows that passed every condition arrive.
    return not (place in _SAFE_AFTER_ROWS and above is not None and is_top(above))


def _is_moment(node: exp.Expr) -> bool:
    """Say whether a node is a day or moment some time from now, which never fails."""
    return isinstance(node, exp.Add | exp.Sub) and all(isinstance(side, _MOMENTS) for side in node.iter_expressions())
