"""What may a caller send? The bodies of REST writes and the parameters of JSON-RPC methods, described once for both."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from daeri.gateway.wire import Sent
from daeri.operations.approval import PEOPLE_MAX, Decision, More
from daeri.operations.directory import Directory
from daeri.records.actor import Actor
from daeri.runs.answer_format import read_format
from daeri.runs.conversations import TITLE_MAX
from daeri.runs.functions import FUNCTIONS_MAX, by_place, no_call, read_functions
from daeri.runs.queueing import Busy
from daeri.runs.request import INPUT_MAX, Terms

Comment = Annotated[
    str | None, Field(max_length=2000, description="의견 (comment); a rejection needs one, e.g. 일정을 조정해 주세요.")
]
Limit = Annotated[int, Field(ge=1, description="한 번에 받을 개수 (rows of a page); the service's maximum holds.")]
Cursor = Annotated[str | None, Field(description="다음 쪽 (next page): next_cursor of the page before.")]
RunId = Annotated[str, Field(description="실행 번호 (run id), e.g. run_01KAJ...")]
ApprovalId = Annotated[str, Field(description="결재 문서 번호 (approval id), e.g. apr_01KAJ...")]
AgentName = Annotated[str | None, Field(description="에이전트 (agent); the company's first one where it is missing.")]
SessionId = Annotated[str | None, Field(description="이어 갈 대화 (session to go on with), e.g. ses_01KAJ...")]
Wait = Annotated[
    float, Field(ge=0, strict=False, description="기다릴 초 (seconds to wait for the end or for an approval).")
]
Key = Annotated[
    str | None,
    Field(min_length=1, max_length=255, description="멱등 키 (idempotency key): the same key never acts twice."),
]
ResponseFormat = Annotated[
    dict[str, Any] | None,
    Field(
        description="답의 형식 (the form of the answer), as OpenAI has it: "
        '{"type": "json_object"}, or {"type": "json_schema", "json_schema": {"name": "...", "schema": {...}}}; '
        "words where it is missing. Agents without a model refuse it."
    ),
]
Version = Annotated[int | None, Field(description="읽은 판 (the version that was read); refused when it has changed.")]


class RunAsked(Sent):
    """A request to an agent, in the words of the person."""

    # The service words what is wrong with a length; the description only tells its bounds.
    input: Annotated[
        str,
        Field(
            description="질문이나 요청 (question or request), e.g. 김대리 휴가 며칠 남았어?",
            json_schema_extra={"minLength": 1, "maxLength": INPUT_MAX},
        ),
    ]
    agent: AgentName = None
    session_id: SessionId = None
    when_busy: Annotated[
        Busy,
        Field(
            description="앞 요청이 끝나지 않았을 때 (while the conversation's last request is at work): queue 기다림, "
            "reject 거절, cancel 앞 것을 멈춤"
        ),
    ] = "queue"
    response_format: ResponseFormat = None
    tools: Annotated[
        list[dict[str, Any]],
        Field(
            description="부르는 쪽의 함수 (functions of the caller's own), as OpenAI has them: "
            '{"type": "function", "function": {"name": "...", "parameters": {...}}}. The run waits an hour for what '
            "one returns (calls). Agents without a model refuse them."
        ),
    ] = Field(default_factory=list)
    tool_choice: Annotated[
        str | None, Field(description="auto, none, required, or the name of the function that is to be called.")
    ] = None

    def terms(self) -> Terms:
        """Return how it is to be answered.

        Raises:
            ValidationFailed: the form of the answer is none, or a function is none.
        """
        functions = read_functions(self.tools, self.tool_choice)
        return Terms(self.when_busy, read_format(self.response_format), functions)


class RunEdited(Sent):
    """A request that is asked again in other words."""

    input: Annotated[
        str,
        Field(
            description="고쳐 쓴 질문이나 요청 (the request in its new words), e.g. 김과장 휴가 며칠 남았어?",
            json_schema_extra={"minLength": 1, "maxLength": INPUT_MAX},
        ),
    ]


class FunctionResult(Sent):
    """What one function returned."""

    call_id: Annotated[str, Field(description="함수 호출의 id (id of the call), as calls of the run has it.")]
    output: Annotated[str, Field(description="함수가 돌려준 것 (what it returned), as text.")]


class ResultsTold(Sent):
    """What the functions returned that a run waits for: all that it has called at once."""

    results: Annotated[list[FunctionResult], Field(min_length=1, max_length=FUNCTIONS_MAX)]

    def of(self, run_id: str) -> dict[int, str]:
        """Return them by the steps of a run.

        Raises:
            NotFound: one is of another run.
            ValidationFailed: one call has two.
        """
        told = by_place(((each.call_id, each.output) for each in self.results), "/results")
        if any(run != run_id for run, _ in told):
            raise no_call()
        return {step: output for (_, step), output in told.items()}


class ConversationRenamed(Sent):
    """A new title for a conversation."""

    title: Annotated[
        str,
        Field(
            description=f"제목 (title) of {TITLE_MAX} characters at most once composed, e.g. 휴가 계획", min_length=1
        ),
    ]


class ConversationForked(Sent):
    """Where a conversation is to fork."""

    run_id: Annotated[
        str | None, Field(description="여기까지 (the last turn to copy); all of them where it is missing.")
    ] = None


class Decided(Sent):
    """A decision on an approval document."""

    decision: Annotated[
        Decision,
        Field(
            description="승인 approve, 반려 reject, 전단계 반려 return_step, 보류 hold, 보류 해제 release, "
            "결재 취소 undo, 회수 withdraw, 협의 요청 consult, 답변 answer, 의견 comment, 확인 read, 접수 accept, "
            "반송 send_back, 담당 지정 assign, 열람 share, 결재선 변경 change_line, 결재자 교체 replace, "
            "다시 반영 retry, 결과 확인 settle",
            examples=["approve"],
        ),
    ]
    comment: Comment = None
    people: Annotated[
        list[int | str],
        Field(max_length=PEOPLE_MAX, description="사람 (people by id or name: consult, share, assign, replace, …)."),
    ] = Field(default_factory=list)
    position: Annotated[int | None, Field(description="결재선 자리 (which seat), where several could be meant.")] = None
    part: Annotated[
        Literal["approve", "review", "agree"], Field(description="추가할 역할 (as what change_line adds people).")
    ] = "approve"
    drop: Annotated[list[int], Field(max_length=PEOPLE_MAX, description="뺄 자리 (seats that change_line drops).")] = (
        Field(default_factory=list)
    )
    outcome: Annotated[
        Literal["applied", "apply_failed"] | None, Field(description="확인한 결과 (what settle found out).")
    ] = None

    async def more(self, directory: Directory, actor: Actor) -> More:
        """Return what some decisions need besides a comment; names of people become their ids.

        Raises:
            ValidationFailed: a name is nobody's, or several people's.
        """
        people = await directory.ids(actor, self.people)
        return More(tuple(people), self.position, self.part, tuple(self.drop), self.outcome)


class Withdrawn(Sent):
    """Taking one's own document back."""

    comment: Comment = None


class Arguments(Sent):
    """The arguments of an operation, as its own input schema describes them."""

    model_config = ConfigDict(extra="allow")


class Asked(Sent):
    """get_response: a prompt, and how long to wait for its answer."""

    prompt: str
    session_id: SessionId = None
    agent: AgentName = None
    wait: Wait | None = None
    response_format: ResponseFormat = None


class RunCreated(RunAsked):
    """runs.create."""

    wait: Wait = 0
    idempotency_key: Key = None


class RunNamed(Sent):
    """runs.cancel."""

    run_id: RunId


class ResultsToldById(ResultsTold):
    """runs.results."""

    run_id: RunId
    wait: Wait = 0


class RunEditedById(RunEdited):
    """runs.edit."""

    run_id: RunId
    wait: Wait = 0
    idempotency_key: Key = None


class ConversationList(Sent):
    """conversations.list."""

    q: str | None = None
    limit: Limit = 20
    cursor: Cursor = None


class ConversationNamed(Sent):
    """conversations.get and conversations.delete."""

    session_id: Annotated[str, Field(description="대화 번호 (conversation), e.g. ses_01KAJ...")]


class ConversationRenamedById(ConversationNamed, ConversationRenamed):
    """conversations.rename."""


class ConversationForkedById(ConversationNamed, ConversationForked):
    """conversations.fork."""


class RunRead(RunNamed):
    """runs.get."""

    wait: Wait = 0


class RunList(Sent):
    """runs.list."""

    limit: Limit = 20
    cursor: Cursor = None
    session_id: SessionId = None


class Nothing(Sent):
    """A method without parameters."""


class OperationNamed(Sent):
    """ops.describe."""

    name: str


class OperationCalled(OperationNamed):
    """ops.call."""

    arguments: dict[str, Any] = Field(default_factory=dict)
    dry_run: bool = False
    idempotency_key: Key = None


class BoxRead(Sent):
    """approvals.list; the service knows its boxes."""

    box: str = "waiting"
    limit: Limit = 50
    cursor: Cursor = None


class ApprovalNamed(Sent):
    """approvals.get."""

    approval_id: ApprovalId


class ApprovalDecided(Decided):
    """approvals.decide."""

    approval_id: ApprovalId
    version: Version = None


class ApprovalWithdrawn(ApprovalNamed):
    """approvals.withdraw."""

    comment: Comment = None
    version: Version = None


class RecordNamed(Sent):
    """records.get."""

    type: str
    id: int | str
    fields: list[str] | None = None


class RecordList(Sent):
    """records.list; filters are {"field": value} or {"field.gte": value}."""

    type: str
    limit: Limit = 50
    cursor: Cursor = None
    sort: str | None = None
    q: str | None = None
    fields: list[str] | None = None
    count: Literal["exact"] | None = None
    filters: dict[str, str | int | float | bool] = Field(default_factory=dict)


class RecordHistory(Sent):
    """records.history."""

    type: str
    id: int | str
    limit: Limit = 50
    cursor: Cursor = None


class PolicyAsked(Sent):
    """policies.explain."""

    person: str | None = None
    agent: str | None = None
    operation: str | None = None
    type: str | None = None
    id: str | None = None


class PromptNamed(Sent):
    """prompts.get."""

    version: str


class AuditAsked(Sent):
    """audit.list."""

    person: str | None = None
    actor: str | None = None
    operation: str | None = None
    outcome: str | None = None
    type: str | None = None
    id: str | None = None
    since: str | None = None
    until: str | None = None
    limit: Limit = 50
    cursor: Cursor = None


class UsageAsked(Sent):
    """usage.get."""

    by: str = "model"
    since: str | None = None
    until: str | None = None
    person: str | None = None


class RpcRequest(Sent):
    """One JSON-RPC 2.0 call; a body may also be an array of up to 50 of them."""

    jsonrpc: Literal["2.0"]
    method: Annotated[str, Field(description="메서드 (method), e.g. get_response", examples=["get_response"])]
    params: Annotated[dict[str, Any] | list[Any], Field(default_factory=dict)]
    id: Annotated[str | int | float | None, Field(description="Missing for notifications.")] = None


def filter_of(name: str, value: object) -> tuple[str, str, str]:
    """Read `field` or `field.gte` with its value as (field, operator, value)."""
    field, _, operator = name.partition(".")
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return field, operator or "eq", text
