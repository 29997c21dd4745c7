"""How is a run told to its person? The resource that every protocol shows."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Row

from daeri.clock import rfc3339
from daeri.operations.company import Company
from daeri.wording import Lang, Text

_FILED: Final = Text(
    "결재를 올렸어요: {label} ({changes}). 결재선: {turns} ({because}). 결재가 끝나면 이어서 알려 드릴게요.",
    "Filed for approval: {label} ({changes}). Approval line: {turns} ({because}). I will go on when it is decided.",
)


def body(company: Company, row: Row[Any], steps: Sequence[Row[Any]], lang: Lang) -> dict[str, Any]:
    """Render a run with its steps."""
    return {
        "run_id": row.id,
        "session_id": row.session_id,
        "agent": row.agent,
        "agent_label": company.agent_label(row.agent, lang),
        "status": row.status,
        "input": row.input,
        "answer": _waiting_for(company, steps, lang) if row.status == "waiting_approval" else row.answer,
        "choices": row.choices or [],
        "citations": row.citations or [],
        "approvals": list(dict.fromkeys(item.approval_id for item in steps if item.approval_id)),
        "usage": row.usage or {},
        "response_format": (row.terms or {}).get("response_format"),
        "calls": [_call(item) for item in steps if row.status == "waiting_input" and item.status == "waiting"],
        "steps": [_step_body(item, lang) for item in steps],
        "error": row.error,
        "replaced_by": row.replaced_by,
        "copied_from": row.copied_from,
        "created_at": rfc3339(row.created_at),
        "finished_at": rfc3339(row.finished_at) if row.finished_at else None,
        "parent_run_id": row.parent_id,
    }


def _call(item: Row[Any]) -> dict[str, Any]:
    """Render a call of a function of the caller's, which the run waits for."""
    return {"call_id": item.output["handed"]["call_id"], "name": item.name, "arguments": item.input or {}}


def as_it_waited(company: Company, run: Mapping[str, Any], held: Mapping[str, Any], lang: Lang) -> dict[str, Any]:
    """Return a run as it was when it began to wait for a document, of which the event `held` told."""
    steps = [step for step in run["steps"] if step["seq"] < held["step"]]
    approvals = [*(step["approval_id"] for step in steps if step["approval_id"]), held["approval_id"]]
    approvals = list(dict.fromkeys(approvals))
    then = {"status": "waiting_approval", "answer": _filed(company, held, lang), "approvals": approvals, "calls": []}
    return {**run, **then, "steps": steps, "error": None, "choices": [], "citations": [], "usage": {}}


def _waiting_for(company: Company, steps: Sequence[Row[Any]], lang: Lang) -> str | None:
    """Say what waits: the answer until there is one."""
    held = next((item.output["held"] for item in steps if item.status == "waiting" and "held" in item.output), None)
    return None if held is None else _filed(company, held, lang)


def _filed(company: Company, filed: Mapping[str, Any], lang: Lang) -> str:
    """Say what was filed, what it would change, and whose turn it is."""
    calls = [filed, *filed.get("bundled", ())]
    label = company.title([call["operation"] for call in calls]).to(lang)
    changes = ", ".join(
        f"{each['label']} {each['before']} → {each['after']}" for call in calls for each in call["preview"]
    )
    turns = " → ".join(
        f"{step['person']['name']} {step['person']['title'] or step['person']['rank']}" for step in filed["line"]
    )
    return _FILED.to(lang).format(label=label, changes=changes, turns=turns, because=filed["because"])


def _step_body(item: Row[Any], lang: Lang) -> dict[str, Any]:
    output = item.output or {}
    if output.get("refused"):
        output = {**output, "refused": output["refused"][lang]}
    return {
        "seq": item.seq,
        "kind": item.kind,
        "name": item.name,
        "status": item.status,
        "summary": item.summary,
        "milliseconds": item.milliseconds,
        "input": item.input,
        "output": output,
        "approval_id": item.approval_id,
    }
