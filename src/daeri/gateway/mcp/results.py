"""How do outcomes look as MCP results? The very bodies of REST as structured content, and words a model reads.

Plain dicts in the wire's own names: building the SDK's models and dumping them again costs more than the rest.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from daeri.errors import DaeriError
from daeri.operations.outcome import Done, Outcome, Replayed
from daeri.wording import Lang, Text

Result = dict[str, Any]

REPLAYED: Final = "daeri/replayed"
"""In a result's _meta: the same request came before with the same key; this was its answer."""
HELD: Final = Text(
    "결재를 올렸어요 ({approval_id}). {turn} 결재를 기다려요. {because} 끝났는지는 approvals.get으로 볼 수 있고, "
    "결재는 사람이 자기 화면에서만 할 수 있어요.",
    "Filed for approval ({approval_id}). It waits for {turn}. {because} See approvals.get for its state; only people "
    "decide, each in their own session.",
)


def of_outcome(outcome: Outcome, lang: Lang) -> Result:
    """Render what came of a call."""
    body = outcome.body(lang)
    result = of_body(body, said(body, lang) if "approval_id" in body else _say(outcome, body))
    if isinstance(outcome, Replayed):
        result["_meta"] = {REPLAYED: True}
    return result


def of_body(body: Mapping[str, Any], say: str | None = None, *, error: bool = False) -> Result:
    """Render a resource: first its words, if there are any, then the whole as text for clients without structure."""
    texts = [json.dumps(body, ensure_ascii=False, separators=(",", ":"))]
    if say:
        texts.insert(0, say)
    return {
        "content": [{"type": "text", "text": text} for text in texts],
        "structuredContent": body,
        "isError": error,
    }


def of_error(error: DaeriError, lang: Lang, request_id: str) -> Result:
    """Render a refusal as a tool error, so that the model reads why, with the same problem as on every door."""
    problem = error.problem(lang, request_id)
    words = [problem["detail"], *(f"{item['pointer']}: {item['detail']}" for item in problem["errors"])]
    return of_body(problem, " ".join([*words, problem["help"]]), error=True)


def said(held: Mapping[str, Any], lang: Lang) -> str:
    """Say that a call waits, and for whom."""
    because = held["because"]
    ended = because if not because or because.endswith(".") else f"{because}."
    return HELD.to(lang).format(approval_id=held["approval_id"], turn=turn_of(held["line"], lang), because=ended)


def turn_of(line: list[dict[str, Any]], lang: Lang) -> str:
    """Name whose turn it is."""
    waiting = [step for step in line if step.get("status", "waiting") == "waiting"] or line[:1]
    names = [
        f"{step['person']['name']} {step['person']['title'] or step['person']['rank']}".strip() for step in waiting
    ]
    return f"{names[0]}님의" if lang == "ko" and names else "".join(names[:1])


def _say(outcome: Outcome, body: Mapping[str, Any]) -> str | None:
    return outcome.say if isinstance(outcome, Done) else body.get("say")
