"""How does a person look after what they talked about? `session list|show|rename|delete|fork`."""

from typing import Annotated, Any

from typer import Argument, Option, Typer

from daeri.cli.asking import LimitOption
from daeri.cli.command import Desk, command, group
from daeri.cli.finding import found, short
from daeri.cli.words import RUN_STATUS, Words, both

SessionArgument = Annotated[
    str,
    Argument(
        metavar="SESSION", help=both("대화 번호나 그 앞부분·뒷부분", "A conversation's id, or how it begins or ends")
    ),
]


def add_to(app: Typer) -> None:
    """Declare the commands."""
    sessions = group(
        app,
        "session",
        both("대화: 목록, 찾기, 이름, 지우기, 갈라지기", "Conversations: list, search, rename, delete, fork"),
    )
    command(sessions, "list", both("내 대화, 또는 그 말이 나온 대화", "My conversations, or those that hold words"))(
        list_sessions
    )
    command(sessions, "show", both("오간 말", "What was said"))(show)
    command(sessions, "rename", both("제목을 바꿔요", "Give it another title"))(rename)
    command(sessions, "delete", both("지워요", "Delete it"))(delete)
    command(sessions, "fork", both("여기까지를 베껴 새 대화를 시작해요", "Begin a new one with a copy of it"))(fork)


def list_sessions(
    desk: Desk,
    words: Annotated[list[str] | None, Argument(metavar="WORDS", help=both("찾을 말", "Words to look for"))] = None,
    limit: LimitOption = 20,
) -> None:
    """List the person's conversations, the last used first."""
    terminal = desk.terminal
    page = desk.api.get("/v1/conversations", [("limit", str(limit)), *(("q", " ".join(words)) for _ in [0] if words)])
    if terminal.as_json:
        terminal.data(page)
        return
    if not page["data"]:
        terminal.talk(Words("그런 대화가 없어요", "No such conversation"))
        return
    columns = [Words("대화", "session"), Words("언제", "when"), Words("차례", "turns"), Words("제목", "title")]
    rows = [
        [short(each["session_id"]), terminal.when(each["used_at"]), each["turns"], _titled(each)]
        for each in page["data"]
    ]
    terminal.table([terminal.word(column) for column in columns], rows, (2,))
    terminal.next(f"daeri session show {short(page['data'][0]['session_id'])}")


def show(desk: Desk, session: SessionArgument) -> None:
    """Show the turns of a conversation that are in its context."""
    terminal, session_id = desk.terminal, _found(desk, session)
    body = desk.api.get(f"/v1/conversations/{session_id}")
    runs, cursor = list[dict[str, Any]](), None
    while True:
        query = [("session_id", session_id), ("limit", "100"), *((("cursor", cursor),) if cursor else ())]
        page = desk.api.get("/v1/runs", query)
        runs += page["data"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    if terminal.as_json:
        terminal.data(body | {"runs": runs})
        return
    terminal.tell(body["title"])
    for run in runs:
        if run["replaced_by"] is None:
            terminal.tell(f"\n{short(run['run_id'])} ▸ {run['input']}")
            terminal.tell(run["answer"] or f"({terminal.word(RUN_STATUS[run['status']])})")
    terminal.next(f'daeri ask --session {session_id} "…"')


def rename(
    desk: Desk,
    session: SessionArgument,
    title: Annotated[list[str], Argument(metavar="TITLE", help=both("새 제목", "The new title"))],
) -> None:
    """Give a conversation another title."""
    body = desk.api.patch(f"/v1/conversations/{_found(desk, session)}", {"title": " ".join(title)})
    if desk.terminal.as_json:
        desk.terminal.data(body)
        return
    desk.terminal.tell(body["title"])


def delete(desk: Desk, session: SessionArgument) -> None:
    """Delete a conversation; documents that it filed stay with their approvers."""
    session_id = _found(desk, session)
    desk.api.delete(f"/v1/conversations/{session_id}")
    if desk.terminal.as_json:
        desk.terminal.data({"session_id": session_id, "deleted": True})
        return
    desk.terminal.talk(Words("지웠어요", "Deleted"))


def fork(
    desk: Desk,
    session: SessionArgument,
    until: Annotated[
        str | None, Option("--until", metavar="RUN", help=both("여기까지 베껴요", "The last turn to copy"))
    ] = None,
) -> None:
    """Begin a conversation with a copy of another one's turns."""
    session_id = _found(desk, session)
    wanted = {"run_id": _turn(desk, session_id, until)} if until else {}
    body = desk.api.post(f"/v1/conversations/{session_id}/fork", wanted).body
    if desk.terminal.as_json:
        desk.terminal.data(body)
        return
    desk.terminal.next(f'daeri ask --session {body["session_id"]} "…"')


def _titled(conversation: dict[str, Any]) -> str:
    excerpt = conversation["found"]
    return f"{conversation['title']}  ({excerpt['text']})" if excerpt else str(conversation["title"])


def _found(desk: Desk, named: str) -> str:
    what, lists = Words("대화", "conversation"), [("/v1/conversations", [("limit", "100")])]
    return str(found(desk, named, what, ("session_id",), lists, again="daeri session list")["session_id"])


def _turn(desk: Desk, session_id: str, named: str) -> str:
    lists = [("/v1/runs", [("limit", "100"), ("session_id", session_id)])]
    again = f"daeri session show {short(session_id)}"
    return str(found(desk, named, Words("실행", "run"), ("run_id",), lists, again=again)["run_id"])
