"""Which routes look over what others do? Rights, the audit and what models cost, as the API's description has them."""

from collections.abc import Sequence
from typing import Final

from daeri.gateway.endpoints import CURSOR, LIMIT, Endpoint, Parameter, described_json
from daeri.operations.costs import GROUPS

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
