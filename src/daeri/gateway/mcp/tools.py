"""Which tools does a caller have? Their permitted operations, and a few of Daeri's own services beside them.

Every schema and word comes from the operation itself; the hints follow from its effect and enforce nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, Field

from daeri.agent.analyzer import analyze
from daeri.agent.selector import select
from daeri.clock import Clock
from daeri.gateway import bodies
from daeri.gateway.mcp.extras import Extras, ExtraTool
from daeri.gateway.services import Services
from daeri.gateway.wire import Sent
from daeri.operations.operation import Operation
from daeri.records.actor import Actor, Effect
from daeri.wording import Lang, Text

Tool = dict[str, Any]

LISTED_MAX: Final = 80
"""Operations listed one by one; more are searched. A list hides none, while among 80 a search by words leaves out 23 of
100 that are wanted (by meaning 6; among 308, 41 and 13); but each costs its reader 1,100 characters, all 80 a quarter
of a megabyte and 12 ms of CPU (2026-11-22, the requests of `python -m bench selector`, the sample company's tools)."""
PAGE: Final = LISTED_MAX + 20
"""A list that is not searched comes whole, with Daeri's own tools: some clients never ask for a second page."""
FOUND: Final = 8
RUN: Final = ".run"
"""The function of an operation that is called by its catalog's name alone: `query` for `query.run`."""


class Searched(Sent):
    """ops.search."""

    query: str = Field(max_length=1000, description="하려는 일 (what is to be done), e.g. 연차 신청, leave balance")
    limit: int = Field(FOUND, ge=1, le=30, description="받을 개수 (how many).")


class Called(Sent):
    """ops.call."""

    name: str = Field(description="작업 이름 (the operation), as ops.search names it, e.g. leave.balance")
    arguments: dict[str, Any] = Field(default_factory=dict, description="입력 (its arguments).")


class Asked(Sent):
    """runs.create."""

    input: str = Field(description="질문이나 요청 (question or request), e.g. 김대리 휴가 며칠 남았어?")
    agent: bodies.AgentName = None
    session_id: bodies.SessionId = None
    wait: float = Field(60, ge=0, le=60, strict=False, description="기다릴 초 (seconds to wait for its end).")


@dataclass(frozen=True, slots=True)
class Own:
    """A tool that is a service of Daeri's.

    Attributes:
        scope: what a key's scope must let through for the service to do anything; the service checks it itself.
        method: its JSON-RPC method, where it is one.
    """

    name: str
    label: Text
    description: str
    effect: Effect
    scope: str
    body: type[BaseModel]
    method: bool = True


OWN: Final[Mapping[str, Own]] = {
    own.name: own
    for own in (
        Own(
            "approvals.get",
            Text("결재 문서 보기", "Show an approval document"),
            "Show an approval document that one drafted or decides: its content, its line, whose turn it is, what came "
            "of it. Use it to see whether a call that was held has been carried out. Deciding is not possible here: "
            "people decide in their own sessions.",
            "read",
            "approval.show",
            bodies.ApprovalNamed,
        ),
        Own(
            "approvals.list",
            Text("결재함", "Approval boxes"),
            "List approval documents of a box: waiting (for me to decide), upcoming, drafted (by me), done, rejected.",
            "read",
            "approval.list",
            bodies.BoxRead,
        ),
        Own(
            "approvals.withdraw",
            Text("기안 회수", "Withdraw a draft"),
            "Take back a document that one drafted, before anyone has decided on it.",
            "write",
            "approval.withdraw",
            bodies.ApprovalWithdrawn,
        ),
        Own(
            "records.get",
            Text("기록 한 건", "One record"),
            "Show one row of the company's records by type and id. A row that may not be seen answers like a missing "
            "one. Prefer an operation where one fits the question.",
            "read",
            "records.get",
            bodies.RecordNamed,
        ),
        Own(
            "records.list",
            Text("기록 목록", "List records"),
            "List rows of one type of the company's records, filtered, sorted and searched; daeri://records names the "
            "types. Prefer an operation where one fits the question.",
            "read",
            "records.list",
            bodies.RecordList,
        ),
        Own(
            "runs.cancel",
            Text("실행 멈추기", "Stop a run"),
            "Stop work that was given to an agent; what it has filed stays with its approvers.",
            "write",
            "run.cancel",
            bodies.RunNamed,
        ),
        Own(
            "runs.create",
            Text("에이전트에게 요청", "Ask an agent"),
            "Give a question or request in plain words (Korean or English) to the company's own agent, which plans, "
            "calls operations and answers with sources. Use it when no single tool fits; call the tool itself when one "
            "does.",
            "write",
            "run.create",
            Asked,
            method=False,
        ),
        Own(
            "runs.get",
            Text("실행 보기", "Show a run"),
            "Show work that was given to an agent: its state, steps, answer and sources; waits where asked to.",
            "read",
            "run.get",
            bodies.RunRead,
        ),
    )
}
SEARCH: Final = Own(
    "ops.search",
    Text("작업 찾기", "Find operations"),
    "Find the operations that fit what is to be done, with their input schemas; call one with ops.call. There are too "
    "many to list them all.",
    "read",
    "ops.search",
    Searched,
    method=False,
)
CALL: Final = Own(
    "ops.call",
    Text("작업 부르기", "Call an operation"),
    "Call an operation that ops.search has found. Reading answers at once; a change that needs approval is filed and "
    "waits for people.",
    "write",
    "ops.call",
    Called,
    method=False,
)


class Tools:
    """Renders operations as tools, each once."""

    def __init__(self, services: Services, extras: Extras) -> None:
        """Take the services, and what is offered besides."""
        self._door = services.door
        self._meanings = services.meanings
        self._extras = extras
        self._clock = Clock()
        self._kept: dict[tuple[str, str], Tool] = {}

    def of(self, actor: Actor, lang: Lang, *, everything: bool = False) -> list[Tool]:
        """Return a caller's tools by name; with very many operations the two that find and call them instead."""
        operations = self._door.operations(actor)
        many = len(operations) > LISTED_MAX and not everything
        own = [each for each in OWN.values() if actor.may_call(each.scope, each.effect)]
        listed: Sequence[Operation | Own] = [*own, SEARCH, CALL] if many else [*own, *operations]
        tools = [*(self._tool(each, lang) for each in listed), *(_of_extra(each, lang) for each in self._extras.tools)]
        return sorted(tools, key=lambda tool: str(tool["name"]))

    def search(self, actor: Actor, searched: Searched, lang: Lang) -> dict[str, Any]:
        """Return the operations that fit a wish best."""
        operations = self._door.operations(actor)
        asked = analyze(searched.query, self._clock.today(), lang)
        found = select(asked, operations, searched.limit, meanings=self._meanings)
        tools = [self._tool(each.operation, lang) for each in found if each.score > 0]
        told = ("name", "title", "description", "inputSchema", "annotations")
        return {"data": [{name: tool[name] for name in told} for tool in tools]}

    def schema(self, name: str) -> dict[str, Any] | None:
        """Return the input schema of a tool by any of its names; None where there is none."""
        own, extra = OWN.get(name), self._extras.tool(name)
        if extra is not None:
            return dict(extra.input_schema)
        if own is not None:
            return self._tool(own, "en")["inputSchema"]  # type: ignore[no-any-return]
        operation = self.operation(name)
        return None if operation is None else self._tool(operation, "en")["inputSchema"]

    def operation(self, name: str) -> Operation | None:
        """Return the operation that a tool's name stands for."""
        known = self._door.company.operations
        return known.get(name) or known.get(name.replace("__", ".")) or known.get(f"{name}{RUN}")

    def _tool(self, each: Operation | Own, lang: Lang) -> Tool:
        key = (each.name, lang)
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = _of_own(each, lang) if isinstance(each, Own) else _of_operation(each, lang)
        return found


def name_of(operation: Operation) -> str:
    """Return the name of an operation's tool."""
    return operation.name.removesuffix(RUN)


def hints(effect: Effect, title: str, *, approval: bool = False) -> dict[str, Any]:
    """Return the annotations that follow from an effect.

    What needs an approval destroys nothing by being called: it files a document.
    """
    return {
        "title": title,
        "readOnlyHint": effect == "read",
        "destructiveHint": effect == "irreversible" and not approval,
        "idempotentHint": effect == "read",
        "openWorldHint": False,
    }


def _of_own(own: Own, lang: Lang) -> Tool:
    return {
        "name": own.name,
        "title": own.label.to(lang),
        "description": own.description,
        "inputSchema": own.body.model_json_schema(),
        "annotations": hints(own.effect, own.label.to(lang)),
    }


def _of_extra(extra: ExtraTool, lang: Lang) -> Tool:
    return {
        "name": extra.name,
        "title": extra.title.to(lang),
        "description": extra.description,
        "inputSchema": dict(extra.input_schema),
        "annotations": {"title": extra.title.to(lang), **extra.hints},
    }


def _of_operation(operation: Operation, lang: Lang) -> Tool:
    label, approval = operation.label.to(lang), operation.approval is not None
    examples = "".join(f"\n- {example}" for example in operation.examples)
    description = operation.description + (f"\n\nExamples:{examples}" if examples else "")
    if approval:
        description += "\n\nNeeds approval: the call is filed as a document and carried out when people have approved."
    return {
        "name": name_of(operation),
        "title": label,
        "description": description,
        "inputSchema": operation.input.model_json_schema(),
        "outputSchema": output_schema(operation),
        "annotations": hints(operation.effect, label, approval=approval),
    }


def output_schema(operation: Operation) -> dict[str, Any]:
    """Describe what a call answers with: its result, or the document that it became."""
    result = operation.output.model_json_schema(mode="serialization")
    definitions = result.pop("$defs", {})
    done = {
        "type": "object",
        "properties": {
            "operation": {"type": "string"},
            "result": result,
            "say": {"type": ["string", "null"], "description": "The result as a sentence."},
            "sources": {"type": "array", "items": {"type": "object"}, "description": "Records the answer rests on."},
            "masked": {
                "type": "array",
                "items": {"type": "string"},
                "description": "Fields left out because the caller may not see them.",
            },
            "withheld": {
                "type": "array",
                "items": {"type": "string"},
                "description": "Fields of which figures were not told: too few people.",
            },
            "age": {"type": "integer", "description": "Seconds since it was read, where the answer is remembered."},
        },
        "required": ["operation", "result", "say", "sources", "masked"],
    }
    schema = {"type": "object", "anyOf": [done, HELD_SCHEMA]} if operation.approval is not None else done
    return {**schema, "$defs": definitions} if definitions else schema


HELD_SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "description": "The call waits for approval.",
    "properties": {
        "approval_id": {"type": "string"},
        "status": {"type": "string"},
        "operation": {"type": "string"},
        "preview": {"type": "array", "items": {"type": "object"}},
        "line": {"type": "array", "items": {"type": "object"}},
        "because": {"type": "string"},
    },
    "required": ["approval_id", "status", "operation"],
}
