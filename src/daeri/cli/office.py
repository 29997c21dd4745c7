"""What else of approvals is at the terminal? `draft`, `absence`, `consent`, `delegation`."""

from collections.abc import Mapping
from typing import Annotated, Any

from typer import Argument, Exit, Option, Typer

from daeri.cli.command import Desk, command, group
from daeri.cli.operating import Pairs, arguments_of
from daeri.cli.terminal import person
from daeri.cli.trouble import Code
from daeri.cli.words import Words, both

DraftArgument = Annotated[str, Argument(metavar="DRAFT", help=both("임시저장 번호 drf_…", "A draft's id drf_…"))]
UntilOption = Annotated[
    str, Option("--until", metavar="DAY", help=both("언제까지, 예: 2026-11-30", "Until when, e.g. 2026-11-30"))
]


def add_to(app: Typer) -> None:
    """Declare the commands."""
    drafts = group(app, "draft", both("임시저장: 목록, 보기, 올리기, 지우기", "Drafts: list, show, file, discard"))
    command(drafts, "list", both("임시저장한 것", "My drafts"))(list_drafts)
    command(drafts, "save", both("올리기 전에 저장해요", "Keep before filing"))(save_draft)
    command(drafts, "show", both("임시저장 하나", "One draft"))(show_draft)
    command(drafts, "file", both("올려요", "File it"))(file_draft)
    command(drafts, "discard", both("지워요", "Throw it away"))(discard_draft)
    absences = group(app, "absence", both("부재와 대결자: 목록, 정하기, 끝내기", "Absences: list, set, end"))
    command(absences, "list", both("나와 관계있는 부재", "Absences that concern me"))(list_absences)
    command(absences, "set", both("자리를 비울 때 대결자를 정해요", "Say who decides while away"))(set_absence)
    command(absences, "end", both("부재를 지금 끝내요", "End an absence now"))(end_absence)
    consents = group(app, "consent", both("사전 승인: 목록, 주기, 거두기", "Standing consents: list, give, revoke"))
    command(consents, "list", both("나와 관계있는 사전 승인", "Consents that concern me"))(list_consents)
    command(consents, "give", both("한도 안에서 미리 승인해요", "Let something pass within limits"))(give)
    command(consents, "revoke", both("사전 승인을 거둬요", "Take a consent back"))(revoke)
    tables = group(app, "delegation", both("위임전결표: 목록, 보기", "Tables of delegated decisions: list, show"))
    command(tables, "list", both("전결표 목록", "The tables"))(list_delegations)
    command(tables, "show", both("전결표 하나", "One table"))(show_delegation)


def list_drafts(desk: Desk) -> None:
    """List one's drafts."""
    terminal = desk.terminal
    page = desk.api.get("/v1/drafts")
    rows = [[one["draft_id"], one["title"], terminal.when(one["updated_at"])] for one in page["data"]]
    _listed(desk, page, (Words("임시저장", "draft"), Words("제목", "title"), Words("언제", "when")), rows)
    if rows and not terminal.as_json:
        terminal.next(f"daeri draft show {page['data'][0]['draft_id']}")


def save_draft(desk: Desk, name: Annotated[str, Argument(metavar="OPERATION")], arguments: Pairs = None) -> None:
    """Keep the arguments of an operation."""
    draft = desk.api.post("/v1/drafts", {"operation": name, "arguments": arguments_of(arguments or [])}).body
    if desk.terminal.as_json:
        desk.terminal.data(draft)
        return
    desk.terminal.tell(draft["draft_id"])
    desk.terminal.next(f"daeri draft file {draft['draft_id']}")


def show_draft(desk: Desk, draft: DraftArgument) -> None:
    """Show a draft."""
    body = desk.api.get(f"/v1/drafts/{draft}")
    if desk.terminal.as_json:
        desk.terminal.data(body)
        return
    desk.terminal.tell(f"{body['title']}  {body['draft_id']}", "bold")
    desk.terminal.fields(list(body["arguments"].items()))
    desk.terminal.next(f"daeri draft file {body['draft_id']}")


def file_draft(desk: Desk, draft: DraftArgument, arguments: Pairs = None) -> None:
    """File a draft, with some arguments changed where they are given."""
    terminal = desk.terminal
    if arguments:
        before = desk.api.get(f"/v1/drafts/{draft}")["arguments"]
        desk.api.patch(f"/v1/drafts/{draft}", {"arguments": before | arguments_of(arguments)})
    body = desk.api.post(f"/v1/drafts/{draft}/file", {}).body
    if terminal.as_json:
        terminal.data(body)
    else:
        terminal.tell(body.get("approval_id") or body.get("say") or terminal.word(Words("했어요", "Done")))
    if "approval_id" in body and "result" not in body:
        if not terminal.as_json:
            terminal.next(f"daeri approve show {body['approval_id']}")
        raise Exit(Code.WAITING)


def discard_draft(desk: Desk, draft: DraftArgument) -> None:
    """Throw a draft away."""
    desk.api.delete(f"/v1/drafts/{draft}")
    desk.terminal.talk(Words("지웠어요", "Discarded"))


def list_absences(desk: Desk) -> None:
    """List the absences that concern the caller."""
    terminal = desk.terminal
    page = desk.api.get("/v1/absences")
    rows = [
        [
            one["absence_id"],
            person(one["person"]),
            person(one["deputy"]),
            terminal.when(one["starts_at"]),
            terminal.when(one["ended_at"] or one["ends_at"]),
            _active(desk, one),
        ]
        for one in page["data"]
    ]
    names = (("번호", "id"), ("부재자", "away"), ("대결자", "deputy"), ("부터", "from"), ("까지", "until"), ("", ""))
    _listed(desk, page, [Words(*name) for name in names], rows)


def set_absence(
    desk: Desk,
    deputy: Annotated[str, Argument(metavar="DEPUTY", help=both("대결자의 이름이나 번호", "Their name or id"))],
    until: UntilOption,
    since: Annotated[
        str | None, Option("--from", metavar="DAY", help=both("언제부터 (없으면 오늘)", "From when (else today)"))
    ] = None,
    who: Annotated[
        str | None, Option("--person", metavar="PERSON", help=both("누구의 부재 (관리자)", "Whose (administrators)"))
    ] = None,
    operations: Annotated[
        list[str] | None,
        Option("--op", metavar="NAME", help=both("맡길 작업만 (여러 번)", "Only these operations")),
    ] = None,
    reason: Annotated[str, Option("--reason", "-m", metavar="TEXT", help=both("까닭", "Why"))] = "",
) -> None:
    """Say who decides while one is away."""
    from daeri.clock import Clock  # noqa: PLC0415 - the time zones load only where a day is needed

    sent: dict[str, Any] = {"deputy": deputy, "starts_at": since or Clock().today().isoformat(), "ends_at": until}
    sent |= {"person": who, "operations": operations or None, "reason": reason}
    body = desk.api.post("/v1/absences", sent).body
    if desk.terminal.as_json:
        desk.terminal.data(body)
        return
    name = person(body["deputy"])
    ends = desk.terminal.when(body["ends_at"])
    desk.terminal.tell(desk.terminal.word(Words(f"{ends}까지 {name}님이 대결해요", f"{name} decides until {ends}")))
    desk.terminal.next(f"daeri absence end {body['absence_id']}")


def end_absence(desk: Desk, absence: Annotated[str, Argument(metavar="ABSENCE", help="abs_…")]) -> None:
    """End an absence now."""
    _ended(desk, f"/v1/absences/{absence}/end", Words("부재를 끝냈어요", "The absence is over"))


def list_consents(desk: Desk) -> None:
    """List the standing consents that concern the caller."""
    terminal = desk.terminal
    page = desk.api.get("/v1/consents")
    rows = [
        [
            one["consent_id"],
            person(one["person"]),
            one["title"],
            f"{one['used']['count']}/{one['limits']['count']}",
            _used(one),
            terminal.when(one["ends_at"]),
            _active(desk, one),
        ]
        for one in page["data"]
    ]
    names = (("번호", "id"), ("누가", "by"), ("작업", "what"), ("건수", "count"), ("금액", "amount"), ("까지", "until"))
    _listed(desk, page, [Words(*name) for name in (*names, ("", ""))], rows)


def give(
    desk: Desk,
    operation: Annotated[str, Argument(metavar="OPERATION")],
    until: UntilOption,
    count: Annotated[int, Option("--count", "-n", min=1, help=both("건수", "How many documents"))],
    each: Annotated[int | None, Option("--each", min=0, help=both("한 건의 금액", "Amount of one"))] = None,
    total: Annotated[int | None, Option("--total", min=0, help=both("모두 합친 금액", "Amount of all"))] = None,
    rows: Annotated[int | None, Option("--rows", min=0, help=both("바꾸는 행 수", "Rows written in all"))] = None,
) -> None:
    """Let what others file pass within limits."""
    sent = {"operation": operation, "ends_at": until, "count": count, "amount_each": each, "amount_total": total}
    body = desk.api.post("/v1/consents", sent | {"rows": rows}).body
    if desk.terminal.as_json:
        desk.terminal.data(body)
        return
    desk.terminal.tell(f"{body['consent_id']}  {body['title']}")
    desk.terminal.next(f"daeri consent revoke {body['consent_id']}")


def revoke(desk: Desk, consent: Annotated[str, Argument(metavar="CONSENT", help="con_…")]) -> None:
    """Take a consent back."""
    _ended(desk, f"/v1/consents/{consent}/revoke", Words("사전 승인을 거뒀어요", "The consent is revoked"))


def list_delegations(desk: Desk) -> None:
    """List the tables of delegated decisions."""
    page = desk.api.get("/v1/delegations")
    rows = [
        [one["name"], one["label"], one["since_worded"] or "-", ", ".join(each["label"] for each in one["operations"])]
        for one in page["data"]
    ]
    names = (("이름", "name"), ("전결표", "table"), ("시행일", "since"), ("작업", "operations"))
    _listed(desk, page, [Words(*name) for name in names], rows)


def show_delegation(
    desk: Desk,
    name: Annotated[str, Argument(metavar="NAME")],
    on: Annotated[str | None, Option("--on", metavar="DAY", help=both("기준일", "As of which day"))] = None,
) -> None:
    """Show a table of delegated decisions as it holds on a day."""
    body = desk.api.get(f"/v1/delegations/{name}", [("on", on)] if on else [])
    rows = [
        [row["row"], row["item"] or "-", "-" if row["upto"] is None else f"{row['upto']:,}", row["decides"] or "-"]
        for row in body["rows"]
    ]
    names = (("행", "row"), ("항목", "item"), ("금액까지", "up to"), ("전결권자", "decides"))
    _listed(desk, body, [Words(*name) for name in names], rows)


def _listed(desk: Desk, page: Mapping[str, Any], columns: Any, rows: list[list[object]]) -> None:
    terminal = desk.terminal
    if terminal.as_json:
        terminal.data(page)
    elif rows:
        terminal.table([terminal.word(column) for column in columns], rows)
    else:
        terminal.talk(Words("없어요", "None"))


def _ended(desk: Desk, path: str, words: Words) -> None:
    body = desk.api.post(path, {}).body
    if desk.terminal.as_json:
        desk.terminal.data(body)
    else:
        desk.terminal.tell(desk.terminal.word(words))


def _active(desk: Desk, one: Mapping[str, Any]) -> str:
    return desk.terminal.word(Words("지금", "now")) if one["active"] else ""


def _used(one: Mapping[str, Any]) -> str:
    total = one["limits"]["amount_total"]
    return "" if total is None else f"{one['used']['amount']:,}/{total:,}"
