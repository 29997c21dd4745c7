"""How does a person use the company's operations and records directly? `op` and `records`."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final
from urllib.parse import quote

from typer import Argument, Exit, Option, Typer

from daeri.cli.command import Desk, command, group
from daeri.cli.follow import line_of, show_draft
from daeri.cli.terminal import Terminal
from daeri.cli.trouble import Code, Trouble
from daeri.cli.words import EFFECTS, HIDDEN, Words, both

FIELDS_SHOWN: Final = 7
"""Columns of a list where none are chosen: about what a window holds."""
TITLES: Final = ("name", "rank")
"""Fields that a row's title mostly tells already."""
CELL: Final = 40

_COMPARISONS: Final = {"=": "", "!=": ".ne", ">=": ".gte", "<=": ".lte", ">": ".gt", "<": ".lt", "~": ".contains"}
_CONDITION: Final = re.compile(r"(?P<field>[\w.]+)\s*(?P<sign>!=|>=|<=|=|>|<|~)\s*(?P<value>.*)", re.DOTALL)

Pairs = Annotated[
    list[str] | None,
    Argument(metavar="[KEY=VALUE]...", help=both("입력값, 예: start=2026-11-26", "Arguments, e.g. start=2026-11-26")),
]


def add_to(app: Typer) -> None:
    """Declare the commands."""
    operations = group(app, "op", both("할 수 있는 일: 목록, 설명, 호출", "What can be done: list, show, call"))
    command(operations, "list", both("내가 할 수 있는 일", "What I may do"))(list_operations)
    command(operations, "show", both("설명과 입력값", "What it does and takes"))(show)
    command(operations, "call", both("직접 호출해요", "Call it"))(call)
    command(app, "records", both("기록을 찾아봐요", "Look at records"))(records)


def list_operations(desk: Desk) -> None:
    """List the operations one may use."""
    terminal = desk.terminal
    page = desk.api.get("/v1/ops")
    if terminal.as_json:
        terminal.data(page)
        return
    columns = [
        Words("이름", "name"),
        Words("하는 일", "what it does"),
        Words("종류", "effect"),
        Words("결재", "approval"),
    ]
    rows = [
        [
            operation["name"],
            operation["label"],
            terminal.word(EFFECTS[operation["effect"]]),
            terminal.word(Words("필요", "needed")) if operation["approval"] else "",
        ]
        for operation in page["data"]
    ]
    terminal.table([terminal.word(column) for column in columns], rows)
    if page["data"]:
        terminal.next(f"daeri op show {page['data'][0]['name']}")


def show(desk: Desk, name: Annotated[str, Argument(metavar="NAME")]) -> None:
    """Describe an operation."""
    terminal = desk.terminal
    operation = desk.api.get(f"/v1/ops/{name}")
    if terminal.as_json:
        terminal.data(operation)
        return
    terminal.tell(f"{operation['name']}  {operation['label']}", "bold")
    terminal.tell(operation["description"])
    terminal.tell("")
    schema = operation["input_schema"]
    required = schema.get("required", [])
    must = terminal.word(Words("필수", "required"))
    rows = [
        [name, _kind(schema, field), must if name in required else "", field.get("description", "")]
        for name, field in schema.get("properties", {}).items()
    ]
    columns = [Words("입력값", "argument"), Words("형식", "type"), Words("", ""), Words("설명", "description")]
    terminal.table([terminal.word(column) for column in columns], rows)
    for example in operation["examples"][:2]:
        terminal.talk(f'  daeri ask "{example}"', "dim")
    filled = " ".join(f"{field}=…" for field in required)
    terminal.next(f"daeri op call {operation['name']} {filled}".strip())


def call(
    desk: Desk,
    name: Annotated[str, Argument(metavar="NAME")],
    arguments: Pairs = None,
    *,
    dry_run: Annotated[
        bool, Option("--dry-run", help=both("무엇이 바뀌는지만 보여 줘요", "Only show what it would change"))
    ] = False,
) -> None:
    """Call an operation, or show what it would do."""
    terminal = desk.terminal
    sent = arguments_of(arguments or [])
    reply = desk.api.post(f"/v1/ops/{name}", sent, query="?dry_run=true" if dry_run else "")
    body = reply.body
    if terminal.as_json:
        terminal.data(body)
    elif dry_run:
        _show_dry_run(terminal, body)
    elif "approval_id" in body:
        show_draft(terminal, desk.api.get(f"/v1/approvals/{body['approval_id']}"))
        terminal.tell(body["approval_id"])
        terminal.next(f"daeri approve show {body['approval_id']}")
    else:
        _show_result(terminal, body)
    if "approval_id" in body:
        raise Exit(Code.WAITING)


def records(
    desk: Desk,
    kind: Annotated[
        str | None,
        Argument(
            metavar="[TYPE[/ID]]",
            help=both("기록 종류 (없으면 종류 목록), 또는 한 건", "Record type (none: list them), or one row"),
        ),
    ] = None,
    filters: Annotated[
        list[str] | None,
        Argument(
            metavar="[ID | FIELD=VALUE]...",
            help=both(
                "번호 하나, 또는 조건: rank=대리 'hired_on>=2024-01-01' name~김",
                "One id, or conditions: rank=대리 'hired_on>=2024-01-01' name~Kim",
            ),
        ),
    ] = None,
    search: Annotated[
        str | None, Option("--search", metavar="TEXT", help=both("이름으로 찾기", "Find by name"))
    ] = None,
    sort: Annotated[
        str | None, Option("--sort", metavar="FIELD", help=both("정렬 (-FIELD: 거꾸로)", "Sort (-FIELD: downward)"))
    ] = None,
    limit: Annotated[int, Option("--limit", "-n", min=1, max=200, help=both("몇 개", "How many"))] = 20,
    cursor: Annotated[str | None, Option("--cursor", metavar="CURSOR", help=both("이어 보기", "Go on from"))] = None,
) -> None:
    """List records within one's rights, or show one."""
    if kind is None:
        _list_types(desk)
    elif "/" in kind and not filters:
        kind, _, key = kind.partition("/")
        _show_record(desk, kind, key)
    elif filters and len(filters) == 1 and _CONDITION.fullmatch(filters[0]) is None:
        _show_record(desk, kind, filters[0])
    else:
        query = [filter_of(item) for item in filters or []]
        given = {"q": search, "sort": sort, "limit": str(limit), "cursor": cursor}
        query += [(name, value) for name, value in given.items() if value]
        _list_records(desk, kind, query)


def arguments_of(pairs: Sequence[str]) -> dict[str, Any]:
    """Read `key=value` arguments; `key:=JSON` for lists, objects and null. The server checks the types.

    Raises:
        Trouble: one of them is neither.
    """
    arguments: dict[str, Any] = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not name.strip(":"):
            raise _unreadable(pair)
        if name.endswith(":"):
            try:
                arguments[name[:-1]] = json.loads(value)
            except ValueError:
                raise _unreadable(pair) from None
        else:
            arguments[name] = value
    return arguments


def filter_of(condition: str) -> tuple[str, str]:
    """Read one condition of a list as a parameter of the API: `hired_on>=2024-01-01` is `hired_on.gte`.

    Raises:
        Trouble: it is no condition.
    """
    found = _CONDITION.fullmatch(condition)
    if found is None:
        raise Trouble(
            "usage",
            Words(f"조건이 아니에요: {condition}", f"Not a condition: {condition}"),
            fix=Words(
                "이렇게 적어 주세요:  rank=대리   'hired_on>=2024-01-01'   name~김   status!=done",
                "Write it like this:  rank=대리   'hired_on>=2024-01-01'   name~Kim   status!=done",
            ),
            code=Code.USAGE,
        )
    return found["field"] + _COMPARISONS[found["sign"]], found["value"]


def _unreadable(pair: str) -> Trouble:
    return Trouble(
        "usage",
        Words(f"입력값이 아니에요: {pair}", f"Not an argument: {pair}"),
        fix=Words(
            "이렇게 적어 주세요:  start=2026-11-26   또는 JSON으로  items:='[1, 2]'",
            "Write it like this:  start=2026-11-26   or as JSON  items:='[1, 2]'",
        ),
        code=Code.USAGE,
    )


def _list_types(desk: Desk) -> None:
    terminal = desk.terminal
    page = desk.api.get("/v1/records")
    if terminal.as_json:
        terminal.data(page)
        return
    terminal.table(
        [terminal.word(Words("종류", "type")), terminal.word(Words("이름", "name"))],
        [[item["type"], item["label"]] for item in page["data"]],
    )
    if page["data"]:
        terminal.next(f"daeri records {page['data'][0]['type']}")


def _show_record(desk: Desk, kind: str, key: str) -> None:
    terminal = desk.terminal
    row = desk.api.get(f"/v1/records/{quote(kind)}/{quote(key)}")
    if terminal.as_json:
        terminal.data(row)
        return
    hidden, masked = row.pop("_hidden", {}), row.pop("_masked", {})
    pairs = [(name, _worded(value)) for name, value in row.items() if name not in ("_title", "version")]
    pairs += [(name, f"{terminal.word(HIDDEN)} {reason}") for name, reason in hidden.items()]
    pairs = [(name, f"{told}  {masked[name]}" if name in masked else told) for name, told in pairs]
    terminal.tell(str(row.get("_title") or key), "bold")
    terminal.fields(pairs)


def _list_records(desk: Desk, kind: str, query: Sequence[tuple[str, str]]) -> None:
    terminal = desk.terminal
    page = desk.api.get(f"/v1/records/{quote(kind)}", query)
    if terminal.as_json:
        terminal.data(page)
        return
    if not page["data"]:
        terminal.talk(Words("맞는 기록이 없어요", "No record fits"))
        return
    asked = [name.partition(".")[0].lstrip("-") for name, _ in query] + [
        value.lstrip("-") for name, value in query if name == "sort"
    ]
    fields = [field for field in page["fields"] if field["name"] not in ("id", "version")]
    fields.sort(key=lambda field: (field["name"] not in asked, field["name"] in TITLES, field["sight"] == "hidden"))
    shown = fields[:FIELDS_SHOWN]
    rows = [
        [row["id"], row["_title"], *(_cell(terminal, row, field["name"]) for field in shown)] for row in page["data"]
    ]
    terminal.table(["id", page["label"], *(field["label"] for field in shown)], rows)
    hidden = {reason for row in page["data"] for reason in row["_hidden"].values()}
    for reason in sorted(hidden):
        terminal.talk(f"{terminal.word(HIDDEN)} {reason}", "dim")
    if page["next_cursor"]:
        terminal.next(f"daeri records {kind} … --cursor {page['next_cursor']}", Words("더 보기", "Go on"))
    else:
        terminal.next(f"daeri records {kind} {page['data'][0]['id']}")


def _cell(terminal: Terminal, row: Mapping[str, Any], name: str) -> str:
    if name in row["_hidden"]:
        return terminal.word(HIDDEN)
    text = "" if row.get(name) is None else str(row[name])
    return text if len(text) <= CELL else f"{text[: CELL - 1]}…"


def _show_dry_run(terminal: Terminal, body: Mapping[str, Any]) -> None:
    terminal.tell(terminal.word(Words("아무것도 바꾸지 않았어요. 부르면:", "Nothing was changed. It would do:")))
    for item in body.get("worded") or []:
        terminal.tell(f"  {item['label']}: {item['value']}")
    for change in body["preview"]:
        terminal.tell(f"  {change['label']}: {change['before']} → {change['after']}")
    if body["line"]:
        terminal.tell(f"  {terminal.word(Words('결재선', 'Line'))}: {line_of(body['line'])}")
    if body["because"]:
        terminal.tell(f"  {terminal.word(Words('왜', 'Why'))}: {body['because']}")


def _show_result(terminal: Terminal, body: Mapping[str, Any]) -> None:
    if body["say"]:
        terminal.tell(body["say"])
    result = dict(body["result"])
    rows = result.pop("rows", None)
    if not body["say"]:
        terminal.fields([(name, _worded(value)) for name, value in result.items()])
    if rows and isinstance(rows[0], list):
        columns = result.pop("columns", [])
        terminal.table([str(column) for column in columns], [[_worded(value) for value in row] for row in rows])
    elif rows:
        names = [name for name in rows[0] if not isinstance(rows[0][name], dict | list)]
        terminal.table(names, [[_worded(row.get(name)) for name in names] for row in rows])
    if body["masked"]:
        terminal.talk(f"{terminal.word(HIDDEN)} {', '.join(body['masked'])}", "dim")
    if "age" in body:
        age = body["age"]
        terminal.talk(terminal.word(Words(f"{age}초 전에 읽은 답이에요", f"This was read {age} s ago")), "dim")


def _worded(value: object) -> str:
    if value is None:
        return "-"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list | bool) else str(value)


def _kind(schema: Mapping[str, Any], field: Mapping[str, Any]) -> str:
    """Word a JSON Schema's type in a few characters."""
    reference = str(field.get("$ref", "")).rpartition("/")[2]
    if reference:
        return _kind(schema, schema.get("$defs", {}).get(reference, {}))
    if "enum" in field:
        return " | ".join(str(item) for item in field["enum"])
    if "const" in field:
        return str(field["const"])
    if "anyOf" in field:
        kinds = [_kind(schema, item) for item in field["anyOf"]]
        return " | ".join(dict.fromkeys(kind for kind in kinds if kind != "null"))
    return str(field.get("format") or field.get("type") or "")
