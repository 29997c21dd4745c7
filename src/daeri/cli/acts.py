"""How does a person do everything else to a document? `approve hold`, `consult`, `undo`, `share` and so on.

Each is one decision of the API; the form and the state say whether it is possible, and `approve show` what is.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

from typer import Argument, Option, Typer

from daeri.cli.command import Desk, command
from daeri.cli.deciding import CommentOption, DocumentArgument, decide, document_of
from daeri.cli.finding import short
from daeri.cli.trouble import Code, Trouble
from daeri.cli.words import Words, both

PLAIN: Final[Mapping[str, tuple[str, str]]] = {
    "hold": ("보류해요 (의견 필수)", "Put on hold (a comment is needed)"),
    "release": ("보류를 풀어요", "Take off hold"),
    "return_step": ("앞 결재자에게 돌려보내요 (의견 필수)", "Return one step (a comment is needed)"),
    "undo": ("내 결재를 취소해요", "Take my own decision back"),
    "answer": ("물음에 답해요 (의견 필수)", "Answer what I was asked (a comment is needed)"),
    "comment": ("의견을 남겨요", "Leave a comment"),
    "read": ("읽었다고 표시해요", "Mark as read"),
    "accept": ("접수해요", "Accept as its recipient"),
    "send_back": ("반송해요 (의견 필수)", "Send back (a comment is needed)"),
    "retry": ("반영을 다시 해 봐요", "Try to apply it again"),
}
WITH_PEOPLE: Final[Mapping[str, tuple[str, str]]] = {
    "consult": ("의견을 물어요 (의견 필수)", "Ask for opinions (a comment is needed)"),
    "share": ("열람하게 해요", "Let people read it"),
    "assign": ("부서 안에서 맡겨요", "Pass it on inside the department"),
}

PeopleArgument = Annotated[
    list[str], Argument(metavar="PERSON...", help=both("사람의 이름이나 번호", "People by name or id"))
]
PositionOption = Annotated[
    int | None, Option("--position", metavar="N", help=both("결재선 자리 (approve show)", "Which seat (approve show)"))
]


def add_to(documents: Typer) -> None:
    """Declare the commands below `approve`."""
    for act, (ko, en) in PLAIN.items():
        command(documents, act.replace("_", "-"), both(ko, en))(_plain(act))
    for act, (ko, en) in WITH_PEOPLE.items():
        command(documents, act.replace("_", "-"), both(ko, en))(_with_people(act))
    command(documents, "line", both("남은 결재선을 바꿔요", "Change what remains of the line"))(change_line)
    command(documents, "replace", both("결재자를 바꿔요 (관리자)", "Replace an approver (administrators)"))(replace)
    command(documents, "settle", both("결과를 확인해 적어요", "Say what became of it (a comment is needed)"))(settle)
    command(documents, "redraft", both("다시 기안해요", "Draft it anew"))(redraft)
    command(documents, "several", both("같은 종류 여러 건을 승인해요", "Approve several of one kind"))(several)


def _plain(act: str) -> Callable[..., None]:
    def run(desk: Desk, document: DocumentArgument, comment: CommentOption = None) -> None:
        decide(desk, document, act, comment)

    return run


def _with_people(act: str) -> Callable[..., None]:
    def run(desk: Desk, document: DocumentArgument, people: PeopleArgument, comment: CommentOption = None) -> None:
        decide(desk, document, act, comment, {"people": _named(people)})

    return run


def change_line(
    desk: Desk,
    document: DocumentArgument,
    people: Annotated[
        list[str] | None, Argument(metavar="[PERSON]...", help=both("넣을 사람", "People to add"))
    ] = None,
    part: Annotated[str, Option("--as-part", metavar="PART", help="approve, review, agree")] = "approve",
    drop: Annotated[
        list[int] | None, Option("--drop", metavar="N", help=both("뺄 자리 (여러 번)", "A seat to take out"))
    ] = None,
    comment: CommentOption = None,
) -> None:
    """Add people to what remains of the line, or take seats out."""
    decide(desk, document, "change_line", comment, {"people": _named(people or []), "part": part, "drop": drop or []})


def replace(
    desk: Desk,
    document: DocumentArgument,
    name: Annotated[str, Argument(metavar="PERSON", help=both("새 결재자", "The new approver"))],
    position: PositionOption = None,
    comment: CommentOption = None,
) -> None:
    """Put someone else into a seat."""
    decide(desk, document, "replace", comment, {"people": _named([name]), "position": position})


def settle(
    desk: Desk,
    document: DocumentArgument,
    *,
    applied: Annotated[
        bool, Option("--applied/--failed", help=both("반영됐는지, 안 됐는지", "Whether it happened or not"))
    ],
    comment: CommentOption = None,
) -> None:
    """Say what became of an effect whose outcome is unknown."""
    decide(desk, document, "settle", comment, {"outcome": "applied" if applied else "apply_failed"})


def redraft(desk: Desk, document: DocumentArgument) -> None:
    """Begin a draft with all that stood in a document that was rejected or withdrawn."""
    body = document_of(desk, document)
    draft = desk.api.post(f"/v1/approvals/{body['approval_id']}/redraft", {}).body
    if desk.terminal.as_json:
        desk.terminal.data(draft)
        return
    desk.terminal.tell(draft["draft_id"])
    desk.terminal.next(f"daeri draft show {draft['draft_id']}   ·   daeri draft file {draft['draft_id']}")


def several(
    desk: Desk,
    documents: Annotated[
        list[str],
        Argument(metavar="DOC...", help=both("같은 종류의 문서들, 20건까지", "Up to 20 of one kind")),
    ],
    *,
    yes: Annotated[bool, Option("--yes", help=both("묻지 않고 승인해요", "Approve without asking"))] = False,
    comment: CommentOption = None,
) -> None:
    """Show several documents of one kind together, and approve them."""
    terminal = desk.terminal
    bodies = [document_of(desk, named) for named in documents]
    if not terminal.as_json:
        rows = [[short(body["approval_id"]), body["title"], body["drafter"]["name"], _facts(body)] for body in bodies]
        terminal.table([], rows)
    if not yes:
        raise Trouble(
            "confirmation-needed",
            Words("아직 아무것도 승인하지 않았어요", "Nothing has been approved yet"),
            fix=Words("위 내용을 확인하고 --yes 를 붙여 주세요", "Read the above, then repeat it with --yes"),
            code=Code.USAGE,
        )
    chosen = [{"approval_id": body["approval_id"], "version": body["version"]} for body in bodies]
    done = desk.api.post("/v1/approvals/several", {"approvals": chosen, "comment": comment}).body
    if terminal.as_json:
        terminal.data(done)
    failed = 0
    for one in done["data"]:
        failed += one["error"] is not None
        if not terminal.as_json:
            said = one["error"]["detail"] if one["error"] else terminal.word(Words("승인", "approved"))
            terminal.tell(f"{'✗' if one['error'] else '✓'} {short(one['approval_id'])} {said}")
    if failed:
        raise Trouble(
            "some-not-approved",
            Words(f"{failed}건은 승인하지 못했어요", f"{failed} could not be approved"),
            fix=Words("하나씩 열어 보세요:  daeri approve list", "Look at each:  daeri approve list"),
        )


def _facts(body: Mapping[str, Any]) -> str:
    calls = (body, *body["bundled"])
    return " | ".join(" · ".join(str(field["value"]) for field in call["arguments"]) for call in calls)


def _named(people: list[str]) -> list[int | str]:
    return [int(each) if each.isascii() and each.isdecimal() else each for each in people]
