"""Which routes does OpenAI's API have here, and who answers: an agent or a raw model? The model's name chooses.

`agent/assistant` starts a run as the caller; any other name is a raw model, whose request and reply are passed on.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from daeri.errors import DaeriError, FieldError, NotFound, ValidationFailed
from daeri.gateway.guard import Doorkeeper
from daeri.gateway.hearing import Run, hear, language_of
from daeri.gateway.lifelines import EventStream, Lifelines, Reason, error_of, while_there
from daeri.gateway.openai import chat, responses
from daeri.gateway.openai.asked import AGENT, Asked, read_chat, read_response
from daeri.gateway.openai.embeddings import embeddings, read_embedding
from daeri.gateway.openai.errors import UnknownModel
from daeri.gateway.openai.passing import Passed
from daeri.gateway.problems import KNOWN
from daeri.gateway.services import Services
from daeri.gateway.wire import answer, idempotency_key, language, read_object
from daeri.models.relay import OFFLINE, Kind
from daeri.records.actor import Actor
from daeri.wording import Lang, Text

DOOR: Final = "openai"
WAIT_MAX: Final = 300.0
"""Seconds an answer that is not streamed is waited for; OpenAI's own libraries give up after ten minutes."""
EPOCH: Final = 1763683200
"""A model's `created`, which the shape demands and nobody here keeps."""


Pieces = AsyncGenerator[bytes, None]


class OpenAi:
    """The routes."""

    def __init__(self, services: Services, keeper: Doorkeeper, lines: Lifelines) -> None:
        """Take the services, who the callers are, and what ends their streams before time."""
        self._services = services
        self._keeper = keeper
        self._lines = lines

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter()
        for path, method, serve in (
            ("/v1/chat/completions", "POST", self.chat),
            ("/v1/responses", "POST", self.respond),
            ("/v1/responses/{response}", "GET", self.response),
            ("/v1/responses/{response}/cancel", "POST", self.cancel),
            ("/v1/embeddings", "POST", self.embed),
            ("/v1/models", "GET", self.models),
            ("/v1/models/{model:path}", "GET", self.model),
        ):
            router.add_route(path, serve, methods=[method], include_in_schema=False)
        return router

    async def chat(self, request: Request) -> Response:
        """Complete a chat."""
        actor, sent = await self._asked(request)
        if not _model(sent).startswith(AGENT):
            return await self._relayed(request, actor, "chat/completions", sent)
        actor = await self._keeper.actor(request, DOOR)
        asked = read_chat(sent, modelled=self._services.runs.asks_models)
        lang = _language(request, asked)
        run = await self._started(request, actor, asked, lang)
        if not asked.streams:
            return answer(chat.completion(asked, await self._waited(request, actor, run, lang), lang))
        heard = hear(self._services.runs, actor, run["run_id"], lang)
        return self._stream(request, actor, run, chat.chunks(asked, run, heard, lang), lambda e: chat.cut(e, lang))

    async def respond(self, request: Request) -> Response:
        """Make a response."""
        actor, sent = await self._asked(request)
        if not _model(sent).startswith(AGENT):
            return await self._relayed(request, actor, "responses", sent)
        actor = await self._keeper.actor(request, DOOR)
        asked = read_response(sent, modelled=self._services.runs.asks_models)
        lang = _language(request, asked)
        run = await self._started(request, actor, asked, lang)
        if not asked.streams:
            return answer(responses.response(asked, await self._waited(request, actor, run, lang), lang))
        events = responses.Events(asked, run, lang)
        heard = hear(self._services.runs, actor, run["run_id"], lang)
        return self._stream(request, actor, run, events.of(heard), events.cut)

    async def response(self, request: Request) -> Response:
        """Show an agent's response again."""
        actor, lang = await self._keeper.actor(request, DOOR), language(request.headers)
        run = await self._services.runs.get(actor, responses.run_id(request.path_params["response"]), lang)
        return answer(responses.response(None, run, lang))

    async def cancel(self, request: Request) -> Response:
        """Stop an agent's response."""
        actor, lang = await self._keeper.actor(request, DOOR), language(request.headers)
        run = await self._services.runs.cancel(actor, responses.run_id(request.path_params["response"]), lang)
        return answer(responses.response(None, run, lang))

    async def embed(self, request: Request) -> Response:
        """Turn texts into vectors."""
        actor, sent = await self._asked(request)
        raw = self._services.raw
        if not raw.embeds_offline or _model(sent) != OFFLINE:
            return await self._relayed(request, actor, "embeddings", sent)
        texts, form = read_embedding(sent)
        return answer(embeddings(OFFLINE, await raw.embed(actor, texts), form))

    async def models(self, request: Request) -> Response:
        """List the agents and raw models that the caller may use."""
        actor = await self._keeper.actor(request, DOOR)
        return answer({"object": "list", "data": [_described(name) for name in self._names(actor)]})

    async def model(self, request: Request) -> Response:
        """Show one of them."""
        actor, name = await self._keeper.actor(request, DOOR), request.path_params["model"]
        if name not in self._names(actor):
            raise UnknownModel
        return answer(_described(name))

    def _names(self, actor: Actor) -> list[str]:
        company = self._services.door.company
        agents = company.agents_for(actor) if actor.may_call("run.create", "write") else ()
        return [*(f"{AGENT}{agent.name}" for agent in agents), *self._services.raw.offered(actor)]

    async def _asked(self, request: Request) -> tuple[Actor, dict[str, Any]]:
        """Return who asks, as far as passing a request on needs to know, and for what."""
        actor = await self._keeper.recent(request, DOOR)
        return actor, await read_object(request)

    async def _relayed(self, request: Request, actor: Actor, kind: Kind, sent: dict[str, Any]) -> Response:
        raw, name, credential = self._services.raw, _model(sent), self._keeper.credential(request, DOOR)
        if not raw.has(name, kind):
            raise UnknownModel(Text(f"'{name}' 모델은 없어요.", f"There is no model '{name}'."))
        return Passed(partial(raw.ask, actor, name, kind, sent), self._lines, request, credential)

    async def _started(self, request: Request, actor: Actor, asked: Asked, lang: Lang) -> Run:
        runs = self._services.runs
        session = asked.session_id
        if asked.previous is not None:
            session = (await runs.get(actor, responses.run_id(asked.previous), lang))["session_id"]
        elif session is None and asked.before is not None:
            session = await runs.session_of(actor, *asked.before)
            if session is None:
                asked.ignored.append("messages.history")
        key = idempotency_key(request)
        try:
            return await runs.create(
                actor,
                asked.input,
                agent=asked.agent,
                session_id=session,
                lang=lang,
                idempotency_key=key,
                terms=asked.terms,
            )
        except NotFound:
            if asked.agent in {agent.name for agent in self._services.door.company.agents_for(actor)}:
                raise
            raise UnknownModel from None

    async def _waited(self, request: Request, actor: Actor, run: Run, lang: Lang) -> Run:
        """Wait for a run's end; a caller who leaves stops it, since nobody else will hear its answer.

        Raises:
            DaeriError: the run failed.
        """
        credential = self._keeper.credential(request, DOOR)
        runs, run_id = self._services.runs, run["run_id"]
        async with self._lines.follow(credential, request.receive) as ended:
            try:
                async with while_there(ended):
                    run = await runs.wait(actor, run_id, WAIT_MAX, lang)
            except ClientDisconnect:
                await self._stop(actor, run_id)
                raise
        if run["error"]:
            raise _failure(run["error"])
        return run

    def _stream(
        self, request: Request, actor: Actor, run: Run, pieces: Pieces, cut: Callable[[DaeriError], bytes]
    ) -> Response:
        def last(reason: Reason) -> bytes:
            error = error_of(reason)
            return cut(error) if isinstance(error, DaeriError) else b""

        async def left() -> None:
            await self._stop(actor, run["run_id"])

        return EventStream(pieces, self._lines, self._keeper.credential(request, DOOR), last=last, left=left)

    async def _stop(self, actor: Actor, run_id: str) -> None:
        with suppress(DaeriError):  # it has ended by itself, or the key may not stop runs
            await self._services.runs.cancel(actor, run_id)


def _model(sent: dict[str, Any]) -> str:
    """Return the name of the model that a request names.

    Raises:
        ValidationFailed: it names none.
    """
    name = sent.get("model")
    if not isinstance(name, str) or not name:
        needed = Text("model에 모델 이름을 적어 주세요", "model must name a model")
        raise ValidationFailed(needed, errors=[FieldError("/model", "must be a string")])
    return name


def _described(name: str) -> dict[str, Any]:
    owner = "daeri" if name.startswith(AGENT) or name == OFFLINE else "upstream"
    return {"id": name, "object": "model", "created": EPOCH, "owned_by": owner}


def _language(request: Request, asked: Asked) -> Lang:
    """Choose by Accept-Language, else by the words themselves: OpenAI's libraries send no language."""
    if request.headers.get("accept-language", "*").strip() in ("", "*"):
        return language_of(asked.input)
    return language(request.headers)


def _failure(problem: dict[str, Any]) -> DaeriError:
    """Return the error that a run ended with."""
    detail = Text(problem["detail"], problem["detail"])
    return KNOWN.get(problem["code"], DaeriError)(detail)
