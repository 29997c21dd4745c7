"""How is a company's module written? Source text that a person reads and edits, formatted as ruff formats it."""

import json
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap
from typing import Final

from daeri.adopt.describe import Described, Entry, Field
from daeri.adopt.reflect import Reference
from daeri.adopt.types import DATETIME
from daeri.wording import Lang, Text

WIDTH: Final = 88
"""Columns of a line, as ruff and black have it where nobody says otherwise; Korean letters take two."""
COMMENT_WIDTH: Final = 84
_ALCHEMY: Final = "sqlalchemy"
_ORM: Final = "sqlalchemy.orm"
_RECORDS: Final = "daeri.records"
_STANDARD: Final = frozenset({"datetime", "decimal", "typing"})
_INDENT: Final = "    "


def module(told: Described, *, name: str, place: str, file: str, lang: Lang) -> str:
    """Return the text of a company's module.

    Args:
        told: what becomes of each table.
        name: what the company is called, for now.
        place: the database's address without who asks.
        file: the module's name, for the commands it names.
        lang: the language of comments.
    """
    classes = [line for entry in told.entries for line in (*class_of(entry, told, lang), "", "")]
    chart = _chart(told)
    imports = _imports(_needs(told))
    noqa = _noqa(told)
    parts = [
        *([f"# ruff: noqa: {', '.join(noqa)}"] if noqa else []),
        *_docstring(name, place, file),
        "",
        *imports,
        "",
        f"catalog = Catalog({quoted(catalog_name(name))}, Text({quoted(name)}, {quoted(name)}))",
        "",
        "",
        *classes,
        *chart,
        "",
        "",
        *_example(told, lang),
        "",
        "",
        *_company(name),
    ]
    return "\n".join(parts) + "\n"


def catalog_name(name: str) -> str:
    """Return a catalog's name for a company's: small Latin letters and digits, and none that Daeri's own have."""
    plain = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name.lower()).strip("_")
    plain = plain if plain and not plain[0].isdigit() else f"data_{plain}".strip("_")
    return f"{plain}_data" if plain in {"query", "documents", "web", "code", "files"} else plain


def class_of(entry: Entry, told: Described, lang: Lang) -> Iterator[str]:
    """Yield the lines of one record's class, with what a person should look at above it."""
    for note in entry.notes:
        yield from _comment(note.to(lang), "")
    yield f"class {entry.name}(Adopted):"
    what = "뷰" if entry.table.is_view else "테이블"
    if lang == "en":
        what = "view" if entry.table.is_view else "table"
    label, table = _prose(entry.label.to(lang)), _prose(entry.table.name)
    yield f'{_INDENT}"""{label} ({table} {what})."""' if label != table else f'{_INDENT}"""{label} {what}."""'
    yield ""
    yield from _assigned("__tablename__", quoted(entry.kind))
    if entry.kind != entry.table.name:
        yield from _assigned("__stored_as__", quoted(entry.table.name))
    if entry.table.is_view:
        yield from _assigned("__view__", "True")
    yield from call("__label__ = Text", [quoted(entry.label.ko), quoted(entry.label.en)], _INDENT)
    if entry.title:
        yield from _assigned("__title__", f"({', '.join(map(quoted, entry.title))},)")
    if entry.owner is not None:
        yield from _assigned("__owner__", quoted(entry.owner))
    yield from _table_args(entry, told)
    yield ""
    for field in entry.fields:
        yield from field_of(field, told, lang)


def field_of(field: Field, told: Described, lang: Lang) -> Iterator[str]:
    """Yield the lines of one field, with why it is hidden above it."""
    if field.guess is not None:
        said = Text(f"개인정보로 보임: {field.guess.because.ko}", f"looks personal: {field.guess.because.en}")
        yield from _comment(said.to(lang), _INDENT)
    if field.typed.note is not None:
        yield from _comment(field.typed.note.to(lang), _INDENT)
    comment = " ".join((field.column.comment or "").split())
    if field.label is not None and comment and comment not in (field.label.ko, field.label.en):
        yield from _comment(comment, _INDENT)
    hint = f"{field.typed.hint} | None" if field.column.nullable and field.typed.hint != "Any" else field.typed.hint
    arguments = list(_arguments(field, told))
    if not arguments:
        yield f"{_INDENT}{field.name}: Mapped[{hint}]"
        return
    yield from call(f"{field.name}: Mapped[{hint}] = mapped_column", arguments, _INDENT)


def _arguments(field: Field, told: Described) -> Iterator[str]:
    renamed = field.name != field.column.name
    if renamed:
        yield quoted(field.column.name)
    if field.typed.type:
        yield field.typed.type
    if field.refers is not None:
        yield f"ForeignKey({quoted(_target(field.refers, told)[0])})"
    if renamed:
        yield f"key={quoted(field.name)}"
    if field.is_key:
        yield "primary_key=True"
    if field.typed.hint == "Any" and field.column.nullable:
        yield "nullable=True"
    if field.column.default is not None and not field.column.computed:
        yield "server_default=FetchedValue()"
    info = list(_info(field))
    if info:
        yield f"info={' | '.join(info)}"


def _info(field: Field) -> Iterator[str]:
    if field.label is not None:
        yield f"labelled({quoted(field.label.ko)}, {quoted(field.label.en)})"
    if field.guess is not None:
        yield f'visible_to(data_class="{field.guess.data_class}")'
    if field.column.computed:
        yield "READ_ONLY"


def _target(reference: Reference, told: Described) -> list[str]:
    """Return the columns a foreign key names, as SQLAlchemy looks for them: table, and the field's name."""
    entry = told.entry_of(reference.table, reference.schema)
    table = f"{reference.schema}.{reference.table}" if reference.schema else reference.table
    names = [entry.field_of(column) if entry else None for column in reference.targets]
    return [f"{table}.{each.name}" for each in names if each is not None]


def _table_args(entry: Entry, told: Described) -> Iterator[str]:
    parts = []
    if not _is_in_order(entry):
        parts.append(f"PrimaryKeyConstraint({', '.join(map(quoted, entry.key))})")
    for relation in entry.relations:
        here = [each.name for column in relation.columns if (each := entry.field_of(column)) is not None]
        parts.append(f"ForeignKeyConstraint({_listed(here)}, {_listed(_target(relation, told))})")
    if entry.table.schema is not None:
        parts.append(f'{{"schema": {quoted(entry.table.schema)}}}')
    if not parts:
        return
    line = f"{_INDENT}__table_args__ = ({', '.join(parts)},)"
    if len(parts) == 1 and width(line) <= WIDTH:
        yield line
        return
    yield f"{_INDENT}__table_args__ = ("
    for part in parts:
        yield from _argument(part, _INDENT * 2)
    yield f"{_INDENT})"


def _is_in_order(entry: Entry) -> bool:
    """Say whether the key's fields stand in the key's own order, by which the database finds rows fast."""
    return entry.key == tuple(each.name for each in entry.fields if each.is_key)


def _listed(names: Iterable[str]) -> str:
    return f"[{', '.join(map(quoted, names))}]"


def _assigned(name: str, value: str) -> Iterator[str]:
    yield f"{_INDENT}{name} = {value}"


def call(head: str, arguments: Sequence[str], indent: str) -> Iterator[str]:
    """Yield a call on one line, or with one argument a line where it is too long."""
    line = f"{indent}{head}({', '.join(arguments)})"
    if width(line) <= WIDTH:
        yield line
        return
    yield f"{indent}{head}("
    inner = ", ".join(arguments)
    if width(f"{indent}{_INDENT}{inner}") <= WIDTH and " | " not in inner:
        yield f"{indent}{_INDENT}{inner}"
    else:
        for argument in arguments:
            yield from _argument(argument, indent + _INDENT)
    yield f"{indent})"


def _argument(argument: str, indent: str) -> Iterator[str]:
    if width(f"{indent}{argument},") <= WIDTH:
        yield f"{indent}{argument},"
        return
    parts = argument.split(" | ")
    if len(parts) > 1:
        yield f"{indent}{parts[0]}"
        yield from (f"{indent}| {part}" for part in parts[1:-1])
        yield f"{indent}| {parts[-1]},"
        return
    head, bracket, inner = argument.partition("(")
    if not bracket:
        yield f"{indent}{argument},"
        return
    inner = inner.removesuffix(")")
    pieces = [f"{piece}]" for piece in inner.removesuffix("]").split("], ")] if "], " in inner else inner.split(", ")
    yield f"{indent}{head}("
    if width(f"{indent}{_INDENT}{inner}") <= WIDTH:
        yield f"{indent}{_INDENT}{inner}"
    else:
        yield from (f"{indent}{_INDENT}{piece}," for piece in pieces)
    yield f"{indent}),"


def quoted(text: str) -> str:
    """Return a text as Python writes it: in double quotes, unless single ones need fewer escapes."""
    if not text.isprintable():
        written = repr(text)
        return written if '"' in text else '"' + written[1:-1].replace("\\'", "'") + '"'
    if text.count('"') > text.count("'"):
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return json.dumps(text, ensure_ascii=False)


def width(line: str) -> int:
    """Return how many columns a line takes."""
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in line
    )


def _comment(text: str, indent: str) -> Iterator[str]:
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    narrow = (COMMENT_WIDTH - len(indent)) * len(plain) // max(1, width(plain))
    yield from (f"{indent}# {line}" for line in wrap(plain, max(30, narrow)))


def _prose(text: str) -> str:
    """Return a text that may stand in a docstring."""
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    return plain.replace("\\", "/").replace('"', "'").strip()


def _needs(told: Described) -> set[tuple[str, str]]:
    needs = {
        (_ALCHEMY, "ColumnElement"),
        (_ALCHEMY, "false"),
        (_ALCHEMY, "true"),
        ("daeri.operations", "Agent"),
        ("daeri.operations", "Catalog"),
        ("daeri.operations", "Company"),
        ("daeri.tools.query", "query_catalog"),
        ("daeri.wording", "Text"),
    } | {(_RECORDS, name) for name in ("Actor", "Person", "Team")}
    if told.entries:
        needs.add((_RECORDS, "Adopted"))
    fields = [field for entry in told.entries for field in entry.fields]
    if fields:
        needs.add((_ORM, "Mapped"))
    for field in fields:
        needs |= {*field.typed.needs}
        if list(_arguments(field, told)):
            needs.add((_ORM, "mapped_column"))
        if field.refers is not None:
            needs.add((_ALCHEMY, "ForeignKey"))
        if field.column.default is not None and not field.column.computed:
            needs.add((_ALCHEMY, "FetchedValue"))
        for name, wanted in (
            ("labelled", field.label is not None),
            ("visible_to", field.guess is not None),
            ("READ_ONLY", field.column.computed),
        ):
            if wanted:
                needs.add((_RECORDS, name))
    if not all(map(_is_in_order, told.entries)):
        needs.add((_ALCHEMY, "PrimaryKeyConstraint"))
    if any(entry.relations for entry in told.entries):
        needs.add((_ALCHEMY, "ForeignKeyConstraint"))
    if told.staff is not None:
        needs |= {(_ORM, "Mapped"), (_ORM, "mapped_column"), (_RECORDS, "labelled")}
    return needs


def _imports(needs: set[tuple[str, str]]) -> Iterator[str]:
    standard = sorted({module for module, _ in needs} & _STANDARD)
    if DATETIME in needs:
        yield "import datetime as dt"
    for source in standard:
        if source != DATETIME[0]:
            yield from _imported(source, needs)
    if standard:
        yield ""
    for source in sorted({module for module, _ in needs} - _STANDARD):
        yield from _imported(source, needs)


def _imported(source: str, needs: set[tuple[str, str]]) -> Iterator[str]:
    names = sorted({name for module, name in needs if module == source}, key=_import_order)
    line = f"from {source} import {', '.join(names)}"
    if width(line) <= WIDTH:
        yield line
        return
    yield f"from {source} import ("
    yield from (f"{_INDENT}{name}," for name in names)
    yield ")"


def _import_order(name: str) -> tuple[int, str]:
    """Order names as isort does: constants, classes, functions."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


def _noqa(told: Described) -> list[str]:
    names = [entry.name for entry in told.entries]
    fields = [field.name for entry in told.entries for field in entry.fields]
    wanted = {
        "E741": any(name in ("l", "O", "I") for name in fields),
        "ERA001": True,  # example rules stand as comments
        "PLC2401": not all(name.isascii() for name in (*names, *fields)),
        "N801": any(not name[0].isupper() or "_" in name for name in names),
        "N815": any(_is_mixed(name) for name in fields),
    }
    return sorted(code for code, needed in wanted.items() if needed)


def _is_mixed(name: str) -> bool:
    return name[0].islower() and name != name.lower() and "_" not in name


def _docstring(name: str, place: str, file: str) -> list[str]:
    return [
        f'"""{_prose(name)}: 있던 데이터베이스를 그대로 쓰는 회사 (a company over a database as it is).',
        "",
        "`daeri adopt`가 아래 데이터베이스를 보고 적었어요. 이제 사람이 고쳐 쓰는 파일이에요.",
        _prose(place),
        "",
        "- 규칙이 없는 기록은 아무도 못 봐요. 맨 아래 예시처럼 @catalog.rows 를 쓰면 열려요.",
        '- 개인정보로 보이는 항목은 visible_to(data_class="personal") 이라 아무에게도 안 보여요.',
        '  볼 사람을 적으면 열려요: visible_to("self", "hr", data_class="personal")',
        "- Nobody sees a record without a rule: write one with @catalog.rows, as below.",
        "- Fields that look personal are hidden from everybody until their readers are named.",
        "",
        f"빠뜨린 규칙 찾기 (rules still to write): daeri policy lint --company {file}:company",
        '"""',
    ]


def _chart(told: Described) -> list[str]:
    """Return the two records of who may sign in: Daeri's own tables beside the company's."""
    lines = [
        "class DaeriTeam(Team):",
        f'{_INDENT}"""결재선을 위한 조직. Daeri의 테이블이에요 (teams, a table of Daeri\'s own)."""',
        "",
        f'{_INDENT}__tablename__ = "daeri_team"',
        f'{_INDENT}__label__ = Text("조직", "team")',
        "",
        "",
        "class DaeriPerson(Person):",
        f'{_INDENT}"""들어올 수 있는 사람. Daeri의 테이블이에요 (who may sign in, a table of Daeri\'s own)."""',
        "",
        f'{_INDENT}__tablename__ = "daeri_person"',
        f'{_INDENT}__label__ = Text("사용자", "user")',
    ]
    if told.staff is not None:
        lines += _known_as(told.staff)
    return [*lines, *_CHART_RULES]


def _known_as(staff: Entry) -> Iterator[str]:
    key = next(each for each in staff.fields if each.is_key)
    said = key.label or Text(key.column.name, key.column.name)
    hint = key.typed.hint if key.typed.hint in ("int", "str") else "str"
    kept = key.typed.type if key.typed.type.startswith(("String", "Uuid", "BigInteger")) else ""
    info = f"info=labelled({quoted(said.ko)}, {quoted(said.en)})"
    yield f'{_INDENT}__known_as__ = "employee"'
    yield ""
    yield from _comment(f"{staff.label.ko}의 {key.column.name} (the key of {staff.name})", _INDENT)
    arguments = [*([kept] if kept else []), "unique=True", info]
    yield from call(f"employee: Mapped[{hint} | None] = mapped_column", arguments, _INDENT)


_CHART_RULES: Final = [
    "",
    "",
    "@catalog.rows(DaeriPerson)",
    "def oneself(actor: Actor) -> ColumnElement[bool]:",
    f'{_INDENT}"""본인, 관리자는 모두 (yourself; administrators see everyone)."""',
    f'{_INDENT}return true() if actor.has("admin") else DaeriPerson.id == actor.person_id',
    "",
    "",
    "@catalog.rows(DaeriTeam)",
    "def every_team(actor: Actor) -> ColumnElement[bool]:",
    f'{_INDENT}"""조직 이름은 누구나 봐요 (everyone sees the names of teams)."""',
    f"{_INDENT}del actor",
    f"{_INDENT}return true()",
    "",
    "",
    "@catalog.changes(DaeriPerson)",
    "@catalog.changes(DaeriTeam)",
    "def kept_by_administrators(actor: Actor) -> ColumnElement[bool]:",
    f'{_INDENT}"""관리자만 바꿔요 (administrators only)."""',
    f'{_INDENT}return true() if actor.has("admin") else false()',
]


def _example(told: Described, lang: Lang) -> Iterator[str]:
    """Yield a rule as a comment, about a record that is really there."""
    entry = told.staff or next((each for each in told.entries if each.key), None)
    if entry is None:
        entry = told.entries[0] if told.entries else None
    name = "YourRecord" if entry is None else entry.name
    said = Text(
        "규칙 예시. 주석을 풀고 고쳐 쓰세요. 규칙이 없는 기록은 아무도 못 봐요: 목록에도, SQL에도, 개수에도 없어요.",
        "An example of a rule: take the # away and change it. A record without one is seen by "
        "nobody, not in lists, not in SQL, not in counts.",
    )
    yield from _comment(said.to(lang), "")
    yield "#"
    if entry is not None and entry.owner is not None:
        yield "# from daeri.records import mine"
        yield "#"
    yield f"# @catalog.rows({name})"
    yield "# def own_and_hr(actor: Actor) -> ColumnElement[bool]:"
    if entry is not None and entry.owner is not None:
        yield f'# {_INDENT}"""본인 것, 인사 담당은 모두 (your own; HR sees all)."""'
        yield f'# {_INDENT}return true() if actor.has("hr") else mine({name}.{entry.owner}, actor)'
    else:
        yield f'# {_INDENT}"""인사 담당만 (HR only)."""'
        yield f'# {_INDENT}return true() if actor.has("hr") else false()'
    yield "#"
    more = Text(
        f"쓰기를 열려면 @catalog.changes({name}) 규칙과 catalog.records({name}, update=having(...)) 를 더하세요.",
        f"To let it be written too, add a rule with @catalog.changes({name}) and "
        f"catalog.records({name}, update=having(...)).",
    )
    yield from _comment(more.to(lang), "")


def _company(name: str) -> list[str]:
    return [
        "def company() -> Company:",
        f'{_INDENT}"""Put the company together."""',
        f"{_INDENT}return Company(",
        f"{_INDENT * 2}name=Text({quoted(name)}, {quoted(name)}),",
        f"{_INDENT * 2}catalogs=[catalog, query_catalog()],",
        f'{_INDENT * 2}agents=[Agent(name="assistant", label=Text("대리", "Deputy"))],',
        f"{_INDENT * 2}roles={{",
        f'{_INDENT * 3}"admin": Text("관리자", "administrators"),',
        f'{_INDENT * 3}"hr": Text("인사 담당", "HR"),',
        f"{_INDENT * 2}}},",
        f"{_INDENT})",
    ]
