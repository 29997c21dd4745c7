"""How does a person decide on documents? `approve`: the boxes, a document in full, yes, no, withdraw."""

from collections.abc import Mapping
from typing import Annotated, Any

from typer import Argument, Exit, Option, Typer

from daeri.cli.asking import LimitOption
from daeri.cli.command import Desk, command, group
from daeri.cli.finding import found, short
from daeri.cli.follow import numbered, show_calls
from daeri.cli.terminal import Terminal, person
from daeri.cli.trouble import Code, Trouble
from daeri.cli.words import ACTS, BOXES, DOCUMENT_STATUS, LINE_STATUS, MANNERS, Words, both

DocumentArgument = Annotated[
    str,
    Argument(metavar="DOC", help=both("문서 번호(DR-…)나 apr_… 의 앞·뒤 일부", "Its number (DR-…), or part of apr_…")),
]
CommentOption = Annotated[str | None, Option("--message", "-m", metavar="TEXT", help=both("의견", "A comment"))]


def add_to(app: Typer) -> Typer:
    """Declare the commands; return their group."""
    documents = group(
        app,
        "approve",
        both(
            "결재: 결재함, 문서, 승인과 다른 모든 처리",
            "Approvals: the boxes, a document, every act on it",
        ),
    )
    command(documents, "list", both("결재함", "A box of documents"))(list_documents)
    command(documents, "show", both("문서 하나를 빠짐없이", "One document in full"))(show)
    command(documents, "yes", both("승인해요", "Approve"))(yes)
    command(documents, "no", both("반려해요 (의견 필수)", "Reject (a comment is needed)"))(no)
    command(documents, "withdraw", both("내 기안을 거둬요", "Take my own draft back"))(withdraw)
    return documents


def list_documents(
    desk: Desk,
    box: Annotated[
        str,
        Option("--box", metavar="BOX", help=", ".join(BOXES)),
    ] = "waiting",
    limit: LimitOption = 50,
) -> None:
    """List a box."""
    terminal = desk.terminal
    page = desk.api.get("/v1/approvals", [("box", box), ("limit", str(limit))])
    if terminal.as_json:
        terminal.data(page)
        return
    name = terminal.word(BOXES[box])
    if not page["data"]:
        terminal.talk(Words(f"{name}: 없어요", f"{name}: none"))
        return
    columns = [
        Words("문서", "document"),
        Words("제목", "title"),
        Words("상태", "status"),
        Words("기안", "drafted by"),
        Words("지금", "with"),
        Words("언제", "when"),
    ]
    rows = [
        [
            document["number"] or short(document["approval_id"]),
            document["title"],
            terminal.word(DOCUMENT_STATUS[document["status"]]),
            person(document["drafter"]) + _filed_by(terminal, document),
            person(_waits_for(document)),
            terminal.when(document["drafted_at"]),
        ]
        for document in page["data"]
    ]
    terminal.table([terminal.word(column) for column in columns], rows)
    first = page["data"][0]
    terminal.next(f"daeri approve show {first['number'] or short(first['approval_id'])}{_as(desk)}")


def show(desk: Desk, document: DocumentArgument) -> None:
    """Show a document: every argument, what changes, the line and why, what happened."""
    body = document_of(desk, document)
    if desk.terminal.as_json:
        desk.terminal.data(body)
        return
    _show(desk.terminal, body)
    name = body["number"] or short(body["approval_id"])
    if body["acts"]:
        desk.terminal.talk(
            Words("지금 할 수 있는 일", "What you may do now").to(desk.terminal.lang) + ": " + ", ".join(body["acts"]),
            "dim",
        )
    if body["may"]["decide"]:
        desk.terminal.next(f'daeri approve yes {name}{_as(desk)}   ·   daeri approve no {name} -m "…"{_as(desk)}')
    elif body["may"]["withdraw"]:
        desk.terminal.next(f"daeri approve withdraw {name}{_as(desk)}")


def yes(desk: Desk, document: DocumentArgument, comment: CommentOption = None) -> None:
    """Approve a document at one's turn."""
    decide(desk, document, "approve", comment)


def no(desk: Desk, document: DocumentArgument, comment: CommentOption = None) -> None:
    """Reject a document at one's turn, with a reason."""
    if not (comment or "").strip():
        raise Trouble(
            "comment-needed",
            Words("반려하는 까닭을 적어 주세요", "A rejection needs a comment"),
            fix=Words(f'daeri approve no {document} -m "일정을 조정해 주세요"', f'daeri approve no {document} -m "…"'),
            code=Code.USAGE,
        )
    decide(desk, document, "reject", comment)


def withdraw(desk: Desk, document: DocumentArgument, comment: CommentOption = None) -> None:
    """Take one's own document back before the first decision."""
    body = document_of(desk, document)
    path = f"/v1/approvals/{body['approval_id']}/withdraw"
    after = desk.api.post(path, {"comment": comment}, version=body["version"]).body
    if desk.terminal.as_json:
        desk.terminal.data(after)
        return
    desk.terminal.tell(desk.terminal.word(Words("회수했어요", "Withdrawn")) + f": {after['title']}")


def decide(desk: Desk, named: str, decision: str, comment: str | None, more: Mapping[str, Any] | None = None) -> None:
    """Show what a document is about, and act on it at exactly that version.

    Raises:
        Exit: it was approved, and could not be applied.
    """
    terminal = desk.terminal
    body = document_of(desk, named)
    if not terminal.as_json:
        terminal.talk(f"{body['title']} · {person(body['drafter'])}{_filed_by(terminal, body)}", "bold")
        show_calls(terminal, body)
    path = f"/v1/approvals/{body['approval_id']}/decisions"
    sent = {"decision": decision, "comment": comment, **(more or {})}
    # The version that was just shown: a document that changed in between is refused, not decided unseen.
    after = desk.api.post(path, sent, version=body["version"]).body
    if terminal.as_json:
        terminal.data(after)
    else:
        terminal.tell(terminal.word(_outcome(after, decision)))
        if after["result_say"]:
            terminal.tell(after["result_say"])
    if after["status"] == "apply_failed":
        raise Exit(Code.FAILED)


def _outcome(document: dict[str, Any], decision: str) -> Words:
    line = document["line"]
    if decision not in ("approve", "reject"):
        done = ACTS[decision]
        return Words(f"{done.ko}: {document['title']}", f"{document['title']}: {done.en}")
    approved = sum(step["status"] == "approved" for step in line)
    if document["status"] == "rejected":
        return Words("반려했어요", "Rejected")
    if document["status"] == "apply_failed":
        failure = document["failure"] or ""
        return Words(f"승인했지만 반영하지 못했어요: {failure}", f"Approved, but it could not be applied: {failure}")
    if document["status"] == "applied":
        number = document["number"] or ""
        return Words(f"승인했고 반영됐어요. {number}".strip(), f"Approved and applied. {number}".strip())
    following = person(_waits_for(document))
    return Words(
        f"승인했어요 ({approved}/{len(line)}). 다음: {following}",
        f"Approved ({approved}/{len(line)}). Next: {following}",
    )


def document_of(desk: Desk, named: str) -> dict[str, Any]:
    """Return the document that somebody names: by its number, or part of its id."""
    lists = [("/v1/approvals", [("box", box), ("limit", "200")]) for box in BOXES]
    what = Words("결재 문서", "document")
    fields = ("approval_id", "number")
    reference = found(desk, named, what, fields, lists, again=f"daeri approve list{_as(desk)}")
    return desk.api.get(f"/v1/approvals/{reference['approval_id']}")


def _show(terminal: Terminal, body: dict[str, Any]) -> None:
    word = terminal.word
    terminal.tell(f"{body['title']}  {body['number'] or body['approval_id']}", "bold")
    pairs: list[tuple[str, object]] = [
        (word(Words("상태", "Status")), word(DOCUMENT_STATUS[body["status"]])),
        (word(Words("기안", "Drafted")), f"{person(body['drafter'])} · {terminal.when(body['drafted_at'])}"),
    ]
    if body["agent"]:
        made = word(Words(f"{body['agent']} (대리 작성)", f"{body['agent']} (by an agent, on their behalf)"))
        pairs.append((word(Words("작성", "Written by")), made))
    if body["key_revoked"]:
        said = Words("이 문서를 올린 키는 폐기됐어요", "The key that filed this document was revoked")
        pairs.append((word(Words("주의", "Take care")), word(said)))
    if body["question"]:
        pairs.append((word(Words("질문", "Request")), f'"{body["question"]}"'))
    pairs += [(item["label"], item["value"]) for item in body["arguments"]]
    terminal.fields(pairs)
    terminal.tell("")
    terminal.tell(word(Words("승인하면 바뀌는 것", "What changes when approved")), "dim")
    terminal.table([], [[change["label"], f"{change['before']} → {change['after']}"] for change in body["preview"]])
    for number, item in enumerate(body["bundled"], 2):
        terminal.tell("")
        terminal.tell(numbered(number, item), "bold")
        terminal.fields([(field["label"], field["value"]) for field in item["arguments"]])
        terminal.table([], [[change["label"], f"{change['before']} → {change['after']}"] for change in item["preview"]])
        if item["provenance"]:
            terminal.table([], [[each["label"], each["says"], _vouched(terminal, each)] for each in item["provenance"]])
    terminal.tell("")
    terminal.tell(f"{word(Words('결재선', 'Approval line'))}: {body['because']}", "dim")
    terminal.table([], [_line_row(terminal, step) for step in body["line"]])
    terminal.tell("")
    if body["beside"]:
        terminal.tell(word(Words("결재선 밖", "Beside the line")), "dim")
        terminal.table([], [_line_row(terminal, step) for step in body["beside"]])
        terminal.tell("")
    if body["provenance"]:
        terminal.tell(word(Words("값의 출처", "Where the values come from")), "dim")
        terminal.table([], [[item["label"], item["says"], _vouched(terminal, item)] for item in body["provenance"]])
        terminal.tell("")
    terminal.tell(word(Words("지나온 일", "What happened")), "dim")
    terminal.table([], [_act_row(terminal, act) for act in body["history"]])
    for outcome in (body["result_say"], body["failure"]):
        if outcome:
            terminal.tell("")
            terminal.tell(outcome)


def _line_row(terminal: Terminal, step: dict[str, Any]) -> list[object]:
    sign, status = LINE_STATUS[step["status"]]
    said = terminal.word(MANNERS.get(step["manner"], status))
    by = person(step["by"]) if step["by"] else ""
    at = terminal.when(step["decided_at"]) if step["decided_at"] else ""
    return [
        sign,
        step["role"],
        person(step["person"]),
        f"{said} {by}".strip(),
        at,
        step["comment"] or step["why"] or "",
    ]


def _vouched(terminal: Terminal, item: Mapping[str, Any]) -> str:
    return "" if item["vouched"] else terminal.word(Words("확인 필요", "to be checked"))


def _act_row(terminal: Terminal, act: dict[str, Any]) -> list[object]:
    word = ACTS.get(act["act"], Words(act["act"], act["act"]))
    return [terminal.when(act["at"]), person(act["person"]), terminal.word(word), act["comment"] or ""]


def _waits_for(document: dict[str, Any]) -> dict[str, Any] | None:
    waiting = [step["person"] for step in document["line"] if step["status"] == "waiting"]
    return waiting[0] if waiting and document["status"] == "in_progress" else None


def _filed_by(terminal: Terminal, document: dict[str, Any]) -> str:
    by = terminal.word(Words(" [대리]", " [agent]")) if document["agent"] else ""
    return by + (terminal.word(Words(" [폐기된 키]", " [revoked key]")) if document["key_revoked"] else "")


def _as(desk: Desk) -> str:
    """Repeat who asks in the next command."""
    return f" --as {desk.place.login}" if desk.place.login else ""
