"""Which routes look over what others do? Rights, the audit and what models cost, as the API's description has them."""

from collections.abc import Sequence
from typing import Final

from daeri.gateway.endpoints import CURSOR, LIMIT, Endpoint, Parameter, described_json
from daeri.gateway.schemas import ANYTHING, TEXT, TIME, WHOLE, Schema, list_of, named, object_of, or_null, page_of
from daeri.operations.costs import GROUPS

_USED: Final[dict[str, Schema]] = {
    "calls": WHOLE,
    "failed": WHOLE,
    "cached": {**WHOLE, "description": "Requests that were answered by a remembered reply, at no cost."},
    "input_tokens": WHOLE,
    "output_tokens": WHOLE,
    "cost_usd": or_null("number"),
    "unknown_costs": WHOLE,
}


OVERSIGHT_SCHEMAS: Final[dict[str, Schema]] = {
    "Explanation": object_of(
        "Explanation",
        "Who may do and see what, and which rule says so.",
        person=named("Person"),
        active={"type": "boolean"},
        agent=or_null("string"),
        scopes=or_null("array", items=list_of(TEXT)),
        roles=or_null("array", items=ANYTHING),
        operations=list_of(ANYTHING),
        records=list_of(ANYTHING),
    ),
    "AuditRow": {
        "title": "AuditRow",
        "description": "One thing that was done; rows are named by type and id, or by a range of ids.",
        "type": "object",
        "required": ["seq", "at", "person", "agent", "door", "action", "label", "outcome", "records", "wrote", "hash"],
        "properties": {
            "seq": WHOLE,
            "at": TEXT,
            "person": named("Person"),
            "agent": or_null("string"),
            "agent_label": or_null("string"),
            "door": TEXT,
            "credential": TEXT,
            "action": TEXT,
            "label": TEXT,
            "outcome": TEXT,
            "records": list_of(ANYTHING),
            "wrote": list_of(ANYTHING),
            "personal": or_null("array", items=TEXT),
            "people": or_null(
                "array",
                items={"anyOf": [WHOLE, object_of("People", "As many in a row.", **{"from": WHOLE, "to": WHOLE})]},
            ),
            "masked": or_null("array", items=TEXT),
            "rows": or_null("integer"),
            "from": or_null("string"),
            "code": or_null("string"),
            "more": ANYTHING,
            "approval_id": or_null("string"),
            "run_id": or_null("string"),
            "step": or_null("integer"),
            "request_id": TEXT,
            "arguments_digest": or_null("string"),
            "hash": TEXT,
        },
    },
    "AuditPage": page_of("AuditPage", "AuditRow"),
    "Prompts": object_of(
        "Prompts",
        "The versions of the prompts, the newest first.",
        data=list_of(named("PromptVersion")),
    ),
    "PromptVersion": object_of(
        "PromptVersion",
        "A version of the prompts, and since when it is used.",
        version=TEXT,
        first_used_at=TIME,
    ),
    "Prompt": object_of(
        "Prompt",
        "A version of the prompts: its templates by name, and the agent's instructions.",
        version=TEXT,
        first_used_at=TIME,
        parts={"type": "object", "additionalProperties": TEXT},
    ),
    "AuditProof": {
        "title": "AuditProof",
        "description": "Whether every row is as it was written; where not, the first bad row and what is wrong there.",
        "type": "object",
        "required": ["verified"],
        "properties": {
            "verified": {"type": "boolean"},
            "rows": WHOLE,
            "first": WHOLE,
            "last": WHOLE,
            "last_hash": TEXT,
            "signed_to": WHOLE,
            "keys": list_of(ANYTHING),
            "row": WHOLE,
            "reason": TEXT,
            "at": or_null("string"),
            "action": or_null("string"),
            "person_id": or_null("integer"),
            "agent": or_null("string"),
        },
    },
    "Used": {
        "title": "Used",
        "description": "What a group of uses came to; what they have in common stands under the name of `by`.",
        "type": "object",
        "required": list(_USED),
        "properties": _USED,
    },
    "Agents": object_of(
        "Agents",
        "The agents that the caller may ask.",
        data=list_of(
            object_of(
                "Agent",
                "A deputy: what it may do for whoever it acts for, at most.",
                name=TEXT,
                label=TEXT,
                instructions=TEXT,
                operations={**list_of(TEXT), "description": "Patterns of operations, or effects."},
                model=or_null("string"),
                limits={"type": "object", "description": "What one run may use: calls, seconds, tokens, usd."},
            )
        ),
    ),
    "Usage": object_of(
        "Usage",
        "What models were used, and how the budgets stand that concern the caller.",
        by=TEXT,
        since=or_null("string"),
        until=or_null("string"),
        data=list_of(named("Used")),
        total=named("Used"),
        budgets=list_of(
            object_of(
                "BudgetStanding",
                "A budget, and what is spent of it.",
                of={"enum": ["everyone", "team", "person", "agent", "key"]},
                who=TEXT,
                per={"enum": ["day", "month"]},
                limit_usd=or_null("number"),
                limit_tokens=or_null("integer"),
                spent_usd={"type": "number"},
                spent_tokens=WHOLE,
                state={"enum": ["ok", "warn", "over"]},
                renews_on=TEXT,
            )
        ),
    ),
}

OVERSIGHT_ENDPOINTS: Final[Sequence[Endpoint]] = (
    Endpoint(
        "get",
        "/v1/policies/explain",
        "policies.explain",
        "policies",
        "권한 설명 (explain who may do what)",
        "Says whether a person, perhaps through an agent, may call an operation, see and change a row, and see each "
        "field; with the rule that decided and where it is written. With neither operation nor type, all of both. "
        "Anyone may ask about themself; administrators, auditors and HR about anyone. Values are never shown.",
        {200: described_json("The verdicts.", "Explanation")},
        (
            Parameter("person", "query", {"type": "string"}, "사람 (person): id, login, name; else oneself.", "12"),
            Parameter("agent", "query", {"type": "string"}, "대신하는 에이전트 (agent acting for them).", "assistant"),
            Parameter("operation", "query", {"type": "string"}, "작업 (operation).", "leave.balance"),
            Parameter("type", "query", {"type": "string"}, "기록 종류 (record type).", "employee"),
            Parameter("id", "query", {"type": "string"}, "대상 (row): id or name; needs type.", "12"),
        ),
        problems=("permission-denied", "not-found", "validation-failed"),
    ),
    Endpoint(
        "get",
        "/v1/audit",
        "audit.list",
        "audit",
        "감사 기록 (list what was done)",
        "Who did what, on whose behalf, by which agent and protocol, to whose data; newest first, for auditors only. "
        "Values are never shown. A long audit is looked through a part at a time, so a page may be empty and still "
        "have a next one.",
        {200: described_json("A page of rows.", "AuditPage")},
        (
            Parameter("person", "query", {"type": "string"}, "누구의 데이터 (whose data): id, login or name.", "12"),
            Parameter("actor", "query", {"type": "string"}, "누가 (who acted): id, login or name.", "deputy"),
            Parameter("operation", "query", {"type": "string"}, "작업 (operation); leave. for all of leave.", "leave."),
            Parameter("outcome", "query", {"type": "string"}, "결과 (outcome): done, filed, refused.", "refused"),
            Parameter("type", "query", {"type": "string"}, "기록 종류 (record type).", "employee"),
            Parameter("id", "query", {"type": "string"}, "대상 (row); needs type.", "12"),
            Parameter("since", "query", {"type": "string"}, "언제부터 (from): a time, or a day.", "2026-11-21"),
            Parameter("until", "query", {"type": "string"}, "언제까지 (until): a time, or a day.", "2026-11-21"),
            LIMIT,
            CURSOR,
        ),
        problems=("permission-denied", "validation-failed"),
    ),
    Endpoint(
        "get",
        "/v1/audit/verify",
        "audit.verify",
        "audit",
        "감사 기록 검증 (prove the audit)",
        "Checks every row's hash and the signed notes of the head, inside the database and outside it; names the first "
        "row that is not as it was written. For auditors only; takes about ten seconds for a million rows.",
        {200: described_json("What was found.", "AuditProof")},
        problems=("permission-denied",),
    ),
    Endpoint(
        "get",
        "/v1/prompts",
        "prompts.list",
        "audit",
        "프롬프트 버전 목록 (list versions of the prompts)",
        "Every version of the prompts that models were told, newest first, and since when it is used. A step of a run "
        "names the version it was planned by. For auditors only.",
        {200: described_json("The versions.", "Prompts")},
        problems=("permission-denied",),
    ),
    Endpoint(
        "get",
        "/v1/prompts/{version}",
        "prompts.get",
        "audit",
        "프롬프트 (read a version of the prompts)",
        "The templates of a version and the agent's instructions, as models were told them. For auditors only.",
        {200: described_json("The version.", "Prompt")},
        (Parameter("version", "path", {"type": "string"}, "버전 (version), as steps name it.", "3f2a9c01d7be"),),
        problems=("permission-denied", "not-found"),
    ),
    Endpoint(
        "get",
        "/v1/agents",
        "agents.list",
        "runs",
        "에이전트 목록 (list agents)",
        "The agents that the caller may ask, the default one first, with what they may call and use in one run.",
        {200: described_json("The agents.", "Agents")},
    ),
    Endpoint(
        "get",
        "/v1/usage",
        "usage.get",
        "audit",
        "모델 사용량과 비용 (what models were used and cost)",
        "Tokens and US dollars in groups, and how the budgets stand that concern the caller. Everyone is told of "
        "themself, auditors of everyone. A cost that neither the endpoint nor a price tells is counted as unknown.",
        {200: described_json("What was used.", "Usage")},
        (
            Parameter("by", "query", {"type": "string", "enum": list(GROUPS)}, "나누는 기준 (grouped by).", "model"),
            Parameter("since", "query", {"type": "string"}, "첫날 (first day); this month's if missing.", "2026-11-01"),
            Parameter("until", "query", {"type": "string"}, "마지막 날 (last day), included.", "2026-11-30"),
            Parameter("person", "query", {"type": "string"}, "사람 (person): id, login or name.", "deputy"),
        ),
        problems=("validation-failed",),
    ),
)
