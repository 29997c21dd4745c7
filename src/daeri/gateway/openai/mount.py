"""Which routes does OpenAI's API have here, and who answers: an agent or a raw model? The model's name chooses.

`agent/assistant` starts a run as the caller; any other name is a raw model, whose request and reply are passed on.
"""

import hashlib
import re
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, suppress
from dataclasses import replace
from functools import partial
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from ulid import ULID

from daeri.canonical import digest
from daeri.errors import DaeriError, FieldError, NotFound, ValidationFailed
from daeri.gateway.doorkeeper import Credential, Doorkeeper
from daeri.gateway.hearing import WHOLE, hear, language_of
from daeri.gateway.lifelines import EventStream, Lifelines, Reason, WhileThere, error_of
from daeri.gateway.openai import chat, responses
from daeri.gateway.openai.asked import AGENT, Asked, read_chat, read_response
from daeri.gateway.openai.embeddings import embeddings, read_embedding
from daeri.gateway.openai.errors import UnknownModel
from daeri.gateway.openai.passing import Passed
from daeri.gateway.openai.refusals import Refusals
from daeri.gateway.parts import Part, Run, part_of, parts_of
from daeri.gateway.problems import KNOWN
from daeri.gateway.services import Services
from daeri.gateway.wire import Query, answer, idempotency_key, language, read_object
from daeri.models.relay import OFFLINE, Kind
from daeri.records.actor import Actor
from daeri.runs.functions import place_of
from daeri.runs.request import Attempt, Terms
from daeri.wording import Lang, Text

DOOR: Final = "openai"
WAIT_MAX: Final = 300.0
"""Seconds an answer that is not streamed is waited for; OpenAI's own libraries give up after ten minutes."""
ATTEMPT: Final = "X-Stainless-Retry-Count"
"""How OpenAI's libraries say that they send a request again by themselves, and how often they have."""
EPOCH: Final = 1763683200
"""A model's `created`, which the shape demands and nobody here keeps."""


Pieces = AsyncGenerator[bytes, None]
Asker = tuple[Actor, Credential]


class OpenAi:
    """The routes."""

    def __init__(self, services: Services, keeper: Doorkeeper, lines: Lifelines) -> None:
        """Take the services, who the callers are, and what ends their streams before time."""
        self._services = services
        self._keeper = keeper
        self._lines = lines
        self._refusals = Refusals()

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
        asker, sent = await self._asked(request)
        if not _model(sent).startswith(AGENT):
            return await self._relayed(request, asker, "chat/completions", sent)
        actor, asked, run, part, lang = await self._taken(request, sent, read_chat)
        if not asked.streams:
            return answer(chat.completion(asked, await self._waited(request, actor, run, part.number, lang), lang))
        heard = hear(self._services.runs, actor, run["run_id"], lang, part)
        pieces = chat.chunks(asked, part_of(run, part.number), heard, lang)
        return self._stream(request, actor, run, pieces, lambda error: chat.cut(error, lang))

    async def respond(self, request: Request) -> Response:
        """Make a response."""
        asker, sent = await self._asked(request)
        if not _model(sent).startswith(AGENT):
            return await self._relayed(request, asker, "responses", sent)
        actor, asked, run, part, lang = await self._taken(request, sent, read_response)
        shown = await self._shown(request, actor, run) if part.number else _to_show(asked, lang)
        if asked.streams:
            return self._told(request, actor, shown, run, part, leaves=asked.background)
        if shown.background or asked.background:
            return answer(responses.response(shown, part_of(run, part.number)))
        return answer(responses.response(shown, await self._waited(request, actor, run, part.number, shown.lang)))

    async def response(self, request: Request) -> Response:
        """Show an agent's response again; as a stream, from the event after one that was heard."""
        query = Query(request, "stream", "starting_after", passed=("include", "include[]", "include_obfuscation"))
        actor, run, part = await self._placed(request)
        await self._services.runs.callers.come_back(actor, run["run_id"])
        shown = await self._shown(request, actor, run)
        if query.flag("stream"):
            after = query.integer("starting_after", -1, least=0)
            return self._told(request, actor, shown, run, part, after, leaves=True)
        return answer(responses.response(shown, part_of(run, part.number)))

    async def cancel(self, request: Request) -> Response:
        """Stop an agent's response."""
        actor, run, part = await self._placed(request)
        shown = await self._shown(request, actor, run)
        run = await self._services.runs.cancel(actor, run["run_id"], shown.lang)
        return answer(responses.response(shown, part_of(run, part.number)))

    async def _placed(self, request: Request) -> tuple[Actor, Run, Part]:
        """Return who asks, the run that a response tells, and which part of it."""
        # Whoever comes for a response lets its run go on.
        actor, lang = await self._keeper.actor(request, DOOR, acts=True), language(request.headers)
        run_id, number = responses.place(request.path_params["response"])
        run = await self._services.runs.get(actor, run_id, lang)
        parts = parts_of(run)
        if number >= len(parts):
            raise NotFound(Text("그런 응답은 없어요", "There is no such response"))
        return actor, run, parts[number]

    async def _shown(self, request: Request, actor: Actor, run: Run) -> responses.Shown:
        kept = (await self._services.runs.terms(actor, run["run_id"])).noted
        return responses.Shown.of(kept, _language(request, run["input"]))

    def _told(
        self,
        request: Request,
        actor: Actor,
        shown: responses.Shown,
        run: Run,
        part: Part,
        after: int = -1,
        *,
        leaves: bool = False,
    ) -> Response:
        """Stream a response; a caller who leaves it stops the run, unless it came back to it or it is in background."""
        heard = hear(self._services.runs, actor, run["run_id"], shown.lang, part, live=False)
        events = responses.Events(shown, part_of(run, part.number), after)
        return self._stream(request, actor, run, events.of(heard), events.cut, stops=not (leaves or shown.background))

    async def embed(self, request: Request) -> Response:
        """Turn texts into vectors."""
        asker, sent = await self._asked(request)
        raw = self._services.raw
        if not raw.embeds_offline or _model(sent) != OFFLINE:
            return await self._relayed(request, asker, "embeddings", sent)
        texts, form = read_embedding(sent)
        return answer(embeddings(OFFLINE, await raw.embed(asker[0], texts), form))

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

    async def _asked(self, request: Request) -> tuple[Asker, dict[str, Any]]:
        """Return who asks, as far as passing a request on needs to know, and for what."""
        try:
            asker = await self._keeper.recent(request, DOOR)
        except DaeriError as error:
            await self._note_refusal(request, error)
            raise
        return asker, await read_object(request)

    async def _taken(
        self, request: Request, sent: Mapping[str, Any], read: Callable[..., Asked]
    ) -> tuple[Actor, Asked, Run, Part, Lang]:
        """Take what an agent is asked: return who asks, for what, the run that answers it, and how it is told."""
        try:
            actor = await self._keeper.still(request, DOOR)
            asked = read(sent, modelled=self._services.runs.asks_models)
            asked = replace(asked, attempt=await self._attempt_of(request, sent))
            lang = _language(request, asked.input)
            run, part = await self._begun(request, actor, asked, lang)
        except DaeriError as error:
            await self._note_refusal(request, error)
            raise
        if _number_of(request) is not None:
            self._refusals.forget(await self._name_of(request))
        return actor, asked, run, part, lang

    async def _note_refusal(self, request: Request, error: DaeriError) -> None:
        """Note a request that is refused, where its client asks again by itself; what was taken is known."""
        number = _number_of(request)
        if number is not None and error.retryable:
            self._refusals.note(await self._name_of(request), number)

    async def _name_of(self, request: Request) -> str:
        """Return by what a request is known that is sent again: who asks, and every byte of what they ask for."""
        body = hashlib.sha256(await request.body()).hexdigest()
        return digest([self._keeper.credential(request, DOOR).secret, request.url.path, body])

    async def _attempt_of(self, request: Request, sent: Mapping[str, Any]) -> Attempt | None:
        """Return which attempt at what a request is; None where its client makes one only, or does not tell."""
        number, request.state.attempt = _number_of(request), None
        if number is not None or idempotency_key(request) is not None:
            if number and number == self._refusals.before(await self._name_of(request)):
                number = 0  # the first to be let in
            request.state.attempt = Attempt(digest([request.url.path, sent]), number or 0, str(ULID()))
        attempt: Attempt | None = request.state.attempt
        return attempt

    async def _relayed(self, request: Request, asker: Asker, kind: Kind, sent: dict[str, Any]) -> Response:
        raw, name, (actor, credential) = self._services.raw, _model(sent), asker
        if not raw.has(name, kind):
            raise UnknownModel(Text(f"'{name}' 모델은 없어요.", f"There is no model '{name}'."))
        return Passed(partial(raw.ask, actor, name, kind, sent), self._lines, request, credential)

    async def _begun(self, request: Request, actor: Actor, asked: Asked, lang: Lang) -> tuple[Run, Part]:
        """Begin a run, or let one go on with what its caller's functions returned; return which part is to be told.

        Raises:
            ValidationFailed: what was returned is of several runs, or of one that was begun otherwise than this asks.
        """
        if not asked.returned:
            return await self._started(request, actor, asked, lang), WHOLE
        runs = self._services.runs
        named = {run_id for run_id, _ in asked.returned}
        named |= {responses.place(asked.previous)[0]} if asked.previous is not None else set()
        run_id, *others = named
        if others:
            told = Text("한 실행의 함수 결과만 보낼 수 있어요", "The results must be of one run")
            raise ValidationFailed(told, errors=[FieldError("/messages", "results of another run")])
        _check_goes_on(asked, await runs.get(actor, run_id, lang))
        results = {step: text for (_, step), text in asked.returned.items()}
        run = await runs.returned(actor, run_id, results, lang, asked.attempt)
        ended = [part for part in parts_of(run) if {place_of(each["call_id"])[1] for each in part.calls} & set(results)]
        return run, parts_of(run)[ended[0].number + 1]

    async def _started(self, request: Request, actor: Actor, asked: Asked, lang: Lang) -> Run:
        runs = self._services.runs
        session = asked.session_id
        if asked.previous is not None:
            session = (await runs.get(actor, responses.place(asked.previous)[0], lang))["session_id"]
        elif session is None and asked.before is not None:
            session = await runs.session_of(actor, *asked.before)
            if session is None:
                asked.ignored.append("messages.history")
        noted = _to_show(asked, lang).kept() if asked.is_shown_again else None
        terms = Terms(answer_format=asked.answer_format, functions=asked.functions, noted=noted, attempt=asked.attempt)
        key = idempotency_key(request)
        try:
            run = await runs.create(
                actor, asked.input, agent=asked.agent, session_id=session, lang=lang, idempotency_key=key, terms=terms
            )
        except NotFound:
            if asked.agent in {agent.name for agent in self._services.door.company.agents_for(actor)}:
                raise
            raise UnknownModel from None
        request.state.acted = asked.attempt is None
        return run

    async def _waited(self, request: Request, actor: Actor, run: Run, part: int, lang: Lang) -> Run:
        """Wait for the end of a part of a run, and return it; a caller who leaves, and does not come back, stops it.

        Raises:
            DaeriError: the run failed.
        """
        credential = self._keeper.credential(request, DOOR)
        runs, run_id = self._services.runs, run["run_id"]
        with self._lines.follow(credential, request.receive) as ended:
            try:
                async with WhileThere(ended):
                    run = await runs.wait(actor, run_id, WAIT_MAX, lang)
            except ClientDisconnect:  # nobody else will hear its answer
                await self._leave(request, actor, run_id)
                raise
        run = part_of(run, part)
        if run["error"]:
            request.state.acted = True  # it would be the same error again
            raise _failure(run["error"])
        return run

    def _stream(
        self,
        request: Request,
        actor: Actor,
        run: Run,
        pieces: Pieces,
        cut: Callable[[DaeriError], bytes],
        *,
        stops: bool = True,
    ) -> Response:
        def last(reason: Reason) -> bytes:
            error = error_of(reason)
            return cut(error) if isinstance(error, DaeriError) else b""

        async def left() -> None:
            if stops:
                await self._leave(request, actor, run["run_id"])

        credential = self._keeper.credential(request, DOOR)
        return EventStream(_until_failed(pieces, cut), self._lines, credential, last=last, left=left)

    async def _leave(self, request: Request, actor: Actor, run_id: str) -> None:
        """Stop the run of a caller who left, unless they may ask again for the same."""
        attempt: Attempt | None = request.state.attempt
        with suppress(DaeriError):  # it has ended by itself, or the key may not stop runs
            if attempt is None:
                await self._services.runs.cancel(actor, run_id)
            else:
                await self._services.runs.callers.leave(actor, run_id, attempt)


async def _until_failed(pieces: Pieces, cut: Callable[[DaeriError], bytes]) -> Pieces:
    """Yield the pieces of a stream; what keeps it from its end, such as a run that was deleted, is told as its end."""
    async with aclosing(pieces):
        try:
            async for piece in pieces:
                yield piece
        except DaeriError as error:
            yield cut(error)


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


def _number_of(request: Request) -> int | None:
    """Return how often a client has sent a request before, by itself; None where it does not tell."""
    told = request.headers.get(ATTEMPT, "")
    return int(told) if re.fullmatch("[0-9]{1,4}", told) else None


def _described(name: str) -> dict[str, Any]:
    owner = "daeri" if name.startswith(AGENT) or name == OFFLINE else "upstream"
    return {"id": name, "object": "model", "created": EPOCH, "owned_by": owner}


def _check_goes_on(asked: Asked, run: Run) -> None:
    """Refuse to go on with a run otherwise than it was begun: its caller would read the answer wrongly.

    Raises:
        ValidationFailed: it has another agent, or its answer will have another form.
    """
    wanted = asked.answer_format
    changed = "/response_format" if wanted is not None and wanted.asked != run["response_format"] else ""
    changed = "/model" if asked.agent != run["agent"] else changed
    if changed:
        told = Text(
            "실행은 처음에 정한 에이전트와 답의 형식으로 이어져요", "A run keeps its agent and its answer's form"
        )
        raise ValidationFailed(told, errors=[FieldError(changed, "not as the run was begun")])


def _to_show(asked: Asked, lang: Lang) -> responses.Shown:
    return responses.Shown(lang, asked.ignored, asked.previous, asked.background, asked.echoed)


def _language(request: Request, words: str) -> Lang:
    """Choose by Accept-Language, else by the words themselves: OpenAI's libraries send no language."""
    if request.headers.get("accept-language", "*").strip() in ("", "*"):
        return language_of(words)
    return language(request.headers)


def _failure(problem: dict[str, Any]) -> DaeriError:
    """Return the error that a run ended with."""
    detail = Text(problem["detail"], problem["detail"])
    return KNOWN.get(problem["code"], DaeriError)(detail)
