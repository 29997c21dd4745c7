"""How are OpenAI's routes described in ours? By what an agent takes and gives; a raw model has words of its own."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from daeri.gateway.endpoints import ALWAYS, IDEMPOTENCY_KEY, Endpoint, Parameter, described_json
from daeri.gateway.schemas import ANYTHING, TEXT, Schema, list_of, named, object_of, or_null, sometimes

OPEN: Final = {"additionalProperties": True}
COUNT: Final = {"type": "integer"}
_FLAG: Final = {"type": ["boolean", "null"]}
_MODEL: Final = {
    "type": "string",
    "minLength": 1,
    "description": "agent/assistant 같은 에이전트, 또는 모델 (see models).",
}
_TOOLS: Final = {**or_null("array", items=ANYTHING), "description": "Functions of the caller's own."}
_EXTENSION: Final = {
    "type": "object",
    "description": "Daeri's own: the conversation to go on with.",
    "properties": {"session_id": or_null("string")},
}
_MESSAGES: Final = {**list_of(named("OpenAiMessage")), "minItems": 1}

OPENAI_SCHEMAS: Final[Mapping[str, Schema]] = {
    "OpenAiMessage": {
        "title": "OpenAiMessage",
        "description": "A message. Of an agent's only the last one is its request, or the last ones of the role tool, "
        "which tell what functions returned; it has instructions of its own.",
        "type": "object",
        "required": ["role"],
        "properties": {"role": TEXT, "content": ANYTHING, "tool_call_id": or_null("string")},
        **OPEN,
    },
    "OpenAiChatRequest": {
        "title": "OpenAiChatRequest",
        "description": "A request as OpenAI has it; what an agent does not use of it is named back in daeri.ignored. "
        "An agent with a model calls functions (tools) and answers in a form (response_format).",
        "type": "object",
        "required": ["model", "messages"],
        "properties": {
            "model": _MODEL,
            "messages": _MESSAGES,
            "stream": _FLAG,
            "tools": _TOOLS,
            "response_format": or_null("object", description="The form of the answer.", **OPEN),
            "daeri": _EXTENSION,
        },
        **OPEN,
    },
    "OpenAiResponseRequest": {
        "title": "OpenAiResponseRequest",
        "description": "A request as OpenAI has it; previous_response_id goes on with an agent's conversation or, with "
        "what functions returned, with its run. In background an agent's run goes on without its caller.",
        "type": "object",
        "required": ["model", "input"],
        "properties": {
            "model": _MODEL,
            "input": {"anyOf": [{"type": "string", "minLength": 1}, _MESSAGES]},
            "previous_response_id": or_null("string"),
            "stream": _FLAG,
            "background": _FLAG,
            "tools": _TOOLS,
            "text": or_null("object", description="format: the form of the answer.", **OPEN),
            "daeri": _EXTENSION,
        },
        **OPEN,
    },
    "OpenAiEmbeddingRequest": {
        "title": "OpenAiEmbeddingRequest",
        "description": "Texts to turn into vectors.",
        "type": "object",
        "required": ["model", "input"],
        "properties": {"model": _MODEL, "input": {"anyOf": [{"type": "string"}, list_of(ANYTHING)]}},
        **OPEN,
    },
    "OpenAiCompletion": {
        **object_of(
            "OpenAiCompletion",
            "A chat completion. An agent's has the member daeri: its run, documents and sources.",
            id=TEXT,
            object=TEXT,
            created=COUNT,
            model=TEXT,
            choices=list_of(ANYTHING),
        ),
        **OPEN,
    },
    "OpenAiResponse": {
        **object_of(
            "OpenAiResponse",
            "A response. An agent's has the member daeri, once it has ended.",
            id=TEXT,
            object=TEXT,
            created_at={"type": "number"},
            model=TEXT,
            status=TEXT,
            output=list_of(ANYTHING),
        ),
        **OPEN,
    },
    "OpenAiEmbeddings": {
        **object_of("OpenAiEmbeddings", "Vectors, in the order of the texts.", object=TEXT, data=list_of(ANYTHING)),
        **OPEN,
    },
    "OpenAiModel": object_of(
        "OpenAiModel", "An agent or a raw model.", id=TEXT, object=TEXT, created=COUNT, owned_by=TEXT
    ),
    "OpenAiModels": object_of(
        "OpenAiModels", "What the caller may name as model.", object=TEXT, data=list_of(named("OpenAiModel"))
    ),
    "OpenAiError": object_of(
        "OpenAiError",
        "What went wrong, as OpenAI's libraries read it; daeri is the problem as every other protocol has it.",
        error=sometimes(
            object_of("OpenAiProblem", "The error.", message=TEXT, type=TEXT, param=or_null("string"), code=TEXT),
            code=or_null("string"),
            daeri=named("Problem"),
        ),
    ),
}

_KNOWN: Final = ("permission-denied", "not-found", *ALWAYS)
_ASKED: Final = ("payload-too-large", "unsupported-media-type", "conflict", "budget-exceeded", *_KNOWN)
_PASSED: Final = ("model-unavailable", "unreachable", "timeout", *_ASKED)
_PASSED_ON: Final = {
    "description": "What a raw model's own server refused, with its status.",
    "content": {"application/json": {"schema": named("OpenAiError")}},
}


def _given(description: str, schema: str, *, streams: bool = False) -> dict[int | str, Any]:
    given = _streamed(description, schema) if streams else described_json(description, schema)
    return {200: given, "default": _PASSED_ON}


def _streamed(description: str, schema: str) -> dict[str, Any]:
    given = described_json(description, schema)
    return {**given, "content": {**given["content"], "text/event-stream": {"schema": TEXT}}}


def _endpoint(method: Any, path: str, name: str, *told: str, **more: Any) -> Endpoint:
    summary, description = told
    return Endpoint(
        method, path, name, "openai", summary, description, problems_as="OpenAiError", is_openai=True, **more
    )


OPENAI_ENDPOINTS: Final[Sequence[Endpoint]] = (
    _endpoint(
        "post",
        "/v1/chat/completions",
        "openai.chat",
        "채팅 (chat completion)",
        "As OpenAI has it. The model's name chooses: agent/NAME starts a run as the caller, any other is a raw model, "
        "whose request and reply are passed on within the caller's budget and rules. What OpenAI's libraries send "
        "again by themselves is answered by the run that it began, which acts once.",
        responses=_given("The completion, or its chunks with stream.", "OpenAiCompletion", streams=True),
        parameters=(IDEMPOTENCY_KEY,),
        taken="OpenAiChatRequest",
        problems=_PASSED,
    ),
    _endpoint(
        "post",
        "/v1/responses",
        "openai.respond",
        "응답 (response)",
        "As OpenAI has it; the model's name chooses as for chat completions.",
        responses=_given("The response, or its events with stream.", "OpenAiResponse", streams=True),
        parameters=(IDEMPOTENCY_KEY,),
        taken="OpenAiResponseRequest",
        problems=_PASSED,
    ),
    _endpoint(
        "get",
        "/v1/responses/{response}",
        "openai.response",
        "에이전트의 응답 다시 보기 (show a response)",
        "An agent's response, as it stands now; with stream its events, from after one that was heard.",
        responses={200: _streamed("The response, or its events with stream.", "OpenAiResponse")},
        parameters=(
            Parameter("stream", "query", {"type": "boolean", "default": False}, "true: its events."),
            Parameter("starting_after", "query", {"type": "integer", "minimum": 0}, "The sequence_number heard last."),
        ),
        problems=_KNOWN,
    ),
    _endpoint(
        "post",
        "/v1/responses/{response}/cancel",
        "openai.cancel",
        "에이전트의 응답 멈추기 (stop a response)",
        "Stops an agent's response.",
        responses={200: described_json("The response.", "OpenAiResponse")},
        problems=("conflict", "payload-too-large", *_KNOWN),
    ),
    _endpoint(
        "post",
        "/v1/embeddings",
        "openai.embed",
        "임베딩 (embeddings)",
        "As OpenAI has it: vectors of texts, by an endpoint that the server names or by Daeri itself.",
        responses=_given("The vectors.", "OpenAiEmbeddings"),
        taken="OpenAiEmbeddingRequest",
        problems=_PASSED,
    ),
    _endpoint(
        "get",
        "/v1/models",
        "openai.models",
        "쓸 수 있는 모델 (models)",
        "The agents and raw models that the caller may name as model.",
        responses={200: described_json("The models.", "OpenAiModels")},
        problems=_KNOWN,
    ),
    _endpoint(
        "get",
        "/v1/models/{model}",
        "openai.model",
        "모델 하나 (a model)",
        "One of them; a name may hold slashes, as agent/assistant does.",
        responses={200: described_json("The model.", "OpenAiModel")},
        problems=_KNOWN,
    ),
)
