"""Are the tables those of this version, and how do they become so? `daeri migrate` and `daeri migrate --check`.

A server does the same when it starts; this is for whoever wants it done, or known, before that.
"""

from typing import TYPE_CHECKING, Annotated, Any, Final

from typer import Exit, Option, Typer

from daeri.cli.command import Desk, command
from daeri.cli.trouble import Code
from daeri.cli.words import Words, both

if TYPE_CHECKING:
    from daeri.cli.tables import Part, State

PARTS: Final = {"daeri_version": Words("Daeri", "Daeri"), "company_version": Words("회사", "the company")}


def add_to(app: Typer) -> None:
    """Declare the command."""
    words = both("데이터베이스 테이블을 새 판에 맞춰요", "Bring the database's tables to this version")
    epilog = both(
        "--check 의 종료 코드: 0 맞음, 1 할 일이 있음, 5 선언과 다르거나 더 새 판의 것, 6 연결 안 됨",
        "Exit codes of --check: 0 as they should be, 1 something to do, 5 not as declared or newer, 6 not reached",
    )
    command(app, "migrate", words, speaks=False, epilog=epilog)(migrate)


def migrate(
    desk: Desk,
    company: Annotated[
        str | None,
        Option(
            "--company",
            metavar="MODULE:CALLABLE",
            help=both("회사 정의 (DAERI_COMPANY)", "The company (DAERI_COMPANY)"),
        ),
    ] = None,
    *,
    check: Annotated[
        bool, Option("--check", help=both("살펴보기만 하고 종료 코드로 알려요", "Only look, and tell by the exit code"))
    ] = False,
) -> None:
    """Carry out the migrations that are still to come."""
    from daeri.cli import tables  # noqa: PLC0415 - opens the database; talking commands never do

    terminal = desk.terminal
    before = tables.state_of(desk.place, company)
    after = before if check or before.is_current else tables.migrated(desk.place, company)
    if terminal.as_json:
        terminal.data(_body(before, after, check=check))
    else:
        _say(desk, before, after, check=check)
    code = _code(after)
    if code:
        raise Exit(code)


def _code(state: "State") -> Code | None:
    if state.is_newer or (state.lacking and not state.missing):
        return Code.NOT_VERIFIED
    return Code.FAILED if state.missing else None


def _say(desk: Desk, before: "State", after: "State", *, check: bool) -> None:
    terminal = desk.terminal
    terminal.talk(Words(f"데이터베이스: {after.where}", f"Database: {after.where}"))
    for part in before.parts:
        name = PARTS[part.name]
        for revision in part.missing:
            sign, style = ("!", "yellow") if check else ("✓", "green")
            terminal.tell(f"{sign} {terminal.word(name)} {revision.name}  {revision.message}", style)
        if part.unknown:
            newer = ", ".join(part.unknown)
            terminal.tell(
                terminal.word(
                    Words(
                        f"✗ {name.ko}: 더 새 판이 만든 개정 {newer} 이 있어요. 그 판이나 더 새 판으로 켜 주세요",
                        f"✗ {name.en}: a newer version made revision {newer}: run that version or a newer one",
                    )
                ),
                "red",
            )
    for named in after.lacking if not after.missing else ():
        terminal.tell(
            terminal.word(Words(f"✗ 선언했지만 없어요: {named}", f"✗ Declared, but not there: {named}")), "red"
        )
    if after.is_current:
        at = ", ".join(f"{terminal.word(PARTS[part.name])} {part.at}" for part in after.parts)
        terminal.tell(
            terminal.word(Words(f"✓ 테이블이 이 판에 맞아요 ({at})", f"✓ The tables are current ({at})")), "green"
        )
    elif after.missing:
        terminal.next("daeri migrate")


def _body(before: "State", after: "State", *, check: bool) -> dict[str, Any]:
    done = [] if check else [_named(part) for part in before.parts if part.missing]
    return {
        "database": after.where,
        "current": after.is_current,
        "parts": [_named(part) | {"at": part.at, "unknown": list(part.unknown)} for part in after.parts],
        "applied": done,
        "lacking": after.lacking,
    }


def _named(part: "Part") -> dict[str, Any]:
    missing = [{"revision": one.name, "message": one.message} for one in part.missing]
    return {"name": part.name.removesuffix("_version"), "missing": missing}
