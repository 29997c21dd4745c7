"""Why may this person see this, and not that? The form of the question, and the verdicts with the rules behind them.

Everybody asks about themself; who may ask about others is the service's to say. Values are never shown here.
"""

import shlex
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from daeri.errors import DaeriError
from daeri.records.record import label_of
from daeri.web.desk import Api, Desk, Visitor
from daeri.web.records import BOOKKEEPING

ASKED: Final = ("person", "agent", "operation", "type", "id")
OPTIONS: Final = {"person": "--person", "agent": "--agent", "operation": "--op"}


class PolicyScreens:
    """The policy explorer."""

    def __init__(self, desk: Desk) -> None:
        """Stand on the desk."""
        self._desk = desk

    def add_to(self, router: APIRouter) -> None:
        """Put the screen at its path."""
        self._desk.add(router, "/policies", self.show)

    async def show(self, request: Request, visitor: Visitor) -> Response:
        """Show the form, and what it was asked last; one's own rights where nothing was asked."""
        sent = {name: request.query_params.get(name, "").strip() or None for name in ASKED}
        policies, problem, told = self._desk.services.policies, None, None
        try:
            told = await policies.ask(visitor.signed, sent, visitor.lang)
        except DaeriError as error:
            problem = error.problem(visitor.lang)
        query = urlencode([(name, value) for name, value in sent.items() if value])
        others = policies.may_ask_about_others(visitor.signed)
        findings = policies.lint() if others and not any(sent.values()) else []
        return await self._desk.page(
            request,
            visitor,
            "policies.html",
            status=problem["status"] if problem else 200,
            sent=sent,
            told=told,
            problem=problem,
            others=others,
            findings=[finding.body(visitor.lang) for finding in findings],
            choices=self._choices(visitor),
            bookkeeping=BOOKKEEPING,
            command=command_of(sent),
            api=Api(f"/v1/policies/explain?{query}" if query else "/v1/policies/explain"),
        )

    def _choices(self, visitor: Visitor) -> dict[str, list[tuple[str, str]]]:
        """Return what the form offers: agents, operations, record types."""
        company, lang = self._desk.services.door.company, visitor.lang
        return {
            "agent": [(agent.name, agent.label.to(lang)) for agent in company.agents_for(visitor.signed)],
            "operation": [(name, item.label.to(lang)) for name, item in company.operations.items()],
            "type": [(name, label_of(record).to(lang)) for name, record in sorted(company.records.items())],
        }


def command_of(sent: dict[str, Any]) -> str:
    """Return the command that asks the same."""
    words = ["daeri", "policy", "explain"]
    for name, option in OPTIONS.items():
        if sent[name]:
            words += [option, sent[name]]
    if sent["type"]:
        words += ["--on", sent["type"] + (f"/{sent['id']}" if sent["id"] else "")]
    return shlex.join(words)
