"""How does a person bring documents in, find and remove them? `docs add`, `docs list`, `docs search`, `docs remove`.

Files go through the API like a browser's: whose key it is, decides. A folder is sent with all below it; with --watch
the command stays and sends what changes.
"""

import mimetypes
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

from typer import Argument, Exit, Option, Typer

from daeri.cli.command import Desk, command, group
from daeri.cli.terminal import Terminal
from daeri.cli.trouble import Code, Trouble
from daeri.cli.words import Words, both

LEVELS: Final = ("public", "internal", "confidential", "secret")
WATCH_SECONDS: Final = 2.0
WAIT_SECONDS: Final = 25
TEXT_SHOWN: Final = 300
SUFFIXES: Final = frozenset(
    {".pdf", ".docx", ".docm", ".xlsx", ".xlsm", ".pptx", ".pptm", ".hwp", ".hwpx", ".html", ".htm", ".md"}
    | {".markdown", ".txt", ".csv", ".tsv", ".eml", ".doc", ".xls", ".ppt"}
)

FolderOption = Annotated[
    str, Option("--folder", metavar="FOLDER", help=both("회사의 폴더, 예: 규정/인사", "Folder of the company"))
]
LevelOption = Annotated[
    str,
    Option("--level", metavar="LEVEL", help=both(f"보안 등급: {', '.join(LEVELS)}", f"Level: {', '.join(LEVELS)}")),
]


def add_to(app: Typer) -> None:
    """Declare the commands."""
    docs = group(app, "docs", both("문서: 올리기, 목록, 찾기, 지우기", "Documents: add, list, search, remove"))
    command(docs, "add", both("파일이나 폴더를 올려요", "Add files or folders"))(add)
    command(docs, "list", both("내가 볼 수 있는 문서", "Documents that I may see"))(list_documents)
    command(docs, "search", both("문서에서 찾아요", "Search the documents"))(search)
    command(docs, "remove", both("문서를 지워요", "Remove a document"))(remove)


def add(
    desk: Desk,
    paths: Annotated[list[Path], Argument(metavar="PATH...", help=both("파일이나 폴더", "Files or folders"))],
    folder: FolderOption = "",
    level: LevelOption = "confidential",
    department: Annotated[
        str | None, Option("--department", metavar="NAME", help=both("소관 부서", "Department it belongs to"))
    ] = None,
    *,
    watch: Annotated[
        bool, Option("--watch", help=both("바뀌는 파일을 계속 올려요", "Stay, and send what changes"))
    ] = False,
) -> None:
    """Send files, and wait until they can be found."""
    terminal = desk.terminal
    if level not in LEVELS:
        raise Trouble(
            "usage",
            Words(f"그런 등급은 없어요: {level}", f"No such level: {level}"),
            fix=Words(f"{', '.join(LEVELS)} 가운데 하나", f"One of {', '.join(LEVELS)}"),
            code=Code.USAGE,
        )
    sent: dict[Path, float] = {}
    fields = {"level": level} | ({"department": department} if department else {})
    bad, runs = _send_all(desk, paths, folder, fields, sent)
    if terminal.as_json:
        terminal.data({"data": runs})
    while watch:
        time.sleep(WATCH_SECONDS)
        _send_all(desk, paths, folder, fields, sent)
    if bad:
        raise Exit(Code.FAILED)
    if runs:
        terminal.next('daeri docs search "…"')


def _send_all(
    desk: Desk, paths: Sequence[Path], folder: str, fields: dict[str, str], sent: dict[Path, float]
) -> tuple[int, list[dict[str, Any]]]:
    """Send what was not sent yet as it is now; return how many could not be read, and the runs."""
    bad = 0
    runs: list[dict[str, Any]] = []
    for path, below in _files(paths):
        changed = path.stat().st_mtime
        if sent.get(path) == changed:
            continue
        sent[path] = changed
        where = "/".join(filter(None, (folder.strip("/"), below)))
        try:
            run = desk.api.upload("/v1/documents", path, {**fields, "folder": where}, _kind(path))
        except Trouble as trouble:
            desk.terminal.fail(trouble)
            bad += 1
            continue
        run = _ended(desk, run)
        runs.append(run)
        bad += _tell(desk.terminal, path, run)
    return bad, runs


def _ended(desk: Desk, run: dict[str, Any]) -> dict[str, Any]:
    while run["status"] in {"queued", "running", "waiting_run"}:
        run = desk.api.get(f"/v1/runs/{run['run_id']}", [("wait", str(WAIT_SECONDS))])
    return run


def _tell(terminal: Terminal, path: Path, run: dict[str, Any]) -> bool:
    """Say what came of a file; return whether it could not be read."""
    steps = [step["output"] for step in run["steps"] if step["kind"] == "read"]
    failed = run["status"] != "succeeded" or any(step["status"] == "unreadable" for step in steps)
    summary = next((step["summary"] for step in run["steps"] if step["kind"] == "read"), "")
    terminal.mark("✗" if failed else "✓", summary or path.name)
    return failed


def _files(paths: Sequence[Path]) -> Iterator[tuple[Path, str]]:
    """Yield files, each with the folder it lies in below the one that was named.

    Raises:
        Trouble: there is no such file or folder.
    """
    for root in paths:
        if root.is_file():
            yield root, ""
        elif root.is_dir():
            for place, folders, names in os.walk(root):
                folders[:] = sorted(name for name in folders if not name.startswith("."))
                below = Path(place).relative_to(root)
                for name in sorted(names):
                    if Path(name).suffix.lower() in SUFFIXES and not name.startswith((".", "~$")):
                        yield Path(place) / name, "" if below == Path() else below.as_posix()
        else:
            raise Trouble("not-found", Words(f"{root} 파일이 없어요", f"There is no {root}"), code=Code.USAGE)


def _kind(path: Path) -> str:
    return mimetypes.guess_type(path.name)[0] or "application/octet-stream"


def list_documents(
    desk: Desk,
    folder: FolderOption = "",
    *,
    old: Annotated[bool, Option("--old", help=both("지난 판도", "Earlier editions too"))] = False,
) -> None:
    """List documents."""
    terminal = desk.terminal
    query = [("limit", "200"), ("sort", "folder"), *([("folder", folder)] if folder else [])]
    page = desk.api.get("/v1/documents", [*query, *([("old", "true")] if old else [])])
    if terminal.as_json:
        terminal.data(page)
        return
    columns = [Words("번호", "id"), Words("폴더", "folder"), Words("이름", "name"), Words("등급", "level")]
    columns += [Words("판", "edition"), Words("상태", "status"), Words("구절", "passages")]
    rows = [
        [row[name] for name in ("id", "folder", "name", "level", "edition", "status", "passages")]
        for row in page["data"]
    ]
    terminal.table([terminal.word(column) for column in columns], rows, right=(0, 4, 6))


def search(
    desk: Desk,
    words: Annotated[list[str], Argument(metavar="WORDS...", help=both("질문이나 낱말", "A question or words"))],
    limit: Annotated[int, Option("--limit", min=1, max=50, help=both("개수", "How many"))] = 5,
    folder: FolderOption = "",
    *,
    old: Annotated[bool, Option("--old", help=both("지난 판도", "Earlier editions too"))] = False,
) -> None:
    """Find passages."""
    terminal = desk.terminal
    query = [("q", " ".join(words)), ("limit", str(limit))]
    query += [("folder", folder)] if folder else []
    page = desk.api.get("/v1/search", [*query, *([("old", "true")] if old else [])])
    if terminal.as_json:
        terminal.data(page)
        return
    if not page["found"]:
        terminal.talk(
            Words("충분히 맞는 내용은 찾지 못했어요. 가까운 것은 이래요", "Nothing good enough was found; nearest are")
        )
    for number, hit in enumerate(page["data"], 1):
        where = f"{hit['folder']}/{hit['name']}".strip("/")
        terminal.tell(f"{number}. {where}  {hit['locator']}  ({hit['score']:.2f}, #{hit['document']})", "bold")
        terminal.tell(f"   {' '.join(hit['text'].split())[:TEXT_SHOWN]}")


def remove(
    desk: Desk, document: Annotated[str, Argument(metavar="DOCUMENT", help=both("번호나 파일 이름", "Id or file name"))]
) -> None:
    """Remove a document."""
    terminal = desk.terminal
    done = desk.api.post("/v1/ops/documents.remove", {"document": int(document) if document.isdecimal() else document})
    if terminal.as_json:
        terminal.data(done.body)
        return
    terminal.mark("✓", done.body["say"])
