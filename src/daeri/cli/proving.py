"""How does a person see and prove what happened? `audit tail` and `audit verify`, from the file, without a server."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

from typer import Exit, Option, Typer

from daeri.cli.command import Desk, command, group
from daeri.cli.terminal import Terminal
from daeri.cli.trouble import Code, Trouble
from daeri.cli.words import Words, both

SHOWN: Final = 3
"""Records a line names; the row itself has all of them."""
POLL_SECONDS: Final = 1.0
COLUMNS: Final = (
    Words("번호", "row"),
    Words("언제", "when"),
    Words("누가", "who"),
    Words("무엇을", "action"),
    Words("결과", "outcome"),
    Words("기록", "records"),
)


def add_to(app: Typer) -> Typer:
    """Declare the commands; return their group."""
    audit = group(app, "audit", both("감사 기록: 보기, 검증, 내보내기", "The audit log: look, prove, export"))
    command(audit, "tail", both("최근 기록", "The newest rows"), speaks=False)(tail)
    command(audit, "verify", both("바뀐 기록이 없는지 확인해요", "Prove that no row was changed"), speaks=False)(verify)
    return audit


def tail(
    desk: Desk,
    limit: Annotated[int, Option("--limit", "-n", min=0, max=1000, help=both("몇 개", "How many"))] = 20,
    *,
    follow: Annotated[
        bool, Option("--follow", "-f", help=both("새 기록이 생기면 이어서 보여 줘요", "Go on as rows are written"))
    ] = False,
    since: Annotated[
        str | None, Option("--since", metavar="TIME", help=both("이때부터 (2026-11-21)", "From then on (2026-11-21)"))
    ] = None,
    person: Annotated[
        str | None,
        Option(
            "--person", metavar="WHO", help=both("누구의 데이터 (번호, 아이디, 이름)", "Whose data: id, login, name")
        ),
    ] = None,
    actor: Annotated[str | None, Option("--by", metavar="WHO", help=both("누가 한 일", "Who acted"))] = None,
    everything: Annotated[
        bool, Option("--all", help=both("서명 기록도 함께", "With Daeri's own signed notes"))
    ] = False,
) -> None:
    """Show the newest rows, the last one at the end."""
    from daeri.cli import chain  # noqa: PLC0415 - opens the database; talking commands never do
    from daeri.records.inquiry import Inquiry, instant_of  # noqa: PLC0415 - same

    with chain.troubles():
        asked = Inquiry(since=instant_of(since, "since"), notes=everything)
        rows = chain.Tail(desk.place, asked, person, actor)
        shown = rows.newest(limit)
        if not follow:
            _show(desk.terminal, shown)
            return
        while True:
            _stream(desk.terminal, shown)
            time.sleep(POLL_SECONDS)
            shown = rows.following()


def _show(terminal: Terminal, rows: Sequence[Mapping[str, Any]]) -> None:
    if terminal.as_json:
        terminal.data({"data": rows})
        return
    terminal.table([terminal.word(column) for column in COLUMNS], [_cells(terminal, row) for row in rows], right=(0,))
    terminal.next("daeri audit verify")


def _stream(terminal: Terminal, rows: Sequence[Mapping[str, Any]]) -> None:
    for row in rows:
        if terminal.as_json:
            terminal.tell(json.dumps(row, ensure_ascii=False))
        else:
            terminal.tell("  ".join(map(str, _cells(terminal, row))))


def _cells(terminal: Terminal, row: Mapping[str, Any]) -> list[Any]:
    who = row["who"] + (f" ({row['agent']})" if row["agent"] else "")
    records = _records(row["records"])
    return [row["seq"], _when(terminal, row["at"]), who, row["action"], row["outcome"], records]


def verify(
    desk: Desk,
    public_key: Annotated[
        str | None,
        Option("--public-key", metavar="HEX", help=both("믿을 공개 키 (audit key)", "The key to trust (audit key)")),
    ] = None,
    copies: Annotated[
        list[Path] | None,
        Option("--copy", metavar="FILE", help=both("다른 곳에 둔 서명 사본", "A copy of the notes, kept elsewhere")),
    ] = None,
) -> None:
    """Check every row's hash and the signed notes; exit 5 and name the first row that does not fit."""
    from daeri.cli import chain  # noqa: PLC0415 - opens the database; talking commands never do
    from daeri.errors import BrokenChain, NotReady  # noqa: PLC0415 - same

    terminal = desk.terminal
    try:
        with _bar(terminal) as progress:
            proof = chain.verified(desk.place, progress, public_key, copies or ())
    except BrokenChain as broken:
        trouble = broken_trouble(terminal, broken, chain.row_of(desk.place, broken.seq) or broken.row)
        if not terminal.as_json:
            raise trouble from None
        # The verdict is what was asked for, so it is data, not talk.
        terminal.data(trouble.body)
        raise Exit(trouble.code) from None
    except NotReady as error:
        raise Trouble(
            "no-data",
            Words("감사 기록을 읽지 못했어요", "The audit log cannot be read"),
            why=Words(error.detail.ko, error.detail.en),
            fix=Words(f"파일을 확인해 주세요: {desk.place.folder()}", f"Look at the files in: {desk.place.folder()}"),
        ) from None
    if terminal.as_json:
        told = {"first": proof.first, "last": proof.last, "last_hash": proof.hash, "signed_to": proof.noted}
        terminal.data({"verified": True, "rows": proof.rows, **told, "keys": list(proof.keys)})
        return
    said = Words(f"✓ 기록 {proof.rows:,}개가 모두 그대로예요", f"✓ All {proof.rows:,} rows are as they were written")
    terminal.tell(terminal.word(said), "green")
    # What was written after the last note could be cut off unseen; whoever keeps this hash can tell.
    terminal.talk(
        Words(
            f"  {proof.noted:,}번까지 서명됨 · 마지막 해시 {proof.hash}",
            f"  signed to row {proof.noted:,} · last hash {proof.hash}",
        ),
        "dim",
    )


def broken_trouble(terminal: Terminal, broken: Any, row: Mapping[str, Any]) -> Trouble:
    """Name the row: its number, when, what, which record."""
    at, action = _when(terminal, row.get("at")), row.get("action") or "-"
    records = _records(row.get("records")) or "-"
    named = f"{at}, {action}, {records}"
    looked = f"daeri audit export --around {broken.seq} --out FILE"
    body = {
        "code": "audit-broken",
        "verified": False,
        "row": broken.seq,
        "at": row.get("at"),
        "action": action,
        "records": row.get("records"),
        "reason": broken.reason.to(terminal.lang),
    }
    return Trouble(
        "audit-broken",
        Words(f"{broken.seq:,}번째 기록이 바뀌었어요 ({named})", f"Row {broken.seq:,} was changed ({named})"),
        why=Words(broken.reason.ko, broken.reason.en),
        fix=Words(
            f"서버를 멈추고 데이터 폴더의 사본을 남긴 뒤  {looked}",
            f"Stop the server, keep a copy of the data folder, then  {looked}",
        ),
        code=Code.NOT_VERIFIED,
        body=body,
    )


@contextmanager
def _bar(terminal: Terminal) -> Iterator[Callable[[int, int], None]]:
    if not terminal.is_live:
        yield lambda _done, _total: None
        return
    from rich.progress import (  # noqa: PLC0415 - only where a bar is shown
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    label = terminal.word(Words("해시 사슬 확인", "Checking the chain"))
    columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=terminal.talk_console) as bars:
        task = bars.add_task(label, total=None)
        yield lambda done, total: bars.update(task, completed=min(done, total), total=total)


def _when(terminal: Terminal, at: Any) -> str:
    """Word the time of a row; a forged one is shown as it is."""
    try:
        datetime.fromisoformat(str(at))
    except ValueError:
        return str(at)
    return terminal.when(str(at))


def _records(found: Any) -> str:
    """Write the records of a row as type#id; a forged cell as it is."""
    try:
        listed = json.loads(found) if isinstance(found, str) else found
        named = [f"{kind}#{_number(key)}" for kind, key in listed or []]
    except (ValueError, TypeError, KeyError):
        return str(found)
    return ", ".join(named[:SHOWN]) + (f" +{len(named) - SHOWN}" if len(named) > SHOWN else "")


def _number(key: Any) -> str:
    return f"{key['from']}-{key['to']}" if isinstance(key, dict) else str(key)
