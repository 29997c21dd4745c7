"""How do people handle their conversations over REST? List, search, rename, delete, fork; each turn is a run."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from daeri.gateway.bodies import ConversationForked, ConversationRenamed, Nothing
from daeri.gateway.endpoints import CURSOR, LIMIT, WRITES, Endpoint, Parameter, described_json
from daeri.gateway.routes import Table, page_answer
from daeri.gateway.schemas import TEXT, TIME, WHOLE, object_of, or_null, page_of
from daeri.gateway.services import Services
from daeri.gateway.wire import Query, answer, fitted, language, read_object
from daeri.records.actor import Actor


class ConversationRoutes:
    """A person's conversations."""

    def __init__(self, services: Services) -> None:
        """Take the conversations."""
        self._conversations = services.runs.conversations

    def add_to(self, table: Table) -> None:
        """Put the routes at their paths."""
        table.at("/v1/conversations", get=self.page)
        table.at("/v1/conversations/{session_id}", get=self.get, patch=self.rename, delete=self.delete)
        table.at("/v1/conversations/{session_id}/fork", post=self.fork)

    async def page(self, request: Request, actor: Actor) -> Response:
        """List the person's conversations, or those that hold some words."""
        query = Query(request, "q", "limit", "cursor")
        page = await self._conversations.page(
            actor,
            search=query.text("q") or "",
            limit=query.integer("limit", 20),
            cursor=query.text("cursor"),
            lang=language(request.headers),
        )
        return page_answer(request, page)

    async def get(self, request: Request, actor: Actor) -> Response:
        """Show a conversation."""
        Query(request)
        return answer(
            await self._conversations.get(actor, request.path_params["session_id"], language(request.headers))
        )

    async def rename(self, request: Request, actor: Actor) -> Response:
        """Call a conversation otherwise."""
        Query(request)
        renamed = fitted(ConversationRenamed, await read_object(request))
        session_id, lang = request.path_params["session_id"], language(request.headers)
        return answer(await self._conversations.rename(actor, session_id, renamed.title, lang))

    async def delete(self, request: Request, actor: Actor) -> Response:
        """Delete a conversation."""
        Query(request)
        fitted(Nothing, await read_object(request))
        await self._conversations.delete(actor, request.path_params["session_id"])
        return Response(status_code=204)

    async def fork(self, request: Request, actor: Actor) -> Response:
        """Begin a conversation with a copy of another one's turns."""
        Query(request)
        forked = fitted(ConversationForked, await read_object(request))
        session_id, lang = request.path_params["session_id"], language(request.headers)
        fork = await self._conversations.fork(actor, session_id, forked.run_id, lang)
        return answer(fork, 201, {"Location": f"/v1/conversations/{fork['session_id']}"})


CONVERSATION_SCHEMAS: Final[Mapping[str, Any]] = {
    "Conversation": object_of(
        "Conversation",
        "Runs that belong together; list them with GET /v1/runs?session_id=.",
        session_id=TEXT,
        title=TEXT,
        agent=TEXT,
        agent_label=TEXT,
        turns=WHOLE,
        forked_from=or_null("string"),
        created_at=TIME,
        used_at=TIME,
        found={
            "anyOf": [
                object_of("FoundTurn", "The newest turn that holds what was searched for.", run_id=TEXT, text=TEXT),
                {"type": "null"},
            ]
        },
    ),
    "ConversationPage": page_of("ConversationPage", "Conversation"),
}
CONVERSATION_ENDPOINTS: Final[Sequence[Endpoint]] = (
    Endpoint(
        "get",
        "/v1/conversations",
        "conversations.list",
        "conversations",
        "내 대화 목록 (my conversations)",
        "The caller's conversations, the last used first; with q those whose title, requests or answers hold every "
        "one of its words.",
        {200: described_json("A page of conversations.", "ConversationPage")},
        (Parameter("q", "query", {"type": "string"}, "찾을 말 (words to look for).", "휴가 규정"), LIMIT, CURSOR),
        problems=("permission-denied", "validation-failed"),
    ),
    Endpoint(
        "get",
        "/v1/conversations/{session_id}",
        "conversations.get",
        "conversations",
        "대화 보기 (show a conversation)",
        "Its title and size; its turns are runs.",
        {200: described_json("The conversation.", "Conversation")},
        problems=("permission-denied", "not-found", "validation-failed"),
    ),
    Endpoint(
        "patch",
        "/v1/conversations/{session_id}",
        "conversations.rename",
        "conversations",
        "대화 제목 바꾸기 (rename a conversation)",
        "Gives it another title.",
        {200: described_json("The conversation.", "Conversation")},
        body=ConversationRenamed,
        problems=("permission-denied", "not-found", *WRITES),
    ),
    Endpoint(
        "delete",
        "/v1/conversations/{session_id}",
        "conversations.delete",
        "conversations",
        "대화 지우기 (delete a conversation)",
        "Neither it nor its runs are found again, and what still works is stopped. Documents that were filed stay with "
        "their approvers, and the audit keeps its rows.",
        {204: {"description": "It is gone."}},
        problems=("permission-denied", "not-found", *WRITES),
    ),
    Endpoint(
        "post",
        "/v1/conversations/{session_id}/fork",
        "conversations.fork",
        "conversations",
        "대화 갈라지기 (fork a conversation)",
        "Begins a conversation with a copy of the answered turns of this one, up to run_id. Their copies name the run "
        "they were copied from.",
        {201: described_json("Made; Location names the conversation.", "Conversation")},
        body=ConversationForked,
        body_required=False,
        problems=("permission-denied", "not-found", *WRITES),
    ),
)
