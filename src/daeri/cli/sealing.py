"""How does the audit prove itself to somebody else, and how does it get shorter? Its key, notes, exports, prunings."""

import getpass
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

from typer import Option, Typer, confirm

from daeri.cli.command import Desk, command
from daeri.cli.trouble import Code, Trouble
from daeri.cli.words import Words, both

AROUND: Final = 500
"""Rows before and after the one that `export --around` names."""

OutOption = Annotated[Path, Option("--out", metavar="FILE", help=both("쓸 파일", "The file to write"))]
TimeOption = Annotated[str | None, Option(metavar="TIME", help=both("시각이나 날짜", "A time or a day"))]


def add_to(audit: Typer) -> None:
    """Declare the commands."""
    command(
        audit, "export", both("검증할 수 있는 파일로 내보내요", "Write rows to a file that verifies"), speaks=False
    )(export)
    command(audit, "key", both("서명을 확인할 공개 키", "The public key that checks signatures"), speaks=False)(key)
    command(audit, "note", both("지금 끝을 서명해서 보여 줘요", "Sign the present end and show it"), speaks=False)(note)
    command(audit, "accept", both("되돌린 백업을 쓰기로 해요", "Go on with a restored backup"), speaks=False)(accept)
    command(audit, "prune", both("보관 기간이 지난 기록을 지워요", "Take old rows away"), speaks=False)(prune)


def export(
    desk: Desk,
    out: OutOption,
    since: TimeOption = None,
    until: TimeOption = None,
    around: Annotated[
        int | None, Option("--around", min=1, metavar="ROW", help=both("이 번호의 앞뒤", "The rows round this one"))
    ] = None,
) -> None:
    """Write rows as JSON lines, with the notes and a signed end; verify_audit.py checks such a file by itself."""
    from daeri.cli import chain  # noqa: PLC0415 - opens the database; talking commands never do
    from daeri.records.exporting import Range  # noqa: PLC0415 - same
    from daeri.records.inquiry import Inquiry, instant_of  # noqa: PLC0415 - same

    terminal = desk.terminal
    with chain.troubles():
        rows = Inquiry(since=instant_of(since, "since"), until=instant_of(until, "until"))
        told = chain.export(desk.place, out, Range(around - AROUND, around + AROUND) if around else rows)
    if terminal.as_json:
        terminal.data(told)
        return
    said = Words(
        f"기록 {told['rows']:,}개를 {out} 에 썼어요 ({told['first']:,}~{told['last']:,}번)",
        f"Wrote {told['rows']:,} rows to {out} (rows {told['first']:,} to {told['last']:,})",
    )
    terminal.tell(terminal.word(said))
    from daeri import verify_audit  # noqa: PLC0415 - only its place is told

    trusted = f" --key {told['public_key']}" if told["public_key"] else ""
    terminal.next(f"python {verify_audit.__file__} {out}{trusted}")


def key(
    desk: Desk,
    *,
    rotate: Annotated[
        bool, Option("--rotate", help=both("새 키로 넘겨요 (앞 키가 서명해요)", "Hand on to a new key"))
    ] = False,
    replace_lost: Annotated[
        bool,
        Option("--replace-lost", help=both("잃어버린 키를 새 키로 바꿔요", "Put a new key in place of a lost one")),
    ] = False,
) -> None:
    """Show the public key, by which anybody can check what was signed; keep it where the server cannot change it."""
    from daeri.cli import accounts  # noqa: PLC0415 - opens the data; talking commands never do

    terminal = desk.terminal

    async def work(daeri: Any) -> dict[str, Any]:
        if rotate or replace_lost:
            made = await daeri.anchors.rotate(lost=replace_lost)
            return {"key": made.id, "public_key": made.public}
        return {"key": daeri.anchors.key_id, "public_key": daeri.anchors.public}

    told = accounts.on(desk.place, work)
    if told["public_key"] is None:
        raise Trouble(
            "no-key",
            Words("아직 서명 키가 없어요", "There is no signing key yet"),
            fix=Words("서버를 한 번 켜면 만들어져요:  daeri serve", "The server makes it when it starts:  daeri serve"),
        )
    if terminal.as_json:
        terminal.data(told)
        return
    terminal.tell(f"{told['key']}\n{told['public_key']}")
    terminal.talk(
        Words(
            "  위는 키 이름, 아래는 공개 키예요. 이 서버 밖에 적어 두세요",
            "  The key's name, and the public key. Keep them somewhere outside this server",
        ),
        "dim",
    )


def note(desk: Desk) -> None:
    """Sign the hash of the newest row and print it; a line kept on paper or in a mail proves every row before it."""
    from daeri.cli import accounts  # noqa: PLC0415 - opens the data; talking commands never do

    async def work(daeri: Any) -> Mapping[str, Any] | None:
        await daeri.anchors.open()
        told: Mapping[str, Any] | None = daeri.anchors.last()
        return told

    desk.terminal.tell(json.dumps(accounts.on(desk.place, work), sort_keys=True))


def accept(desk: Desk) -> None:
    """Go on with a database that is older than its notes, after a backup was restored; it is on record from then on."""
    from daeri.cli import accounts  # noqa: PLC0415 - opens the data; talking commands never do

    terminal = desk.terminal
    moved = accounts.on(desk.place, lambda daeri: daeri.anchors.accept())
    if terminal.as_json:
        terminal.data({"moved": [str(path) for path in moved]})
        return
    kept = ", ".join(map(str, moved)) or "-"
    terminal.tell(
        terminal.word(Words(f"기록했어요. 전의 서명은 여기 있어요: {kept}", f"On record. The notes before: {kept}"))
    )


def prune(
    desk: Desk,
    *,
    dry_run: Annotated[bool, Option("--dry-run", help=both("무엇이 지워질지만", "Only tell what would go"))] = False,
    archive: Annotated[
        Path | None, Option("--archive", metavar="FILE", help=both("먼저 여기에 내보내요", "Export them here first"))
    ] = None,
    yes: Annotated[bool, Option("--yes", "-y", help=both("묻지 않고", "Do not ask"))] = False,
) -> None:
    """Take away rows that were kept long enough; what goes is on record, and the rest still verifies."""
    from daeri.cli import accounts, chain, proving  # noqa: PLC0415 - opens the data; talking commands never do
    from daeri.cli.company import settings_of  # noqa: PLC0415 - same
    from daeri.errors import BrokenChain  # noqa: PLC0415 - same
    from daeri.records.exporting import Range  # noqa: PLC0415 - same

    terminal, settings = desk.terminal, settings_of(desk.place)

    async def look(daeri: Any) -> Any:
        await daeri.audit_log.prove()
        return await daeri.audit_log.prunable(settings.audit_keep_days, settings.audit_keep_rights_days)

    try:
        planned = accounts.on(desk.place, look)
    except BrokenChain as broken:  # what does not verify is evidence
        raise proving.broken_trouble(terminal, broken, broken.row) from None
    told = {name: getattr(planned, name) for name in ("first", "last", "rows", "since", "until", "held_by")}
    told["why"] = terminal.word(Words(planned.why.ko, planned.why.en))
    if not planned.rows or dry_run:
        _say_plan(desk, told, done=False)
        return
    if not yes:
        _ask(desk, told)
    if archive is not None:
        chain.export(desk.place, archive, Range(planned.first, planned.last))
    accounts.on(desk.place, lambda daeri: daeri.audit_log.prune(planned, getpass.getuser()))
    _say_plan(desk, told, done=True)


def _ask(desk: Desk, told: Mapping[str, Any]) -> None:
    if not sys.stdin.isatty():
        raise Trouble(
            "usage",
            Words("지우려면 --yes 를 붙여 주세요", "Say --yes to take them away"),
            fix=Words("먼저 보기:  daeri audit prune --dry-run", "Look first:  daeri audit prune --dry-run"),
            code=Code.USAGE,
        )
    question = Words(f"기록 {told['rows']:,}개를 지울까요?", f"Take {told['rows']:,} rows away?")
    if not confirm(desk.terminal.word(question), err=True):
        raise Trouble("stopped", Words("지우지 않았어요", "Nothing was taken away"))


def _say_plan(desk: Desk, told: dict[str, Any], *, done: bool) -> None:
    terminal = desk.terminal
    if terminal.as_json:
        terminal.data({"pruned": done, **told})
        return
    if not told["rows"]:
        terminal.tell(terminal.word(Words("지울 기록이 없어요", "There is nothing to take away")))
    else:
        rows, first, last = f"{told['rows']:,}", f"{told['first']:,}", f"{told['last']:,}"
        gone = Words(f"지웠어요: {first}~{last}번, {rows}개", f"Gone: rows {first} to {last} ({rows})")
        would = Words(f"지워질 기록: {first}~{last}번, {rows}개", f"Would go: rows {first} to {last} ({rows})")
        terminal.tell(terminal.word(gone if done else would))
        terminal.talk(f"  {told['since']} ~ {told['until']}", "dim")
    held = f"{told['held_by']:,}"
    terminal.talk(
        Words(f"  {held}번부터는 남아요: {told['why']}", f"  Row {held} and on stay: {told['why']}")
        if told["held_by"]
        else Words(f"  {told['why']}", f"  {told['why']}"),
        "dim",
    )
    if told["rows"] and not done:
        terminal.next("daeri audit prune --archive FILE --yes")
