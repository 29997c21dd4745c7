"""How does work that goes on look as an MCP task? A run, a held call, a job: its id is the task's, its state too.

The extension io.modelcontextprotocol/tasks (2026-07-28), over rows that are there anyway: a task is announced when it
is durable, and can be asked for after any restart, by whoever may see the run or the document and nobody else.
A document that waits for people is `working`: there is nothing that the client could put in. Deciding needs a person's
own session.
"""

from collections.abc import Mapping
from typing import Any, Final

from daeri.clock import rfc3339
from daeri.errors import Conflict, NotFound
from daeri.gateway.jsonrpc import Caller
from daeri.gateway.mcp.results import Result, of_body, turn_of
from daeri.gateway.services import Services
from daeri.runs.jobs import KEPT, Job
from daeri.runs.journal import PARKED
from daeri.wording import Lang, Text

EXTENSION: Final = "io.modelcontextprotocol/tasks"
POLL_RUN_MS: Final = 1_000
POLL_JOB_MS: Final = 1_000
POLL_APPROVAL_MS: Final = 15_000
"""People take minutes to days; nobody is helped by asking more often."""
ENDED: Final = frozenset({"completed", "failed", "cancelled"})
NOT_AT_ONCE: Final = frozenset({"result", "error", "inputRequests"})
"""What is told of a task only where it is asked for."""

Task = dict[str, Any]

_WAITS: Final = Text("{turn} 결재를 기다리고 있어요", "Waiting for the approval of {turn}")
_STATES: Final[Mapping[str, Text]] = {
    "queued": Text("곧 시작해요", "About to start"),
    "running": Text("처리하고 있어요", "At work"),
    "waiting_run": Text("처리하고 있어요", "At work"),
    "applied": Text("결재가 끝나 반영했어요", "Approved and carried out"),
    "rejected": Text("반려됐어요", "Rejected"),
    "withdrawn": Text("기안을 회수했어요", "Withdrawn"),
    "apply_failed": Text("결재는 끝났지만 반영하지 못했어요", "Approved, but it could not be carried out"),
    "cancelled": Text("실행을 멈췄어요", "The run was stopped"),
    "expired": Text("기한이 지났어요", "It expired"),
}
_OF_APPROVAL: Final[Mapping[str, str]] = {
    "in_progress": "working",
    "applied": "completed",
    "rejected": "completed",
    "apply_failed": "completed",
    "withdrawn": "cancelled",
}
_OF_RUN: Final[Mapping[str, str]] = {
    "queued": "working",
    "running": "working",
    "waiting_approval": "working",
    "waiting_input": "working",
    "waiting_run": "working",
    "succeeded": "completed",
    "failed": "completed",
    "expired": "completed",
    "cancelled": "cancelled",
}


class Tasks:
    """Shows runs and documents as tasks."""

    def __init__(self, services: Services) -> None:
        """Take the services."""
        self._runs = services.runs
        self._approvals = services.approvals
        self._jobs = services.jobs

    async def get(self, caller: Caller, task_id: str) -> Task:
        """Return a task with its result, if it has one.

        Raises:
            NotFound: there is none, or it is not the caller's to see.
        """
        if task_id.startswith("run_"):
            return of_run(await self._runs.get(caller.actor, task_id, caller.lang), caller.lang)
        if task_id.startswith("apr_"):
            return of_approval(await self._approvals.show(caller.actor, task_id, caller.lang), caller.lang)
        if task_id.startswith("job_"):
            return of_job(await self._jobs.get(caller.actor, task_id))
        raise NotFound

    async def mark(self, caller: Caller, task_id: str) -> str:
        """Return what changes when a task does; looking at a document itself is an act that is written down.

        Raises:
            NotFound: there is none, or it is not the caller's to see.
        """
        if task_id.startswith("apr_"):
            return str(await self._approvals.version(caller.actor, task_id))
        if task_id.startswith("job_"):
            job = await self._jobs.get(caller.actor, task_id)
            return f"{job.status} {job.changed_at.isoformat()}"
        return str((await self._runs.get(caller.actor, task_id, caller.lang))["status"])

    async def update(self, caller: Caller, task_id: str, responses: Mapping[str, Any]) -> None:
        """Take answers to what a task asks. Only jobs ask here: of a run its person is asked, in their own session.

        Raises:
            NotFound: there is none, or it is not the caller's to see.
        """
        if task_id.startswith("job_"):
            await self._jobs.answer(caller.actor, task_id, responses)
        else:
            await self.mark(caller, task_id)

    async def cancel(self, caller: Caller, task_id: str) -> None:
        """Stop a run or a job, or take a document back; nothing happens where it is too late for that.

        Raises:
            NotFound: there is none, or it is not the caller's to see.
            PermissionDenied: it is someone else's document.
        """
        try:
            if task_id.startswith("run_"):
                await self._runs.cancel(caller.actor, task_id, caller.lang)
            elif task_id.startswith("job_"):
                await self._jobs.cancel(caller.actor, task_id)
            elif task_id.startswith("apr_"):
                await self._approvals.withdraw(caller.actor, task_id, lang=caller.lang)
            else:
                raise NotFound
        except Conflict:
            return


def created(task: Task) -> Result:
    """Answer a call with the task that it became."""
    return {"resultType": "task", **{name: value for name, value in task.items() if name not in NOT_AT_ONCE}}


def of_held(held: Mapping[str, Any], at: str, lang: Lang) -> Task:
    """Render a call that was just held."""
    task = _task(held["approval_id"], "working", (at, at), POLL_APPROVAL_MS)
    return task | {
        "statusMessage": _WAITS.to(lang).format(turn=turn_of(held["line"], lang)),
        "_meta": {"daeri/approval": dict(held)},
    }


def of_approval(document: Mapping[str, Any], lang: Lang) -> Task:
    """Render a document."""
    state, status = document["status"], _OF_APPROVAL[document["status"]]
    last = max([document["drafted_at"], *(act["at"] for act in document["history"])])
    task = _task(document["approval_id"], status, (document["drafted_at"], last), POLL_APPROVAL_MS)
    if state == "in_progress":
        return task | {"statusMessage": _WAITS.to(lang).format(turn=turn_of(document["line"], lang))}
    words = _STATES[state].to(lang)
    comments = [step["comment"] for step in document["line"] if step["status"] == "rejected" and step["comment"]]
    told = ": ".join([words, *filter(None, [document["failure"], *comments])])
    if status == "completed":
        say = document["result_say"] if state == "applied" and document["result_say"] else told
        task["result"] = of_body(document, say, error=state != "applied")
    return task | {"statusMessage": told}


def of_run(run: Mapping[str, Any], lang: Lang) -> Task:
    """Render a run."""
    state = run["status"]
    times = (run["created_at"], run["finished_at"] or run["created_at"])
    poll = POLL_APPROVAL_MS if state in PARKED else POLL_RUN_MS
    task = _task(run["run_id"], _OF_RUN[state], times, poll)
    if task["status"] == "completed":
        task["result"] = of_body(run, said(run), error=state != "succeeded")
    words = run["answer"] if state == "waiting_approval" else None
    if words is None and state in _STATES:
        words = _STATES[state].to(lang)
    return task | ({"statusMessage": words} if words else {})


def of_job(job: Job) -> Task:
    """Render a job: what its tool answered with is in the protocol's words already."""
    task = _task(job.id, job.status, (rfc3339(job.created_at), rfc3339(job.changed_at)), POLL_JOB_MS)
    told = {"statusMessage": job.message, "inputRequests": job.questions, "result": job.result, "error": job.error}
    kept = int(KEPT.total_seconds() * 1000)
    return task | {"ttlMs": kept} | {name: value for name, value in told.items() if value is not None}


def said(run: Mapping[str, Any]) -> str | None:
    """Return what a run has to say: its answer, or why it failed."""
    return run["answer"] or (run["error"]["detail"] if run["error"] else None)


def _task(task_id: str, status: str, times: tuple[str, str], poll: int) -> Task:
    task = {"taskId": task_id, "status": status, "createdAt": times[0], "lastUpdatedAt": times[1], "ttlMs": None}
    return task if status in ENDED else {**task, "pollIntervalMs": poll}
