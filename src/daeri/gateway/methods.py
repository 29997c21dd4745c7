"""Which methods does JSON-RPC have? The services under the names of UX section 5, and every operation by its own.

Each entry decodes its parameters and calls one service; envelopes and codes are jsonrpc.py's.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar, cast

from daeri.gateway import bodies, office_bodies
from daeri.gateway.jsonrpc import Caller, Method
from daeri.gateway.office_methods import OfficeMethods
from daeri.gateway.services import Services
from daeri.gateway.wire import Sent, fitted
from daeri.operations.approval import Box
from daeri.operations.listing import ListQuery
from daeri.operations.operation import Operation
from daeri.runs.answer_format import read_format
from daeri.runs.request import Terms
from daeri.wording import Text

WAIT_DEFAULT: Final = 60.0
"""Seconds get_response waits where the caller names none."""

S = TypeVar("S", bound=Sent)

_ASKS: Final = Text("추가로 알려 주실 것이 있어요.", "Something more is needed from you.")
_WORKS: Final = Text(
    "아직 처리하고 있어요. runs.get으로 결과를 확인해 주세요.", "Still working; ask for the result with runs.get."
)
_STOPPED: Final = Text("실행을 멈췄어요.", "The run was stopped.")


class Methods:
    """Finds methods by name."""

    def __init__(self, services: Services) -> None:
        """Take the services."""
        self._services = services
        office = OfficeMethods(services)
        self._own: dict[str, Method] = {
            "get_response": _method(bodies.Asked, self.get_response),
            "me": _method(bodies.Nothing, self.me),
            "ops.list": _method(bodies.Nothing, self.list_operations),
            "ops.describe": _method(bodies.OperationNamed, self.describe_operation),
            "ops.call": _method(bodies.OperationCalled, self.call_operation),
            "runs.create": _method(bodies.RunCreated, self.create_run),
            "runs.get": _method(bodies.RunRead, self.get_run),
            "runs.list": _method(bodies.RunList, self.list_runs),
            "runs.cancel": _method(bodies.RunNamed, self.cancel_run),
            "runs.edit": _method(bodies.RunEditedById, self.edit_run),
            "runs.results": _method(bodies.ResultsToldById, self.tell_results),
            "conversations.list": _method(bodies.ConversationList, self.list_conversations),
            "conversations.get": _method(bodies.ConversationNamed, self.get_conversation),
            "conversations.rename": _method(bodies.ConversationRenamedById, self.rename_conversation),
            "conversations.delete": _method(bodies.ConversationNamed, self.delete_conversation),
            "conversations.fork": _method(bodies.ConversationForkedById, self.fork_conversation),
            "approvals.list": _method(bodies.BoxRead, self.list_approvals),
            "approvals.get": _method(bodies.ApprovalNamed, self.get_approval),
            "approvals.decide": _method(bodies.ApprovalDecided, self.decide),
            "approvals.withdraw": _method(bodies.ApprovalWithdrawn, self.withdraw),
            "approvals.approve_several": _method(office_bodies.SeveralApproved, office.approve_several),
            "approvals.redraft": _method(bodies.ApprovalNamed, office.redraft),
            "drafts.list": _method(bodies.Nothing, office.list_drafts),
            "drafts.create": _method(office_bodies.DraftSaved, office.save_draft),
            "drafts.get": _method(office_bodies.DraftNamed, office.get_draft),
            "drafts.update": _method(office_bodies.DraftRewritten, office.rewrite_draft),
            "drafts.delete": _method(office_bodies.DraftNamed, office.drop_draft),
            "drafts.file": _method(office_bodies.DraftNamed, office.file_draft),
            "absences.list": _method(bodies.Nothing, office.list_absences),
            "absences.set": _method(office_bodies.AbsenceSet, office.set_absence),
            "absences.end": _method(office_bodies.AbsenceNamed, office.end_absence),
            "consents.list": _method(bodies.Nothing, office.list_consents),
            "consents.give": _method(office_bodies.ConsentAsked, office.give_consent),
            "consents.revoke": _method(office_bodies.ConsentNamed, office.revoke_consent),
            "delegations.list": _method(bodies.Nothing, office.list_delegations),
            "delegations.get": _method(office_bodies.DelegationNamed, office.get_delegation),
            "records.types": _method(bodies.Nothing, self.list_types),
            "records.list": _method(bodies.RecordList, self.list_records),
            "records.get": _method(bodies.RecordNamed, self.get_record),
            "records.history": _method(bodies.RecordHistory, self.record_history),
            "policies.explain": _method(bodies.PolicyAsked, self.explain_policy),
            "audit.list": _method(bodies.AuditAsked, self.list_audit),
            "audit.verify": _method(bodies.Nothing, self.verify_audit),
            "prompts.list": _method(bodies.Nothing, self.list_prompts),
            "prompts.get": _method(bodies.PromptNamed, self.get_prompt),
            "usage.get": _method(bodies.UsageAsked, self.get_usage),
        }

    def find(self, name: str) -> Method | None:
        """Return the method of this name, None where there is none."""
        operation = self._services.door.company.operations.get(name)
        return self._own.get(name) or (self._of(operation) if operation else None)

    def _of(self, operation: Operation) -> Method:
        async def run(caller: Caller, params: dict[str, Any]) -> Any:
            return await self._call(caller, operation.name, params, caller.idempotency_key)

        return Method(tuple(operation.input.model_fields), run)

    async def _call(self, caller: Caller, name: str, arguments: dict[str, Any], key: str | None) -> Any:
        outcome = await self._services.door.call(caller.actor, name, arguments, lang=caller.lang, idempotency_key=key)
        return outcome.body(caller.lang)

    async def get_response(self, caller: Caller, asked: bodies.Asked) -> Any:
        """Ask an agent and answer when it has, or when it waits for a person."""
        runs = self._services.runs
        run = await runs.create(
            caller.actor,
            asked.prompt,
            agent=asked.agent,
            session_id=asked.session_id,
            lang=caller.lang,
            idempotency_key=caller.idempotency_key,
            terms=Terms(answer_format=read_format(asked.response_format)),
        )
        wait = _patience(caller, WAIT_DEFAULT if asked.wait is None else asked.wait)
        run = await runs.wait(caller.actor, run["run_id"], wait, caller.lang)
        told = ("run_id", "session_id", "status", "choices", "approvals", "citations", "usage", "error")
        return {"response": _response(caller, run), **{name: run[name] for name in told}}

    async def me(self, caller: Caller, _: bodies.Nothing) -> Any:
        """Tell who the caller is."""
        return await self._services.identity.me(caller.actor, caller.lang)

    async def list_operations(self, caller: Caller, _: bodies.Nothing) -> Any:
        """List the operations the caller may use."""
        data = [operation.body(caller.lang) for operation in self._services.door.operations(caller.actor)]
        return {"data": data, "next_cursor": None, "has_more": False}

    async def describe_operation(self, caller: Caller, named: bodies.OperationNamed) -> Any:
        """Describe an operation."""
        return self._services.door.operation(caller.actor, named.name).body(caller.lang)

    async def call_operation(self, caller: Caller, called: bodies.OperationCalled) -> Any:
        """Call an operation, or tell what a call would do."""
        if called.dry_run:
            door = self._services.door
            draft = await door.dry_run(caller.actor, called.name, called.arguments, lang=caller.lang)
            return draft.body(caller.lang)
        key = called.idempotency_key or caller.idempotency_key
        return await self._call(caller, called.name, called.arguments, key)

    async def create_run(self, caller: Caller, asked: bodies.RunCreated) -> Any:
        """Start a run; wait for its end where asked to."""
        runs = self._services.runs
        run = await runs.create(
            caller.actor,
            asked.input,
            agent=asked.agent,
            session_id=asked.session_id,
            lang=caller.lang,
            idempotency_key=asked.idempotency_key or caller.idempotency_key,
            terms=asked.terms(),
        )
        if not asked.wait:
            return run
        return await runs.wait(caller.actor, run["run_id"], _patience(caller, asked.wait), caller.lang)

    async def get_run(self, caller: Caller, read: bodies.RunRead) -> Any:
        """Show a run."""
        runs = self._services.runs
        return await runs.wait(caller.actor, read.run_id, _patience(caller, read.wait), caller.lang)

    async def list_runs(self, caller: Caller, listed: bodies.RunList) -> Any:
        """List the caller's runs."""
        return await self._services.runs.page(
            caller.actor, limit=listed.limit, cursor=listed.cursor, session_id=listed.session_id
        )

    async def cancel_run(self, caller: Caller, named: bodies.RunNamed) -> Any:
        """Stop a run."""
        return await self._services.runs.cancel(caller.actor, named.run_id, caller.lang)

    async def edit_run(self, caller: Caller, edited: bodies.RunEditedById) -> Any:
        """Ask a turn again in other words; wait for its end where asked to."""
        runs, key = self._services.runs, edited.idempotency_key or caller.idempotency_key
        run = await runs.edit(caller.actor, edited.run_id, edited.input, lang=caller.lang, idempotency_key=key)
        if not edited.wait:
            return run
        return await runs.wait(caller.actor, run["run_id"], _patience(caller, edited.wait), caller.lang)

    async def tell_results(self, caller: Caller, told: bodies.ResultsToldById) -> Any:
        """Tell what the caller's functions returned; wait for the run's end where asked to."""
        runs = self._services.runs
        run = await runs.returned(caller.actor, told.run_id, told.of(told.run_id), caller.lang)
        if not told.wait:
            return run
        return await runs.wait(caller.actor, told.run_id, _patience(caller, told.wait), caller.lang)

    async def list_conversations(self, caller: Caller, asked: bodies.ConversationList) -> Any:
        """List the caller's conversations, or those that hold some words."""
        return await self._services.runs.conversations.page(
            caller.actor, search=asked.q or "", limit=asked.limit, cursor=asked.cursor, lang=caller.lang
        )

    async def get_conversation(self, caller: Caller, named: bodies.ConversationNamed) -> Any:
        """Show a conversation."""
        return await self._services.runs.conversations.get(caller.actor, named.session_id, caller.lang)

    async def rename_conversation(self, caller: Caller, named: bodies.ConversationRenamedById) -> Any:
        """Call a conversation otherwise."""
        conversations = self._services.runs.conversations
        return await conversations.rename(caller.actor, named.session_id, named.title, caller.lang)

    async def delete_conversation(self, caller: Caller, named: bodies.ConversationNamed) -> None:
        """Delete a conversation."""
        await self._services.runs.conversations.delete(caller.actor, named.session_id)

    async def fork_conversation(self, caller: Caller, named: bodies.ConversationForkedById) -> Any:
        """Begin a conversation with a copy of another one's turns."""
        conversations = self._services.runs.conversations
        return await conversations.fork(caller.actor, named.session_id, named.run_id, caller.lang)

    async def list_approvals(self, caller: Caller, read: bodies.BoxRead) -> Any:
        """List one box."""
        return await self._services.approvals.box(
            caller.actor, cast("Box", read.box), limit=read.limit, cursor=read.cursor, lang=caller.lang
        )

    async def get_approval(self, caller: Caller, named: bodies.ApprovalNamed) -> Any:
        """Show a document."""
        return await self._services.approvals.show(caller.actor, named.approval_id, caller.lang)

    async def decide(self, caller: Caller, decided: bodies.ApprovalDecided) -> Any:
        """Approve or reject."""
        return await self._services.approvals.decide(
            caller.actor,
            decided.approval_id,
            decided.decision,
            decided.comment,
            version=decided.version,
            lang=caller.lang,
            more=await decided.more(self._services.office.directory, caller.actor),
        )

    async def withdraw(self, caller: Caller, withdrawn: bodies.ApprovalWithdrawn) -> Any:
        """Take one's own document back."""
        return await self._services.approvals.withdraw(
            caller.actor, withdrawn.approval_id, withdrawn.comment, version=withdrawn.version, lang=caller.lang
        )

    async def list_types(self, caller: Caller, _: bodies.Nothing) -> Any:
        """List the record types."""
        data = self._services.shelf.types(caller.actor, caller.lang)
        return {"data": data, "next_cursor": None, "has_more": False}

    async def list_records(self, caller: Caller, listed: bodies.RecordList) -> Any:
        """List rows of one type."""
        query = ListQuery(
            limit=listed.limit,
            cursor=listed.cursor,
            sort=listed.sort,
            filters=[bodies.filter_of(name, value) for name, value in listed.filters.items()],
            search=listed.q,
            fields=listed.fields,
            count=listed.count is not None,
        )
        return await self._services.shelf.page(caller.actor, listed.type, query, caller.lang)

    async def get_record(self, caller: Caller, named: bodies.RecordNamed) -> Any:
        """Show one row."""
        return await self._services.shelf.get(caller.actor, named.type, named.id, caller.lang, named.fields)

    async def record_history(self, caller: Caller, named: bodies.RecordHistory) -> Any:
        """Show who wrote a row."""
        return await self._services.shelf.history(
            caller.actor, named.type, named.id, limit=named.limit, cursor=named.cursor, lang=caller.lang
        )

    async def explain_policy(self, caller: Caller, asked: bodies.PolicyAsked) -> Any:
        """Explain who may do and see what, and which rule says so."""
        return await self._services.policies.ask(caller.actor, asked.model_dump(), caller.lang)

    async def list_audit(self, caller: Caller, asked: bodies.AuditAsked) -> Any:
        """List what was done, for auditors."""
        sent = asked.model_dump(exclude={"limit", "cursor"})
        return await self._services.audit_log.page(
            caller.actor, sent, limit=asked.limit, cursor=asked.cursor, lang=caller.lang
        )

    async def verify_audit(self, caller: Caller, _: bodies.Nothing) -> Any:
        """Prove that no row of the audit was changed."""
        return await self._services.audit_log.verify(caller.actor, caller.lang)

    async def list_prompts(self, caller: Caller, _: bodies.Nothing) -> Any:
        """List the versions of the prompts, for auditors."""
        return await self._services.prompt_log.page(caller.actor)

    async def get_prompt(self, caller: Caller, named: bodies.PromptNamed) -> Any:
        """Tell by which words models were told what to do, for auditors."""
        return await self._services.prompt_log.get(caller.actor, named.version)

    async def get_usage(self, caller: Caller, asked: bodies.UsageAsked) -> Any:
        """Tell what models were used and what they cost."""
        return await self._services.costs.page(caller.actor, asked.model_dump())


def _method(model: type[S], run: Callable[[Caller, S], Awaitable[Any]]) -> Method:
    async def fit_and_run(caller: Caller, params: dict[str, Any]) -> Any:
        return await run(caller, fitted(model, params))

    return Method(tuple(model.model_fields), fit_and_run)


def _patience(caller: Caller, wanted: float) -> float:
    """Return how long this call may wait of what its request has left."""
    return max(0.0, min(wanted, caller.deadline - time.monotonic()))


def _response(caller: Caller, run: dict[str, Any]) -> str:
    """Word where a run stands: its answer, or why there is none yet."""
    lang, status = caller.lang, run["status"]
    if run["answer"]:
        return str(run["answer"])
    if run["error"]:
        return str(run["error"]["detail"])
    return {"waiting_input": _ASKS, "cancelled": _STOPPED}.get(status, _WORKS).to(lang)
