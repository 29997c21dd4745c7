"""How does a database that is already there become a company? `adopt`: look, tell, and only then write one file."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from typer import Argument, Option, Typer

from daeri.cli.bars import bars
from daeri.cli.command import Desk, command
from daeri.cli.place import URL_VARIABLE
from daeri.cli.terminal import Terminal
from daeri.cli.trouble import Code, Trouble
from daeri.cli.words import Words, both

if TYPE_CHECKING:
    from daeri.adopt.compare import Difference
    from daeri.adopt.describe import Described, Entry
    from daeri.adopt.survey import Wanted
    from daeri.records.looking import Unreadable
    from daeri.wording import Text

MODULE: Final = Path("company.py")
NAMES_SHOWN: Final = 10
PERSONAL_SHOWN: Final = 6
"""Hidden fields of one record that a line names; the module has them all."""
_CODES: Final = {"refused": Code.UNREACHABLE, "password": Code.NOT_ALLOWED, "database": Code.FAILED}


def add_to(app: Typer) -> None:
    """Declare the command."""
    command(
        app,
        "adopt",
        both("있는 데이터베이스로 회사 정의를 써요", "Write a company over a database that is already there"),
        speaks=False,
    )(adopt)


def adopt(
    desk: Desk,
    url: Annotated[
        str | None,
        Argument(
            metavar="[URL]",
            help=both(
                "sqlite:///erp.db 또는 postgresql://사용자@서버/이름 (없으면 DAERI_DATABASE_URL)",
                "sqlite:///erp.db or postgresql://user@host/name (none: DAERI_DATABASE_URL)",
            ),
        ),
    ] = None,
    out: Annotated[Path, Option("--out", metavar="FILE", help=both("쓸 파일", "The file to write"))] = MODULE,
    schema: Annotated[
        str | None, Option("--schema", metavar="NAME", help=both("PostgreSQL 스키마", "A schema of PostgreSQL"))
    ] = None,
    only: Annotated[
        list[str] | None,
        Option("--only", metavar="PATTERN", help=both("이 이름의 테이블만, 예: 'erp_*'", "Only such tables: 'erp_*'")),
    ] = None,
    *,
    dry_run: Annotated[
        bool,
        Option(
            "--dry-run",
            "--diff",
            help=both(
                "쓰지 않고 보기만 해요. 파일이 있으면 새로 생긴 것도 보여요",
                "Only look, and show what a file that is there does not have yet",
            ),
        ),
    ] = False,
    force: Annotated[
        bool, Option("--force", help=both("있는 파일을 새로 써요 (.bak 을 남겨요)", "Write anew, keeping a .bak"))
    ] = False,
) -> None:
    """Look at a database read-only, and write its tables down as records that nobody sees yet."""
    terminal = desk.terminal
    wanted = _wanted(url, schema, only or [])
    there = out.exists()
    if there and not (dry_run or force):
        raise _exists(out, wanted)
    told = _look(terminal, wanted)
    changed = _difference(out, told, whole=not only) if there and dry_run else None
    source = _source(told, wanted, out, terminal)
    if terminal.as_json:
        terminal.data(_body(told, wanted, source if dry_run else None, changed, terminal))
    else:
        _show(terminal, told, wanted)
        if changed is not None:
            _show_difference(terminal, told, changed, out)
    if told.clashes:
        raise _clash(told)
    if dry_run:
        _say_nothing_written(terminal, wanted, out, there=there)
        return
    _write(out, source)
    _say_written(terminal, told, wanted, out)


def _wanted(url: str | None, schema: str | None, only: Sequence[str]) -> "Wanted":
    from daeri.adopt.survey import wanted_of  # noqa: PLC0415 - SQLAlchemy; nothing else of the command line needs it
    from daeri.records.looking import Unreadable  # noqa: PLC0415 - same

    text = url or os.environ.get(URL_VARIABLE)
    if not text:
        example = "daeri adopt sqlite:///erp.db --dry-run"
        raise Trouble(
            "usage",
            Words("어느 데이터베이스인지 알려 주세요", "Which database?"),
            fix=Words(f"이렇게 적어 주세요:  {example}", f"Write it like this:  {example}"),
            code=Code.USAGE,
        )
    try:
        return wanted_of(text, schema, only)
    except Unreadable as error:
        raise _unreadable(error) from None


def _look(terminal: Terminal, wanted: "Wanted") -> "Described":
    from daeri import app  # noqa: PLC0415 - with every part of Daeri, whose tables must be known
    from daeri.adopt.clashes import own_names  # noqa: PLC0415 - same
    from daeri.adopt.survey import survey  # noqa: PLC0415 - same
    from daeri.records.looking import Unreadable  # noqa: PLC0415 - same

    del app
    terminal.talk(
        Words(f"{wanted.place} 를 읽기 전용으로 봐요", f"Looking at {wanted.place}, read-only"),
    )
    try:
        with bars(terminal) as advance:

            def progress(part: "Text", done: int, total: int) -> None:
                advance(part.to(terminal.lang), done, total)

            return survey(wanted, own_names(), progress)
    except Unreadable as error:
        raise _unreadable(error) from None


def _unreadable(error: "Unreadable") -> Trouble:
    fixes = {
        "password": Words(
            "비밀번호는 주소에 쓰지 말고 PGPASSWORD 환경 변수나 ~/.pgpass 로 주세요",
            "Give the password by PGPASSWORD or ~/.pgpass, not in the address",
        ),
        "refused": Words("주소와 포트, 방화벽을 확인해 주세요", "Check the host, the port and the firewall"),
        "missing": Words(
            "파일 경로를 확인해 주세요. 절대 경로는 sqlite:////로 시작해요",
            "Check the path; an absolute one begins with sqlite:////",
        ),
        "url": Words(
            "예: sqlite:///erp.db, postgresql://reader@127.0.0.1/erp",
            "E.g. sqlite:///erp.db, postgresql://reader@127.0.0.1/erp",
        ),
    }
    return Trouble(
        "database-unreadable",
        Words("데이터베이스를 볼 수 없어요", "The database cannot be looked at"),
        why=Words(error.said.ko, error.said.en),
        fix=fixes.get(error.trouble),
        code=_CODES.get(error.trouble, Code.USAGE),
    )


def _exists(out: Path, wanted: "Wanted") -> Trouble:
    again = f"daeri adopt {wanted.typed} --out {out}"
    return Trouble(
        "file-exists",
        Words(
            f"{out} 이 이미 있어요. 고쳐 쓴 것을 지우지 않으려고 멈췄어요", f"{out} is there already, with your edits"
        ),
        fix=Words(
            f"새로 생긴 것만 보기:  {again} --diff   (새로 쓰기: --force)",
            f"See what is new:  {again} --diff   (write anew: --force)",
        ),
        code=Code.USAGE,
    )


def _clash(told: "Described") -> Trouble:
    names = ", ".join(told.clashes[:NAMES_SHOWN]) + ("…" if len(told.clashes) > NAMES_SHOWN else "")
    fix = Words(
        "같은 파일에 둘 수 없어요. 그 테이블의 이름을 바꾸거나 PostgreSQL로 옮겨 주세요",
        "Both do not fit in one file: rename those tables, or move to PostgreSQL",
    )
    if told.dialect == "postgresql":
        fix = Words(
            "Daeri에게 스키마를 따로 주세요:  CREATE SCHEMA daeri;  그리고 주소 뒤에 "
            "?options=-csearch_path%3Ddaeri 를 붙여  --schema public  으로 다시 해 주세요",
            "Give Daeri a schema of its own:  CREATE SCHEMA daeri;  then add ?options=-csearch_path%3Ddaeri to the "
            "address and adopt again with  --schema public",
        )
    return Trouble(
        "name-clash",
        Words("Daeri의 테이블과 이름이 겹쳐요", "Names clash with Daeri's own tables"),
        why=Words(names, names),
        fix=fix,
    )


def _difference(out: Path, told: "Described", *, whole: bool) -> "Difference":
    from daeri.adopt.compare import Unparsable, compare  # noqa: PLC0415 - as above

    try:
        found = compare(out.read_text(encoding="utf-8"), told)
    except (Unparsable, UnicodeDecodeError) as error:
        said = str(error)
        raise Trouble(
            "file-unreadable",
            Words(f"{out} 은 파이썬 파일이 아니에요", f"{out} is no Python file"),
            why=Words(said, said),
            code=Code.USAGE,
        ) from None
    if not whole:
        found.gone = []
    return found


def _source(told: "Described", wanted: "Wanted", out: Path, terminal: Terminal) -> str:
    from daeri.adopt.write import module  # noqa: PLC0415 - as above

    return module(told, name=wanted.name, place=wanted.place, file=out.stem, lang=terminal.lang)


def _write(out: Path, source: str) -> None:
    try:
        if out.exists():
            out.replace(out.with_name(out.name + ".bak"))
        out.write_text(source, encoding="utf-8")
    except OSError as error:
        said = str(error.strerror or error)
        raise Trouble(
            "file-unwritable", Words(f"{out} 에 쓰지 못했어요", f"{out} cannot be written"), why=Words(said, said)
        ) from None


def _body(
    told: "Described", wanted: "Wanted", source: str | None, changed: "Difference | None", terminal: Terminal
) -> dict[str, Any]:
    lang = terminal.lang
    body: dict[str, Any] = {
        "database": wanted.place,
        "records": [
            {
                "type": entry.kind,
                "class": entry.name,
                "table": entry.table.name,
                "view": entry.table.is_view,
                "rows": entry.rows,
                "more": entry.more,
                "key": list(entry.key),
                "personal": {field.name: field.guess.because.to(lang) for field in entry.fields if field.guess},
                "left_out": {column.name: why.to(lang) for column, why in entry.left_out},
                "notes": [note.to(lang) for note in entry.notes],
            }
            for entry in told.entries
        ],
        "unread": dict(told.unread),
        "skipped": list(told.skipped),
        "clashes": told.clashes,
    }
    if source is not None:
        body["module"] = source
    if changed is not None:
        body["difference"] = {
            "new": [entry.kind for entry in changed.new],
            "gone": [table for _, table in changed.gone],
            "new_fields": {name: [field.name for field in fields] for name, _, fields in changed.fields},
            "missing_fields": [list(pair) for pair in changed.missing],
            "changed_types": [list(each) for each in changed.changed],
        }
    return body


def _show(terminal: Terminal, told: "Described", wanted: "Wanted") -> None:
    views = sum(entry.table.is_view for entry in told.entries)
    relations = sum(len(entry.table.references) for entry in told.entries)
    personal = sum(len(entry.personal) for entry in told.entries)
    keyless = sum(not entry.key for entry in told.entries)
    tables = len(told.entries) - views
    terminal.tell(
        terminal.word(
            Words(
                f"{wanted.place}  테이블 {tables}개 · 뷰 {views}개 · 관계 {relations}개",
                f"{wanted.place}  {tables} tables · {views} views · {relations} relations",
            )
        ),
        "bold",
    )
    terminal.tell(
        terminal.word(
            Words(
                f"  개인정보로 보여서 숨긴 항목 {personal}개 · 키 없음 {keyless}개 · 못 읽음 {len(told.unread)}개",
                f"  {personal} personal-looking fields hidden · {keyless} without a key · {len(told.unread)} unread",
            )
        )
    )
    columns = [Words("기록", "record"), Words("행", "rows"), Words("키", "key"), Words("숨긴 항목", "hidden fields")]
    rows = [[entry.kind, _count(entry), _key(terminal, entry), _hidden(entry)] for entry in told.entries]
    terminal.table([terminal.word(column) for column in columns], rows, right=[1])
    for entry in told.entries:
        for note in entry.notes:
            terminal.warn(Words(f"{entry.kind}: {note.ko}", f"{entry.kind}: {note.en}"))
    for name, why in told.unread.items():
        terminal.warn(Words(f"{name}: 읽지 못해서 뺐어요 ({why})", f"{name}: unread and left out ({why})"))


def _count(entry: "Entry") -> str:
    if entry.rows is None:
        return "-"
    return f"{entry.rows:,}{'+' if entry.more else ''}"


def _key(terminal: Terminal, entry: "Entry") -> str:
    return " ~ ".join(entry.key) or terminal.word(Words("없음", "none"))


def _hidden(entry: "Entry") -> str:
    names = [field.name for field in entry.personal]
    more = len(names) - PERSONAL_SHOWN
    return ", ".join(names[:PERSONAL_SHOWN]) + (f" +{more}" if more > 0 else "")


def _show_difference(terminal: Terminal, told: "Described", changed: "Difference", out: Path) -> None:
    from daeri.adopt.write import class_of, field_of  # noqa: PLC0415 - as above

    if changed.is_empty:
        terminal.tell(terminal.word(Words(f"{out} 과 다른 것이 없어요", f"Nothing differs from {out}")))
        return
    terminal.tell(terminal.word(Words(f"{out} 과 다른 것:", f"What differs from {out}:")), "bold")
    for name, table in changed.gone:
        terminal.tell("- " + terminal.word(Words(f"{name}: {table} 이 없어졌어요", f"{name}: {table} is gone")))
    for name, column in changed.missing:
        terminal.tell("- " + terminal.word(Words(f"{name}.{column} 열이 없어졌어요", f"{name}.{column} is gone")))
    for name, field, before, now in changed.changed:
        terminal.tell(f"~ {name}.{field}: {before} → {now}")
    for name, _, fresh in changed.fields:
        terminal.tell("+ " + terminal.word(Words(f"{name} 에 더할 것:", f"To add to {name}:")))
        for each in fresh:
            for line in field_of(each, told, terminal.lang):
                terminal.tell(line)
    for entry in changed.new:
        terminal.tell("+ " + terminal.word(Words(f"새 기록 {entry.kind}:", f"A new record, {entry.kind}:")))
        for line in class_of(entry, told, terminal.lang):
            terminal.tell(line)


def _say_nothing_written(terminal: Terminal, wanted: "Wanted", out: Path, *, there: bool) -> None:
    terminal.talk(Words("아무것도 쓰지도 열지도 않았어요.", "Nothing was written, nothing was opened."))
    if not there:
        terminal.next(f"daeri adopt {wanted.typed} --out {out}")


def _say_written(terminal: Terminal, told: "Described", wanted: "Wanted", out: Path) -> None:
    count = len(told.entries)
    terminal.talk(
        Words(
            f"{out} 을 썼어요. 기록 {count}개 모두 아무에게도 열려 있지 않아요 (규칙을 써야 열려요).",
            f"Wrote {out}. All {count} records are closed to everybody until you write rules.",
        )
    )
    if told.dialect == "sqlite":
        terminal.talk(
            Words(
                "서버를 켜면 같은 파일에 Daeri의 테이블이 더해지고 WAL 방식으로 열려요. 있던 테이블은 바뀌지 않아요.",
                "When served, Daeri's tables are added to the same file, opened in WAL mode; yours stay as they are.",
            ),
            "dim",
        )
    if out.parent != Path():
        terminal.next(f"cd {out.parent}")
    chosen = f"{out.stem}:company"
    terminal.next(f"daeri policy lint --company {chosen}", Words("규칙이 없는 기록", "Records without a rule"))
    terminal.next(f"export {URL_VARIABLE}='{wanted.typed}' DAERI_COMPANY={chosen}", Words("서버 켜기", "Serve it"))
    terminal.talk("      daeri user add admin --name 관리자 --role admin --password && daeri serve", "dim")
