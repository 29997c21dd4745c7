"""How does a person see and prove what happened? `audit tail` and `audit verify`, from the file, without a server."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any, Final

from typer import Exit, Option, Typer

from daeri.cli.command import Desk, command, group
from daeri.cli.terminal import Terminal
from daeri.cli.trouble import Code, Trouble
from daeri.cli.words import Words, both

SHOWN: Final = 3
"""Records a line names; the row itself has all of them."""


def add_to(app: Typer) -> None:
    """Declare the commands."""
    audit = group(app, "audit", both("감사 기록: 보기, 검증", "The audit log: look, prove"))
    command(audit, "tail", both("최근 기록", "The newest rows"), speaks=False)(tail)
    command(audit, "verify", both("바뀐 기록이 없는지 확인해요", "Prove that no row was changed"), speaks=False)(verify)


def tail(
    desk: Desk, limit: Annotated[int, Option("--limit", "-n", min=1, max=1000, help=both("몇 개", "How many"))] = 20
) -> None:
    """Show the newest rows, the last one at the end."""
    from daeri.cli import chain  # noqa: PLC0415 - opens the database; talking commands never do
    from daeri.cli.company import company_of  # noqa: PLC0415 - same

    terminal = desk.terminal
    rows = chain.tail(desk.place.database(), company_of(None).people, limit)
    if terminal.as_json:
        terminal.data({"data": rows})
        return
    columns = [
        Words("번호", "row"),
        Words("언제", "when"),
        Words("누가", "who"),
        Words("무엇을", "action"),
        Words("결과", "outcome"),
        Words("기록", "records"),
    ]
    table = [
        [
            row["seq"],
            _when(terminal, row["at"]),
            row["who"] + (f" ({row['agent']})" if row["agent"] else ""),
            row["action"],
            row["outcome"],
            _records(row["records"]),
        ]
        for row in rows
    ]
    terminal.table([terminal.word(column) for column in columns], table, right=(0,))
    terminal.next("daeri audit verify")


def verify(desk: Desk) -> None:
    """Check every row's hash; exit 5 and name the first row that does not fit."""
    from daeri.cli import chain  # noqa: PLC0415 - opens the database; talking commands never do
    from daeri.errors import BrokenChain, NotReady  # noqa: PLC0415 - same

    terminal, database = desk.terminal, desk.place.database()
    try:
        with _bar(terminal) as progress:
            total, seal = chain.verified(database, progress)
    except BrokenChain as broken:
        trouble = _broken(terminal, broken, chain.row_of(database, broken.seq) or broken.row)
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
            fix=Words(f"파일을 확인해 주세요: {database}", f"Look at the file: {database}"),
        ) from None
    if terminal.as_json:
        terminal.data({"verified": True, "rows": total, "last_hash": seal})
        return
    terminal.tell(
        terminal.word(Words(f"✓ 기록 {total:,}개가 모두 그대로예요", f"✓ All {total:,} rows are as they were written")),
        "green",
    )
    # Rows cut off at the end leave a chain that is whole; whoever kept this hash can tell.
    terminal.talk(Words(f"  마지막 해시 {seal}", f"  last hash {seal}"), "dim")


def _broken(terminal: Terminal, broken: Any, row: Mapping[str, Any]) -> Trouble:
    """Name the row: its number, when, what, which record."""
    at, action = _when(terminal, row.get("at")), row.get("action") or "-"
    records = _records(row.get("records")) or "-"
    named = f"{at}, {action}, {records}"
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
            "서버를 멈추고 데이터 폴더의 사본을 남긴 뒤 백업과 비교해 주세요",
            "Stop the server, keep a copy of the data folder, then compare with a backup",
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
        named = [f"{kind}#{key}" for kind, key in listed or []]
    except (ValueError, TypeError):
        return str(found)
    return ", ".join(named[:SHOWN]) + (f" +{len(named) - SHOWN}" if len(named) > SHOWN else "")
