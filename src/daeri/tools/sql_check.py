"""What does a statement ask for, and is all of it on the allow-list? Reads SQL; knows no database and no person.

The result keeps the statement's own words, token by token, in one plain form: no comments, no double quotes (of which
SQLite makes a text where it does not know the name), no placeholders. What SQLite reads is what was checked here.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.dialects.sqlite import SQLite
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from daeri.errors import ValidationFailed
from daeri.records.guarded import folded, quoted
from daeri.tools import sql_words as words
from daeri.tools.refusal import refused

LENGTH_MAX = 20_000
TOKENS_MAX = 5_000
DEPTH_MAX = 40
JOINS_MAX = 30
_BLANK = " \t\r\n\f"
_NUMBER = re.compile(r"(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|0[xX][0-9a-fA-F]+", re.ASCII)
_WIDTH = re.compile(r"\*|\d{4}")
_SAFE_AFTER_ROWS = frozenset({"expressions", "order", "group", "having", "limit", "offset"})
_SAFE_FOR_SELECTS = _SAFE_AFTER_ROWS - {"having"}
"""A condition of HAVING on what rows are grouped by may be decided as one of WHERE."""
_SOURCES = frozenset({"from_", "joins", "with_"})
_WILDCARDS = 3
"""What '%one%two%' has; each more multiplies the time by the length of the text."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A statement of which every part is allowed.

    Attributes:
        head: "WITH RECURSIVE " where it begins with common table expressions of its own, else "".
        body: the rest, in plain form.
        tables: names that are no common table expression of its own, folded.
        named: its common table expressions, folded; `outermost` are those of the statement as a whole.
        names: every identifier in it, folded; `star` says that it takes all columns of something.
        may_fail: whether it could end with an error that depends on a single row.
    """

    head: str
    body: str
    tables: frozenset[str]
    named: frozenset[str]
    outermost: frozenset[str]
    names: frozenset[str]
    star: bool
    may_fail: bool


def check(sql: str) -> Checked:
    """Read a statement in SQLite's dialect.

    Raises:
        ValidationFailed: it is more than one SELECT, or holds something that is not allowed; the text says what.
    """
    tokens, tree = parsed(sql, SQLite())
    body = "".join(_plain(sql, tokens))
    _check_nodes(tree)
    tables = list(_tables(tree))
    head, rest = "", body
    if tokens[0].token_type is TokenType.WITH:
        recursive = tokens[1].token_type is TokenType.RECURSIVE
        head, skipped = "WITH RECURSIVE ", "WITH" if not recursive else "RECURSIVE"
        rest = body[body.upper().index(skipped) + len(skipped) :]
    own = {cte: folded(cte.alias) for cte in tree.find_all(exp.CTE)}
    return Checked(
        head=head,
        body=rest,
        tables=frozenset(tables),
        named=frozenset(own.values()),
        outermost=frozenset(folded(cte.alias) for cte in ctes_of(tree)),
        names=frozenset(folded(identifier.name) for identifier in tree.find_all(exp.Identifier)),
        star=any(not isinstance(star.parent, exp.Count) for star in tree.find_all(exp.Star)),
        may_fail=any(_fails_on_rows(node) for node in tree.walk()),
    )


def parsed(sql: str, dialect: Dialect) -> tuple[list[Token], exp.Expr]:
    """Return the tokens and the tree of one statement.

    Raises:
        ValidationFailed: it cannot be read, or is not one statement, or is too long.
    """
    if len(sql) > LENGTH_MAX:
        raise refused(
            f"SQL이 너무 길어요. {LENGTH_MAX:,}자 안으로 줄여 주세요.",
            f"The statement is too long: write at most {LENGTH_MAX:,} characters.",
        )
    if "\0" in sql:
        raise unwelcome("NUL")
    try:
        tokens = dialect.tokenize(sql)
        while tokens and tokens[-1].token_type is TokenType.SEMICOLON:
            tokens.pop()
        _check_size(tokens)
        trees = dialect.parser().parse(tokens, sql)
    except SqlglotError as error:
        where = str(error).partition("\n")[0][:200]
        raise refused(f"SQL을 읽을 수 없어요: {where}", f"The statement cannot be read: {where}") from None
    except (RecursionError, ValueError, IndexError, KeyError, AttributeError, TypeError):
        raise refused(
            "SQL을 읽을 수 없어요. 더 단순하게 나눠 써 주세요.",
            "The statement cannot be read: write it more simply.",
        ) from None
    if len(trees) != 1 or trees[0] is None:
        raise refused(
            "한 번에 SELECT 문 하나만 쓸 수 있어요. 세미콜론 뒤를 지워 주세요.",
            "Write exactly one SELECT: remove what follows the semicolon.",
        )
    return tokens, trees[0]


def _check_size(tokens: list[Token]) -> None:
    depth = deepest = run = longest = 0
    for token in tokens:
        if token.token_type is TokenType.L_PAREN:
            depth += 1
            deepest = max(deepest, depth)
        elif token.token_type is TokenType.R_PAREN:
            depth -= 1
        prefix = token.text.upper() in ("NOT", "-", "+", "~", "CASE")
        run = run + 1 if prefix else 0
        longest = max(longest, run)
    if len(tokens) > TOKENS_MAX or deepest > DEPTH_MAX or longest > DEPTH_MAX:
        raise refused(
            "SQL이 너무 복잡해요. 괄호와 조건을 줄여 주세요.",
            "The statement is too complex: use fewer parentheses and conditions.",
        )
    if not tokens:
        raise refused("SELECT 문을 써 주세요.", "Write a SELECT statement.")


def _plain(sql: str, tokens: list[Token]) -> Iterator[str]:
    """Yield the statement again, each token in the one form that SQLite cannot read otherwise."""
    at = 0
    for token in tokens:
        gap = sql[at : token.start]
        yield gap if gap and not gap.strip(_BLANK) else " " * bool(gap or _meets_word(sql, token.start))
        at = token.end + 1
        kind, raw = token.token_type, sql[token.start : at]
        if kind is TokenType.STRING and raw.startswith("'"):
            yield "'" + token.text.replace("'", "''") + "'"
        elif kind is TokenType.IDENTIFIER:
            yield quoted(token.text)
        elif raw in words.SYMBOLS or _NUMBER.fullmatch(raw) or is_word(raw):
            yield raw
        else:
            raise unwelcome(raw)


def _meets_word(sql: str, at: int) -> bool:
    """Say whether a word begins right behind another, where SQLite might read both as one."""
    return at > 0 and all(char.isalnum() or char == "_" or not char.isascii() for char in sql[at - 1 : at + 1])


def is_word(raw: str) -> bool:
    """Say whether a token is a word to the database as well: letters, digits, _ and whatever is not ASCII."""
    parts = raw.split() if raw.isascii() else [raw]
    return all(
        not part[0].isdigit() and all(c.isalnum() or c == "_" or (not c.isascii() and not c.isspace()) for c in part)
        for part in parts
    )


def unwelcome(raw: str) -> ValidationFailed:
    """Return the refusal of a token that has no place in a question."""
    return refused(
        f"'{raw[:20]}'은(는) 쓸 수 없어요. 값은 '따옴표' 안에 직접 써 주세요.",
        f"'{raw[:20]}' cannot be used here: write values directly, texts in 'single quotes'.",
    )


def _check_nodes(tree: exp.Expr) -> None:
    check_root(tree)
    for node in tree.walk():
        kind = type(node)
        if isinstance(node, exp.Func) and kind not in words.NODES:
            if not words.is_function_allowed(node):
                raise no_function(node.name if kind is exp.Anonymous else node.sql_name(), "SQLite")
            _check_cost(node)
        elif kind not in words.NODES:
            raise not_allowed(kind.__name__)
        check_parts(node)


def check_root(tree: exp.Expr) -> None:
    """Refuse what is no SELECT, and one that joins too much."""
    if not isinstance(tree, words.ROOTS):
        raise refused(
            "SELECT 문만 쓸 수 있어요. 바꾸거나 설정하는 문장은 쓸 수 없어요.",
            "Only a SELECT can be asked: nothing that changes or sets anything.",
        )
    if sum(1 for _ in tree.find_all(exp.Join)) > JOINS_MAX:
        raise refused(
            f"테이블은 {JOINS_MAX}개까지만 이을 수 있어요.", f"Join at most {JOINS_MAX} tables in one statement."
        )


def no_function(name: str, database: str) -> ValidationFailed:
    """Return the refusal of a function."""
    called = name[:40].lower()
    return refused(
        f"{called}() 함수는 쓸 수 없어요. {database}의 집계·날짜·문자 함수를 써 주세요.",
        f"No function {called}() here: use {database}'s aggregates, date and text functions.",
    )


def _check_cost(node: exp.Expr) -> None:
    """Refuse what could keep a single instruction of SQLite busy, which no time limit can interrupt."""
    is_printf = type(node) is exp.Anonymous and node.name.lower() == "printf"
    if is_printf or type(node) is exp.Format:
        form = next(iter(node.expressions), None) if is_printf else node.this
        if not isinstance(form, exp.Literal) or _WIDTH.search(form.name):
            raise refused(
                "format()의 첫 값은 '%5.2f'처럼 폭이 세 자리 이하인 글자로 써 주세요.",
                "Give format() a text such as '%5.2f', with widths of at most three digits.",
            )
    elif type(node) is exp.Trim and not isinstance(node.expression or exp.Literal.string(""), exp.Literal):
        raise refused(
            "trim()에서 지울 글자는 '글자'로 직접 써 주세요.", "Write the characters that trim() removes as a text."
        )


def not_allowed(what: str) -> ValidationFailed:
    """Return the refusal of a construct."""
    return refused(
        f"{what} 구문은 쓸 수 없어요. SELECT, JOIN, WITH, GROUP BY, 윈도 함수로 다시 써 주세요.",
        f"{what} is not available: write it with SELECT, JOIN, WITH, GROUP BY and window functions.",
    )


def check_parts(node: exp.Expr) -> None:
    """Refuse the parts of allowed nodes that are not plain."""
    used = {name for name, value in node.args.items() if value}
    if isinstance(node, exp.Table):
        if not isinstance(node.this, exp.Identifier):
            raise refused(
                "FROM에는 함수를 쓸 수 없어요. 보이는 테이블의 이름을 써 주세요.",
                "No function can stand in FROM: name a table that you may see.",
            )
        if used - words.TABLE_PARTS:
            raise refused(
                f"'{node.name}' 앞뒤의 스키마 이름이나 힌트를 지우고 테이블 이름만 써 주세요.",
                f"Write just the table's name, '{node.name}', without a schema or hint.",
            )
    elif isinstance(node, exp.Column) and used - {"this", "table"}:
        raise refused(
            f"'{node.name}' 열은 테이블 이름이나 별칭까지만 앞에 붙여 주세요.",
            f"Qualify the column '{node.name}' by a table or alias only.",
        )
    elif isinstance(node, exp.In) and used & {"field", "unnest"}:
        raise refused(
            "IN 뒤에는 (값, 값) 이나 (SELECT ...) 를 써 주세요.",
            "After IN write a list, (1, 2), or a subquery, (SELECT ...).",
        )
    elif isinstance(node, exp.Select) and used - words.SELECT_PARTS:
        raise not_allowed(", ".join(sorted(used - words.SELECT_PARTS)).upper())


def ctes_of(node: exp.Expr) -> list[exp.CTE]:
    """Return the common table expressions that stand in front of a SELECT."""
    clause = node.args.get("with_")
    return list(clause.expressions) if clause is not None else []


def _tables(tree: exp.Expr) -> Iterator[str]:
    """Yield the names in FROM that none of the statement's own WITH clauses around them defines."""
    for table in tree.find_all(exp.Table):
        name = folded(table.name)
        around: exp.Expr | None = table
        while around is not None and all(folded(cte.alias) != name for cte in ctes_of(around)):
            around = around.parent
        if around is None:
            yield name


def _fails_on_rows(node: exp.Expr) -> bool:
    """Say whether a node could fail or take long by a row's values, where rows may not have been sifted yet."""
    if isinstance(node, exp.Select):
        return is_asked_by_rows(node)
    if isinstance(node, exp.Like | exp.Glob | exp.Escape):
        if isinstance(node, exp.Like | exp.Glob) and is_calm_pattern(node.expression):
            return False
    elif type(node) not in words.MAY_FAIL or (type(node) is exp.Anonymous and node.name.lower() in words.CALM):
        return False
    above, place = place_of(node)
    # In the outermost SELECT's own list, only rows that passed every condition arrive.
    return not (place in _SAFE_AFTER_ROWS and above is not None and is_top(above))


def is_asked_by_rows(select: exp.Select) -> bool:
    """Say whether a SELECT is a part of an expression: the first row to get there makes the database run it.

    How long that takes would tell that there is such a row, though a row rule hid it in the end.
    """
    above, place = place_of(select)
    if above is None or place in _SOURCES:
        return False
    return not (place in _SAFE_FOR_SELECTS and is_top(above))


def is_calm_pattern(pattern: exp.Expr) -> bool:
    """Say whether a pattern is written out, and with so few wildcards that no text takes it long."""
    if not isinstance(pattern, exp.Literal):
        return False
    return pattern.name.count("%") + pattern.name.count("*") <= _WILDCARDS


def place_of(node: exp.Expr) -> tuple[exp.Expr | None, str | None]:
    """Return the SELECT that a node is a part of, and which part; "on" for a condition of its joins."""
    below, above = node, node.parent
    place = below.arg_key
    while above is not None and not isinstance(above, exp.Select):
        below, above = above, above.parent
        place = "on" if place == "on" else below.arg_key
    return above, place


def is_top(select: exp.Expr | None) -> bool:
    """Say whether a SELECT is the outermost one, or one of those that a UNION of the outermost is made of."""
    while select is not None and select.parent is not None:
        if not isinstance(select.parent, exp.SetOperation):
            return False
        select = select.parent
    return True
