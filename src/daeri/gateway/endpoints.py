"""Which fixed routes are there, as the API's description tells them? One entry for each method of each path."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

from daeri.gateway.bodies import Arguments, Decided, Nothing, ResultsTold, RpcRequest, RunAsked, RunEdited, Withdrawn
from daeri.gateway.wire import INTEGER_MAX, KEY_PATTERN, Sent
from daeri.operations.approval import Box

Place = Literal["query", "header", "path"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter beside the body."""

    name: str
    place: Place
    schema: Mapping[str, Any]
    description: str
    example: Any = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one path.

    Attributes:
        name: its operationId, the name it has on every protocol.
        responses: what it answers with when all is well, by status.
        problems: the codes it may answer with beside those that every route has.
        problems_as: the schema of those that the route itself answers with, where its protocol has a form of its own.
        form: the schema of a form with a file, where the body is one.
        taken: the schema of a body that is read by another protocol's rules.
        is_urlencoded: the body is described as a form, as OAuth has it.
        is_openai: it answers in OpenAI's words alone, with their statuses.
        public: needs no credential.
    """

    method: Literal["get", "post", "patch", "delete"]
    path: str
    name: str
    tag: str
    summary: str
    description: str
    responses: Mapping[int, Any] | Mapping[int | str, Any]
    parameters: Sequence[Parameter] = ()
    body: type[Sent] | None = None
    form: Mapping[str, Any] | None = None
    body_required: bool = True
    problems: Sequence[str] = field(default=("validation-failed",))
    problems_as: str | None = None
    taken: str = ""
    is_urlencoded: bool = False
    is_openai: bool = False
    public: bool = False


def described_json(description: str, name: str) -> dict[str, Any]:
    """Describe an answer in JSON by the name of its schema."""
    schema = {"$ref": f"#/components/schemas/{name}"}
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _either(description: str, *names: str) -> dict[str, Any]:
    schema = {"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in names]}
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def media(description: str, *types: str) -> dict[str, Any]:
    """Describe an answer that is no JSON."""
    return {"description": description, "content": {kind: {"schema": {"type": "string"}} for kind in types}}


_NUMBER: Final = {"type": "integer", "minimum": 1, "maximum": INTEGER_MAX}
LIMIT: Final = Parameter("limit", "query", {**_NUMBER, "default": 50}, "개수 (rows of a page), at most 200.", 20)
CURSOR: Final = Parameter("cursor", "query", {"type": "string"}, "다음 쪽 (next page): next_cursor of the last one.")
_WAIT: Final = Parameter(
    "wait", "query", {"type": "number", "minimum": 0}, "기다릴 초 (seconds to wait for its end), at most 60.", 30
)
IDEMPOTENCY_KEY: Final = Parameter(
    "Idempotency-Key",
    "header",
    {"type": "string", "pattern": KEY_PATTERN},
    "The same key never acts twice within a day.",
    "2026-11-26-leave-1",
)
DRY_RUN: Final = Parameter(
    "dry_run", "query", {"type": "boolean", "default": False}, "true: only tell what it would do."
)
_IF_MATCH: Final = Parameter(
    "If-Match", "header", {"type": "string"}, "The version that was read; 412 when it changed since.", '"1"'
)
IF_NONE_MATCH: Final = Parameter(
    "If-None-Match", "header", {"type": "string"}, "The version that the caller has.", '"1"'
)
SORT: Final = Parameter("sort", "query", {"type": "string"}, "정렬 (field to sort by; -field downward).", "id")
Q: Final = Parameter(
    "q", "query", {"type": "string"}, "이름·초성 검색 (search in names; ㄱㅎㅇ finds 김하은).", "ㄱㅎㅇ"
)
FIELDS: Final = Parameter(
    "fields", "query", {"type": "string"}, "받을 항목 (fields to answer with), comma separated.", "name"
)
COUNT: Final = Parameter(
    "count", "query", {"enum": ["exact"]}, "전체 개수도 (the number of all rows too); null if it takes long."
)
ALWAYS: Final = ("invalid-request", "unauthenticated", "rate-limited", "headers-too-large", "internal", "not-ready")
"""Problems that every route which needs a caller may answer with."""
WRITES: Final = ("payload-too-large", "unsupported-media-type", "validation-failed")
DECIDES: Final = ("permission-denied", "not-found", "conflict", "stale-version", *WRITES)

TAGS: Final[Sequence[Mapping[str, str]]] = (
    {"name": "runs", "description": "에이전트에게 맡긴 일 (an agent's work)"},
    {"name": "conversations", "description": "대화 (the runs that belong together)"},
    {"name": "operations", "description": "회사의 작업 목록 (what the company can do)"},
    {"name": "approvals", "description": "결재 (approval documents and decisions)"},
    {"name": "records", "description": "회사 기록 (the company's records)"},
    {"name": "openai", "description": "OpenAI와 같은 말로 (in OpenAI's own words)"},
    {"name": "keys", "description": "API 키와 로그인 (keys and sessions)"},
    {"name": "documents", "description": "문서 (the company's documents)"},
    {"name": "policies", "description": "권한 (who may do and see what, and which rule says so)"},
    {"name": "audit", "description": "감사 (who did what to whose data, and the proof of it)"},
    {"name": "server", "description": "서버 (the server itself, and who the caller is)"},
)

ENDPOINTS: Final[Sequence[Endpoint]] = (
    Endpoint(
        "post",
        "/v1/runs",
        "runs.create",
        "runs",
        "에이전트에게 요청하기 (ask an agent)",
        "Accepts a question or a request in plain words; the run survives any crash. Use it when you do not know which "
        "operation fits; call the operation itself when you do. Changes that need approval wait for it.",
        {202: described_json("Accepted; Location names the run. With wait, the run as it then stands.", "Run")},
        (_WAIT, IDEMPOTENCY_KEY),
        RunAsked,
        problems=("not-found", "conflict", "idempotency-mismatch", *WRITES),
    ),
    Endpoint(
        "get",
        "/v1/runs",
        "runs.list",
        "runs",
        "내 실행 목록 (my runs)",
        "The caller's runs, newest first; with session_id those of one conversation, oldest first.",
        {200: described_json("A page of runs.", "RunPage")},
        (LIMIT, CURSOR, Parameter("session_id", "query", {"type": "string"}, "대화 (conversation), e.g. ses_01KAJ…")),
    ),
    Endpoint(
        "get",
        "/v1/runs/{run_id}",
        "runs.get",
        "runs",
        "실행 보기 (show a run)",
        "A run with its steps, answer and sources. With wait it is held until the run ends or waits for a person.",
        {200: described_json("The run.", "Run")},
        (_WAIT,),
        problems=("not-found", "validation-failed"),
    ),
    Endpoint(
        "get",
        "/v1/runs/{run_id}/events",
        "runs.events",
        "runs",
        "실행 이벤트 듣기 (listen to a run)",
        "Server-Sent Events: first those that were, then as they come, until stream.end. Ids are numbers without gaps; "
        "text that is being spoken has the last number and, after a dot, how many letters were spoken until then. Send "
        "the last id as Last-Event-ID to go on after it: no letter comes twice.",
        {
            200: {
                "description": "The events; the schema is that of one event.",
                "content": {"text/event-stream": {"schema": {"$ref": "#/components/schemas/RunEvent"}}},
            },
            204: {"description": "The run has ended and every event was heard."},
        },
        (
            Parameter("after", "query", {"type": "integer", "minimum": 0}, "이 번호 다음부터 (only later events).", 3),
            Parameter(
                "Last-Event-ID",
                "header",
                {"type": "string", "pattern": r"^[0-9]{1,19}(\.[0-9]{1,19})?$"},
                "Like after, with the place in what is spoken; it goes first.",
            ),
        ),
        problems=("not-found", "validation-failed"),
    ),
    Endpoint(
        "post",
        "/v1/runs/{run_id}/cancel",
        "runs.cancel",
        "runs",
        "실행 멈추기 (stop a run)",
        "Stops a run; documents it has filed stay with their approvers until they are withdrawn.",
        {200: described_json("The run.", "Run")},
        (),
        Nothing,
        body_required=False,
        problems=("not-found", "conflict", *WRITES),
    ),
    Endpoint(
        "post",
        "/v1/runs/{run_id}/edit",
        "runs.edit",
        "runs",
        "고쳐서 다시 묻기 (ask again in other words)",
        "Asks a turn of a conversation again: it and the turns after it leave the context, but stay in the history "
        "with replaced_by; what still works is stopped, what waits for an approval is not.",
        {202: described_json("Accepted; Location names the new run. With wait, as it then stands.", "Run")},
        (_WAIT, IDEMPOTENCY_KEY),
        RunEdited,
        problems=("not-found", "conflict", "idempotency-mismatch", *WRITES),
    ),
    Endpoint(
        "post",
        "/v1/runs/{run_id}/results",
        "runs.results",
        "runs",
        "함수의 결과 알리기 (tell what functions returned)",
        "Tells what the functions of the caller's own returned that the run waits for (calls), all of them at once; it "
        "goes on. The same results may be told again.",
        {202: described_json("Accepted. With wait, as it then stands.", "Run")},
        (_WAIT,),
        ResultsTold,
        problems=("not-found", "conflict", *WRITES),
    ),
    Endpoint(
        "get",
        "/v1/ops",
        "ops.list",
        "operations",
        "작업 목록 (list operations)",
        "The operations that the caller may use, with their input schemas.",
        {200: described_json("All of them on one page.", "OperationPage")},
    ),
    Endpoint(
        "get",
        "/v1/ops/{name}",
        "ops.describe",
        "operations",
        "작업 보기 (describe an operation)",
        "One operation: when to use it, what it takes and gives. POST to the same address calls it.",
        {200: described_json("The operation.", "Operation")},
        problems=("permission-denied", "not-found", "validation-failed"),
    ),
    Endpoint(
        "post",
        "/v1/ops/{name}",
        "ops.call",
        "operations",
        "작업 실행하기 (call an operation)",
        "Calls any operation by name; each has a path of its own below, with its own input. Changes that need approval "
        "become a document first (202).",
        {
            200: _either("Done; or, with dry_run, what would be done.", "CallResult", "DryRun"),
            202: described_json("Filed: it waits for its approval line. Location names the document.", "HeldCall"),
        },
        (DRY_RUN, IDEMPOTENCY_KEY),
        Arguments,
        body_required=False,
        problems=("permission-denied", "not-found", "conflict", "idempotency-mismatch", *WRITES),
    ),
    Endpoint(
        "get",
        "/v1/approvals",
        "approvals.list",
        "approvals",
        "결재함 (approval box)",
        "One box of the caller: waiting and upcoming oldest first, the others newest first.",
        {200: described_json("A page of documents.", "ApprovalPage")},
        (
            Parameter(
                "box",
                "query",
                {"enum": list(get_args(Box)), "default": "waiting"},
                "결재 대기, 예정, 기안, 진행, 완료, 반려, 참조 (which box).",
            ),
            LIMIT,
            CURSOR,
        ),
    ),
    Endpoint(
        "get",
        "/v1/approvals/{approval_id}",
        "approvals.get",
        "approvals",
        "결재 문서 보기 (show a document)",
        "A document for its drafter, the people of its line and auditors. ETag begins with its version.",
        {
            200: described_json("The document.", "Approval"),
            304: {"description": "It is still what If-None-Match names."},
        },
        (IF_NONE_MATCH,),
        problems=("not-found", "validation-failed"),
    ),
    Endpoint(
        "post",
        "/v1/approvals/{approval_id}/decisions",
        "approvals.decide",
        "approvals",
        "결재하기 (act on a document)",
        "Decides at one's turn, or whatever else the form lets one do (`acts` of the document says what, now): hold, "
        "consult, return one step, undo, share, and so on. The last approval carries the operation out, once. Only "
        "people decide: by their own session or a key marked for it.",
        {200: described_json("The document after the decision.", "Approval")},
        (_IF_MATCH,),
        Decided,
        problems=DECIDES,
    ),
    Endpoint(
        "post",
        "/v1/approvals/{approval_id}/withdraw",
        "approvals.withdraw",
        "approvals",
        "회수하기 (withdraw one's document)",
        "Takes one's own document back before the first decision.",
        {200: described_json("The document.", "Approval")},
        (_IF_MATCH,),
        Withdrawn,
        body_required=False,
        problems=DECIDES,
    ),
    Endpoint(
        "get",
        "/v1/records",
        "records.types",
        "records",
        "기록 종류 (record types)",
        "The kinds of records, with the fields the caller may see.",
        {200: described_json("All of them on one page.", "RecordTypePage")},
    ),
    Endpoint(
        "get",
        "/v1/records/{kind}",
        "records.list",
        "records",
        "기록 목록 (list rows)",
        "The rows that the caller may see. Any other parameter filters: field=value, or field.gte=value with one of "
        "eq, ne, gt, gte, lt, lte, in (comma separated), contains.",
        {200: described_json("A page of rows; Link names the next one.", "RowPage")},
        (
            LIMIT,
            CURSOR,
            SORT,
            Q,
            FIELDS,
            Parameter(
                "count",
                "query",
                {"enum": ["exact"]},
                "전체 개수도 (the number of all rows too); null if it takes long.",
            ),
        ),
        problems=("permission-denied", "not-found", "validation-failed"),
    ),
    Endpoint(
        "post",
        "/v1/records/{kind}",
        "records.create",
        "records",
        "기록 추가하기 (add a row)",
        "Adds a row, where the company offers that, with the fields of the operation {kind}.create. Location names "
        "the row.",
        {
            201: described_json("The row.", "Row"),
            202: described_json("Filed: it waits for its approval line.", "HeldCall"),
        },
        (IDEMPOTENCY_KEY,),
        Arguments,
        problems=("permission-denied", "not-found", "conflict", "idempotency-mismatch", *WRITES),
    ),
    Endpoint(
        "get",
        "/v1/records/{kind}/export",
        "records.export",
        "records",
        "기록 내보내기 (export rows)",
        "The rows that fit, up to the company's limit (X-Row-Limit), as a spreadsheet file; filters as for a list. "
        "Text that a spreadsheet would run as a formula is marked as text.",
        {200: media("The file.", "text/csv", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")},
        (
            Parameter("format", "query", {"enum": ["csv", "xlsx"]}, "파일 형식 (file format); else Accept's.", "csv"),
            SORT,
            Q,
            FIELDS,
        ),
        problems=("permission-denied", "not-found", "validation-failed"),
    ),
    Endpoint(
        "get",
        "/v1/records/{kind}/{key}",
        "records.get",
        "records",
        "기록 한 건 (show a row)",
        "One row. A row that the caller may not see answers as if it were not there. ETag begins with its version.",
        {200: described_json("The row.", "Row"), 304: {"description": "It is still what If-None-Match names."}},
        (FIELDS, IF_NONE_MATCH),
        problems=("not-found", "validation-failed"),
    ),
    Endpoint(
        "patch",
        "/v1/records/{kind}/{key}",
        "records.update",
        "records",
        "기록 고치기 (change a row)",
        "A JSON merge patch (RFC 7396): the fields that are sent change, null empties one. Where the company offers "
        "it, with the fields of the operation {kind}.update.",
        {
            200: described_json("The row.", "Row"),
            202: described_json("Filed: it waits for its approval line.", "HeldCall"),
        },
        (_IF_MATCH, IDEMPOTENCY_KEY),
        Arguments,
        problems=("idempotency-mismatch", *DECIDES),
    ),
    Endpoint(
        "delete",
        "/v1/records/{kind}/{key}",
        "records.delete",
        "records",
        "기록 지우기 (delete a row)",
        "Deletes a row for good, where the company offers that.",
        {
            204: {"description": "It is gone."},
            202: described_json("Filed: it waits for its approval line.", "HeldCall"),
        },
        (_IF_MATCH, IDEMPOTENCY_KEY),
        problems=("permission-denied", "not-found", "conflict", "stale-version", "idempotency-mismatch"),
    ),
    Endpoint(
        "get",
        "/v1/records/{kind}/{key}/history",
        "records.history",
        "records",
        "기록의 이력 (history of a row)",
        "Who wrote the row, when and by which operation, newest first, as far as the caller may know; no values.",
        {200: described_json("A page of entries.", "HistoryPage")},
        (LIMIT, CURSOR),
        problems=("not-found", "validation-failed", "timeout"),
    ),
    Endpoint(
        "get",
        "/v1/me",
        "me",
        "server",
        "나는 누구인가 (who the caller is)",
        "The person behind the key or session, with roles and limits.",
        {200: described_json("The caller.", "Me")},
    ),
    Endpoint(
        "post",
        "/rpc",
        "rpc",
        "server",
        "JSON-RPC 2.0 (the same services)",
        "Every operation by its name, get_response {prompt}, and ops, runs, approvals, records by theirs. Errors carry "
        "the problem in error.data. Not described method by method here; see /docs.",
        {
            200: described_json("A response, or those of a batch.", "RpcMessage"),
            204: {"description": "Only notifications were sent."},
        },
        (IDEMPOTENCY_KEY,),
        RpcRequest,
        problems=("payload-too-large", "unsupported-media-type"),
        problems_as="RpcMessage",
    ),
    Endpoint(
        "get",
        "/healthz",
        "server.health",
        "server",
        "살아 있는가 (is the process alive)",
        "Answers as long as the process serves; looks at nothing else.",
        {200: described_json("It does.", "Health")},
        problems=(),
        public=True,
    ),
    Endpoint(
        "get",
        "/readyz",
        "server.ready",
        "server",
        "준비되었는가 (is the server ready)",
        "Looks at what the server needs, such as its database.",
        {200: described_json("It is.", "Readiness")},
        problems=("not-ready",),
        public=True,
    ),
    Endpoint(
        "get",
        "/problems/{code}",
        "server.problem",
        "server",
        "문제 설명 (what a problem code means)",
        "The page that the type of every problem names.",
        {200: described_json("What it means and what to do; a page where Accept asks for text/html.", "ProblemCode")},
        problems=("not-found",),
        public=True,
    ),
)
