"""How does a run look while it happens? Its events as marks on stderr and its answer on stdout, as they come."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from daeri.cli.terminal import Terminal, person
from daeri.cli.trouble import Code, Trouble, of_problem
from daeri.cli.words import LINE_STATUS, STEP_KINDS, Words

Event = Mapping[str, Any]

_WAITS: Final[Mapping[str, Words]] = {
    "waiting_approval": Words(
        "결재를 기다리고 있어요 (그만 보기: Ctrl-C)", "Waiting for the approval (Ctrl-C to stop looking)"
    ),
    "waiting_input": Words(
        "물어본 프로그램의 답을 기다리고 있어요 (그만 보기: Ctrl-C)",
        "Waiting for the program that asked (Ctrl-C to stop looking)",
    ),
}
PARKED: Final = ("waiting_approval", "waiting_input")
REFUSALS: Final = ("permission-denied", "unauthenticated")


@dataclass(slots=True)
class Follower:
    """Shows the events of one run.

    Attributes:
        until_parked: stop when the run waits for a person, instead of waiting with it.
    """

    terminal: Terminal
    until_parked: bool
    _spoken: str = ""
    _line_is_open: bool = False

    def follow(self, events: Iterator[Event]) -> None:
        """Show events until the run ends, or waits for a person."""
        for event in events:
            self._show(event)
            if self.until_parked and event["type"] == "run.waiting":
                break
        self._end_answer()
        self.terminal.close_line()

    def _show(self, event: Event) -> None:
        kind = event["type"]
        if kind == "step.finished":
            self._mark("✓", self.terminal.word(STEP_KINDS.get(event["kind"], Words(event["kind"], event["kind"]))))
        elif kind == "tool.started":
            if event.get("note"):
                self._talk(f"· {event['note']}")
        elif kind == "tool.finished":
            self._tool(event)
        elif kind == "approval.requested":
            needs = self.terminal.word(Words("결재 필요", "needs approval"))
            self._mark("!", f"{event['operation']} {needs}")
        elif kind == "approval.decided":
            self._decided(event)
        elif kind == "run.waiting" and not self.until_parked:
            self._talk(self.terminal.word(_WAITS[event["status"]]))
        elif kind == "message.delta":
            self._say(event["text"])
        elif kind == "message.restarted":
            self._end_answer()
            self._spoken = ""
            self._say(event["text"])
        elif kind == "message.completed":
            self._say(event["text"].removeprefix(self._spoken))
            self._end_answer()
        elif kind in ("run.cancelled", "run.expired"):
            self._mark("✗", self.terminal.word(Words("멈췄어요", "stopped")))

    def _tool(self, event: Event) -> None:
        refused = event.get("refused")
        if refused:
            problem = refused.get(self.terminal.lang, refused)
            self._mark("✗", f"{event['operation']} {problem.get('title', refused.get('code', ''))}")
        else:
            self._mark("✓", f"{event['operation']} {event.get('ms', 0):.0f}ms")

    def _decided(self, event: Event) -> None:
        by = event.get("by") or ""
        if event["status"] == "applied":
            self._mark("✓", self.terminal.word(Words(f"승인 {by}", f"approved by {by}")))
            return
        comment = f": {event['comment']}" if event.get("comment") else ""
        ended = {
            "rejected": Words(f"반려 {by}{comment}", f"rejected by {by}{comment}"),
            "withdrawn": Words("회수", "withdrawn"),
        }.get(event["status"], Words("반영하지 못했어요", "approved, but not applied"))
        self._mark("✗", self.terminal.word(ended))

    def _mark(self, sign: str, text: str) -> None:
        self._end_answer()
        self.terminal.mark(sign, text)

    def _talk(self, text: str) -> None:
        self._end_answer()
        self.terminal.talk(text, "dim")

    def _say(self, text: str) -> None:
        if text and not self.terminal.as_json:
            self.terminal.stream(text)
            self._spoken += text
            self._line_is_open = not text.endswith("\n")

    def _end_answer(self) -> None:
        if self._line_is_open:
            self._line_is_open = False
            self.terminal.stream("\n")


def show_sources(terminal: Terminal, citations: Sequence[Event]) -> None:
    """Say on what an answer rests: which operation, which records, as of when."""
    for source in citations:
        records = [str(record["title"]) for record in source.get("records") or []]
        named = ", ".join(records[:3]) + (f" +{len(records) - 3}" if len(records) > 3 else "")  # noqa: PLR2004 - a line holds three
        parts = [source["operation"], named, terminal.when(source.get("as_of"))]
        terminal.talk(f"[{source['n']}] {' · '.join(part for part in parts if part)}", "dim")
        for passage in source.get("passages") or []:
            terminal.talk(f"    {passage['name']} {passage['locator']}".rstrip(), "dim")
        for page in source.get("pages") or []:
            terminal.talk(f"    {page['url']}", "dim")


def show_choices(terminal: Terminal, run: Event) -> None:
    """Offer what else may have been meant, as commands to copy."""
    for choice in run["choices"]:
        said = str(choice["input"]).replace('"', '\\"')
        terminal.talk(f'  {choice["label"]}:  daeri ask "{said}" --session {run["session_id"]}')


def show_changes(terminal: Terminal, preview: Sequence[Event]) -> None:
    """Show what would be different afterwards."""
    for change in preview:
        terminal.talk(f"  {change['label']}: {change['before']} → {change['after']}")


def show_calls(terminal: Terminal, document: Event) -> None:
    """Show every call that a document decides: what is asked for, and what it would change."""
    for number, item in enumerate((document, *document["bundled"]), 1):
        if document["bundled"]:
            terminal.talk(numbered(number, item), "dim")
        for field in item["arguments"]:
            terminal.talk(f"  {field['label']}: {field['value']}")
        show_changes(terminal, item["preview"])


def numbered(number: int, item: Event) -> str:
    """Head one of several calls of a document; the first one's title is the document's."""
    return f"{number}. {item['title'] if number > 1 else item['operation']}"


def line_of(line: Sequence[Event]) -> str:
    """Write an approval line in one line: 박서연 팀장 → 최현우 본부장."""
    return " → ".join(f"{LINE_STATUS[step['status']][0]} {person(step['person'])}" for step in line)


def show_draft(terminal: Terminal, document: Event) -> None:
    """Show a draft that waits: what changes, who decides, why they."""
    head = Words(f"결재 올림: {document['title']}", f"Filed for approval: {document['title']}")
    terminal.talk(head, "bold")
    show_calls(terminal, document)
    terminal.talk(f"  {terminal.word(Words('결재선', 'Line'))}: {line_of(document['line'])}")
    terminal.talk(f"  {terminal.word(Words('왜', 'Why'))}: {document['because']}")


def code_of(run: Event) -> Code:
    """Return the exit code that tells how a run stands."""
    if run["status"] in PARKED:
        return Code.WAITING
    if run["status"] != "succeeded":
        return Code.FAILED
    steps = run["steps"]
    refused = [(step.get("output") or {}).get("refused") or {} for step in steps if step["status"] == "refused"]
    if any(problem.get("code") in REFUSALS for problem in refused):
        return Code.NOT_ALLOWED
    return Code.OK


def trouble_of(run: Event) -> Trouble | None:
    """Return why a run failed, if it did."""
    problem = run.get("error")
    if run["status"] != "failed" or not problem:
        return None
    return of_problem(int(problem.get("status", 500)), problem)
