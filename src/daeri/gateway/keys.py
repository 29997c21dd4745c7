"""How do people handle their keys and sessions over REST, and how does an agent get a token to act for one?

Decode, call one service, write its answer once. The token endpoint is RFC 8693's: `sub` is the person whose credential
is shown, `act` the agent; what it gives is narrower than both and ends soon.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from daeri.errors import DaeriError, FieldError, InvalidRequest, ValidationFailed
from daeri.gateway.bodies import Nothing
from daeri.gateway.doorkeeper import CREDENTIAL_MAX, RESOURCES, Doorkeeper
from daeri.gateway.endpoints import ALWAYS, Endpoint, described_json
from daeri.gateway.problems import request_id_of
from daeri.gateway.routes import DOOR, Table
from daeri.gateway.schemas import TEXT, TIME, list_of, object_of, or_null, page_of
from daeri.gateway.services import Services
from daeri.gateway.wire import Query, Sent, answer, fitted, language, read_object
from daeri.records.actor import Actor
from daeri.records.credentials import DAYS_MAX, NAME_MAX, TOKEN_LIFE, Loan, Wish
from daeri.wording import Text

EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN: Final = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - the name of a kind
AGENT: Final = "urn:daeri:token-type:agent"
"""The kind of an actor_token that is the plain name of an agent of the company."""
OAUTH: Final = "/oauth/token"
REVOKE: Final = "/oauth/revoke"
ABOUT_OAUTH: Final = "/.well-known/oauth-authorization-server"
UNKEPT: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}
FORM: Final = "application/x-www-form-urlencoded"


class KeyWanted(Sent):
    """A new key."""

    name: Annotated[str, Field(description="이름표 (a label)", examples=["excel"], min_length=1, max_length=NAME_MAX)]
    scopes: Annotated[
        list[str] | None, Field(description="할 수 있는 일 (patterns of operations, or effects), e.g. leave.*, read")
    ] = None
    days: Annotated[int | None, Field(ge=1, le=DAYS_MAX, description="며칠 뒤 끝나는지 (days until it ends)")] = None
    decides: Annotated[
        bool, Field(description="결재도 할 수 있는 키 (may decide approvals): only for a key that a person uses.")
    ] = False
    agent: Annotated[str | None, Field(description="이 키로 일하는 에이전트 (the agent that acts by it)")] = None


class TokenAsked(Sent):
    """A token exchange (RFC 8693 §2.1); also taken as a form."""

    grant_type: Annotated[str, Field(description="Always the token exchange.", examples=[EXCHANGE])]
    subject_token: Annotated[str, Field(description="사람의 키 (a key or token of the person)", examples=["dk_live_…"])]
    subject_token_type: Annotated[str, Field(description="Always an access token.", examples=[ACCESS_TOKEN])]
    actor_token: Annotated[str, Field(description="에이전트 (the agent): its name, or a key that is an agent's.")]
    actor_token_type: Annotated[str, Field(description="What the actor_token is.", examples=[AGENT, ACCESS_TOKEN])]
    scope: Annotated[
        str | None, Field(description="무엇을 위한 토큰인지 (patterns with spaces between), e.g. leave.*")
    ] = None
    requested_token_type: Annotated[str | None, Field(description="An access token, if anything.")] = None
    resource: Annotated[
        str | None, Field(description="쓸 곳 하나 (the one address it is for): this server, its /mcp or its /a2a.")
    ] = None
    audience: Annotated[str | None, Field(description="The same, by another name (RFC 8693).")] = None


class TokenEnded(Sent):
    """A token that is given back (RFC 7009 §2.1)."""

    token: Annotated[str, Field(max_length=CREDENTIAL_MAX)]
    token_type_hint: str | None = None


class InvalidTarget(ValidationFailed):
    """A token is asked for an address that is not ours (RFC 8707)."""

    def __init__(self) -> None:
        """Say which addresses there are."""
        told = Text("이 서버, /mcp, /a2a 가운데 하나여야 해요", "must be this server, its /mcp or its /a2a")
        super().__init__(errors=[FieldError("/resource", told)])


class KeyRoutes:
    """A person's keys and sessions."""

    def __init__(self, services: Services, keeper: Doorkeeper) -> None:
        """Take the keys, and who knows the callers."""
        self._keys = services.keys
        self._keeper = keeper
        self._clock = services.clock

    def add_to(self, table: Table) -> None:
        """Put the routes at their paths."""
        table.at("/v1/keys", get=self.page, post=self.create)
        table.at("/v1/keys/{key_id}", delete=self.revoke)
        table.at("/v1/sessions", get=self.sessions)
        table.at("/v1/sessions/{session_id}", delete=self.end_session)

    async def page(self, request: Request, actor: Actor) -> Response:
        """List one's keys."""
        Query(request)
        return answer({"data": await self._keys.page(actor), "next_cursor": None, "has_more": False})

    async def create(self, request: Request, actor: Actor) -> Response:
        """Make a key."""
        Query(request)
        wanted = fitted(KeyWanted, await read_object(request))
        made = await self._keys.create(actor, Wish(**wanted.model_dump()))
        return answer(made, 201, {"Location": f"/v1/keys/{made['id']}"})

    async def revoke(self, request: Request, actor: Actor) -> Response:
        """End a key."""
        Query(request)
        fitted(Nothing, await read_object(request))
        return answer(await self._keys.revoke(actor, request.path_params["key_id"]))

    async def sessions(self, request: Request, actor: Actor) -> Response:
        """List where one is signed in."""
        Query(request)
        return answer({"data": await self._keys.sessions(actor), "next_cursor": None, "has_more": False})

    async def end_session(self, request: Request, actor: Actor) -> Response:
        """End a session."""
        Query(request)
        fitted(Nothing, await read_object(request))
        await self._keys.end_session(actor, request.path_params["session_id"])
        return Response(status_code=204)

    async def exchange(self, request: Request) -> Response:
        """Lend an agent a token; whoever shows the person's credential asks."""
        try:
            sent = await _form_or_json(request)
            if "grant_type" in sent:  # of another grant the other members mean nothing
                _check_kind("grant_type", sent["grant_type"], (EXCHANGE,))
            asked = fitted(TokenAsked, sent)
            _check_kinds(asked)
            subject = await self._keeper.holder(asked.subject_token, DOOR)
            await self._keeper.count(subject)
            loan = await self._loan(request, asked)
            made = await self._keys.exchange(subject, loan)
        except DaeriError as error:
            return _refused(request, error)
        left = (made.ends - self._clock.now()).total_seconds() if made.ends else TOKEN_LIFE.total_seconds()
        told = {"access_token": made.secret, "issued_token_type": ACCESS_TOKEN, "token_type": "Bearer"}
        told |= {"scope": asked.scope} if asked.scope else {}
        return answer(told | {"expires_in": max(0, round(left))}, headers=UNKEPT)

    async def give_back(self, request: Request) -> Response:
        """End a token for whoever holds it (RFC 7009); what is none of ours is answered alike."""
        try:
            await self._keeper.visit(request)
            asked = fitted(TokenEnded, await _form_or_json(request))
        except DaeriError as error:
            return _refused(request, error)
        await self._keys.give_back(asked.token)
        return answer({}, headers=UNKEPT)

    async def about(self, request: Request) -> Response:
        """Tell OAuth's clients where tokens are made and ended, and of which kind (RFC 8414)."""
        base = self._keeper.base(request)
        told = {
            "issuer": base,
            "token_endpoint": base + OAUTH,
            "revocation_endpoint": base + REVOKE,
            "grant_types_supported": [EXCHANGE],
            "response_types_supported": [],  # it has no authorization endpoint
            "token_endpoint_auth_methods_supported": ["none"],
            "revocation_endpoint_auth_methods_supported": ["none"],
            "service_documentation": f"{base}/docs",
        }
        return answer(told, headers={"Cache-Control": "max-age=3600"})

    async def _loan(self, request: Request, asked: TokenAsked) -> Loan:
        """Return to whom a token is to be lent, and for what."""
        shown_by, ends = None, [await self._keeper.end_of(asked.subject_token)]
        if asked.actor_token_type != AGENT:
            shown_by = await self._keeper.holder(asked.actor_token, DOOR)
            if shown_by.agent is None:
                raise _invalid("actor_token", Text("에이전트의 키가 아니에요", "not a key of an agent"))
            ends.append(await self._keeper.end_of(asked.actor_token))
        agent = shown_by.agent if shown_by is not None and shown_by.agent else asked.actor_token
        scopes = asked.scope.split() if asked.scope else None
        door = _door_of(asked, self._keeper.base(request))
        return Loan(agent, scopes, shown_by, door, min(filter(None, ends), default=None))


def keys(services: Services, keeper: Doorkeeper) -> APIRouter:
    """Return the routes."""
    table, routes = Table(keeper), KeyRoutes(services, keeper)
    routes.add_to(table)
    for path in ("/v1/token", OAUTH):  # ours, and where OAuth's clients look for it
        table.router.add_route(path, routes.exchange, methods=["POST"], include_in_schema=False)
    table.router.add_route(REVOKE, routes.give_back, methods=["POST"], include_in_schema=False)
    table.router.add_route(ABOUT_OAUTH, routes.about, methods=["GET"], include_in_schema=False)
    return table.router


async def _form_or_json(request: Request) -> dict[str, Any]:
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != FORM:
        return await read_object(request)
    try:
        pairs = parse_qsl((await request.body()).decode(), keep_blank_values=True, max_num_fields=20)
    except (UnicodeDecodeError, ValueError):
        raise InvalidRequest from None
    if len(dict(pairs)) < len(pairs):
        raise InvalidRequest(Text("같은 항목이 두 번 있어요", "a parameter stands twice"))
    return dict(pairs)


def _check_kinds(asked: TokenAsked) -> None:
    _check_kind("subject_token_type", asked.subject_token_type, (ACCESS_TOKEN,))
    _check_kind("actor_token_type", asked.actor_token_type, (ACCESS_TOKEN, AGENT))
    _check_kind("requested_token_type", asked.requested_token_type, (ACCESS_TOKEN, None))


def _check_kind(name: str, value: object, known: Sequence[str | None]) -> None:
    if value not in known:
        raise _invalid(name, Text("쓸 수 없는 값이에요", f"must be {' or '.join(filter(None, known))}"))


def _invalid(name: str, detail: Text) -> ValidationFailed:
    return ValidationFailed(errors=[FieldError(f"/{name}", detail)])


def _door_of(asked: TokenAsked, base: str) -> str | None:
    """Return the one door that a token is asked for; None for all of this server's.

    Raises:
        InvalidTarget: it is to be good elsewhere.
    """
    wanted = {one.rstrip("/") for one in (asked.resource, asked.audience) if one is not None}
    if not wanted:
        return None
    doors = {base: None, **{f"{base}/{door}": door for door in RESOURCES}}
    if len(wanted) > 1 or not wanted <= doors.keys():
        raise InvalidTarget
    return doors[wanted.pop()]


def _refused(request: Request, error: DaeriError) -> Response:
    """Refuse in OAuth's words beside ours; at OAuth's own address with its status too (RFC 6749 §5.2)."""
    problem = error.problem(language(request.headers), request_id_of(request))
    told = problem | {"error": _code_of(error), "error_description": problem["detail"]}
    is_oauths = request.url.path != "/v1/token" and error.status < HTTPStatus.INTERNAL_SERVER_ERROR
    wait = {"Retry-After": str(error.extra["retry_after"])} if "retry_after" in error.extra else {}
    if is_oauths and not wait:
        return answer(told, HTTPStatus.BAD_REQUEST, UNKEPT)
    return answer(told, HTTPStatus.UNAUTHORIZED if error.code == "unauthenticated" else error.status, UNKEPT | wait)


def _code_of(error: DaeriError) -> str:
    """Return the error of RFC 6749 §5.2 that fits."""
    if isinstance(error, InvalidTarget):
        return "invalid_target"
    if any(wrong.pointer == "/grant_type" for wrong in error.errors):
        return "unsupported_grant_type"
    known = {"unauthenticated": "invalid_grant", "permission-denied": "unauthorized_client"}
    return known.get(error.code, "invalid_request")


_KEY: Final[Mapping[str, Any]] = {
    "id": TEXT,
    "prefix": TEXT,
    "name": TEXT,
    "scopes": {"type": ["array", "null"], "items": TEXT},
    "agent": or_null("string"),
    "decides": {"type": "boolean"},
    "created_at": TIME,
    "expires_at": or_null("string", format="date-time"),
    "last_used_at": or_null("string", format="date-time"),
    "revoked_at": or_null("string", format="date-time"),
}
KEY_SCHEMAS: Final[Mapping[str, Any]] = {
    "Key": object_of("Key", "An API key, without its secret.", **_KEY),
    "NewKey": object_of("NewKey", "A key that was just made; `key` is told this once.", **_KEY, key=TEXT),
    "KeyPage": page_of("KeyPage", "Key"),
    "Session": object_of(
        "Session", "Where a person is signed in.", id=TEXT, how=or_null("string"), created_at=TIME, expires_at=TIME
    ),
    "SessionPage": page_of("SessionPage", "Session"),
    "Token": object_of(
        "Token",
        "A token that was lent to an agent.",
        access_token=TEXT,
        issued_token_type=TEXT,
        token_type=TEXT,
        expires_in={"type": "integer", "description": "Seconds."},
    ),
    "TokenServer": object_of(
        "TokenServer",
        "What an OAuth client needs to know to ask for tokens here (RFC 8414).",
        issuer=TEXT,
        token_endpoint=TEXT,
        revocation_endpoint=TEXT,
        grant_types_supported=list_of(TEXT),
        response_types_supported=list_of(TEXT),
        token_endpoint_auth_methods_supported=list_of(TEXT),
        revocation_endpoint_auth_methods_supported=list_of(TEXT),
        service_documentation=TEXT,
    ),
    "TokenRefused": object_of(
        "TokenRefused",
        "Why no token was lent (RFC 6749 §5.2), beside the members of a problem.",
        error=TEXT,
        error_description=TEXT,
        code=TEXT,
        detail=TEXT,
    ),
}


def _json_object(description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": {"type": "object"}}}}


_OAUTH: Final = ("invalid-request", "rate-limited", "payload-too-large", "headers-too-large", "internal", "not-ready")
_WRITES: Final = ("permission-denied", "payload-too-large", "unsupported-media-type", "validation-failed")
KEY_ENDPOINTS: Final[Sequence[Endpoint]] = (
    Endpoint(
        "get",
        "/v1/keys",
        "keys.list",
        "keys",
        "내 API 키 (my API keys)",
        "The caller's keys that have not ended, with their scopes and last use; never their secrets.",
        {200: described_json("The keys.", "KeyPage")},
        problems=("permission-denied", "validation-failed"),
    ),
    Endpoint(
        "post",
        "/v1/keys",
        "keys.create",
        "keys",
        "API 키 만들기 (make an API key)",
        "Makes a key that acts as the caller, within what the caller may do; its secret is told this once. A key that "
        "is made by a key ends with it. Agents make none.",
        {201: described_json("Made; Location names the key.", "NewKey")},
        body=KeyWanted,
        problems=("not-found", *_WRITES),
    ),
    Endpoint(
        "delete",
        "/v1/keys/{key_id}",
        "keys.revoke",
        "keys",
        "API 키 끝내기 (end an API key)",
        "Ends a key at once, and what was made by it.",
        {200: described_json("It has ended.", "Key")},
        problems=("not-found", *_WRITES),
    ),
    Endpoint(
        "get",
        "/v1/sessions",
        "sessions.list",
        "keys",
        "로그인한 곳 (where I am signed in)",
        "The caller's sessions that have not ended.",
        {200: described_json("The sessions.", "SessionPage")},
        problems=("permission-denied", "validation-failed"),
    ),
    Endpoint(
        "delete",
        "/v1/sessions/{session_id}",
        "sessions.end",
        "keys",
        "로그인 끝내기 (end a session)",
        "Ends a session at once, wherever it is open.",
        {204: {"description": "It has ended."}},
        problems=("not-found", *_WRITES),
    ),
    Endpoint(
        "post",
        "/v1/token",
        "tokens.exchange",
        "keys",
        "에이전트에게 토큰 빌려주기 (lend an agent a token)",
        "Token exchange (RFC 8693): gives an agent a token that acts for the person whose key is shown. It may do what "
        "person, agent and key all may, decides no approvals, and ends after 15 minutes or with the key.",
        {200: described_json("The token.", "Token")},
        body=TokenAsked,
        problems=("not-found", *ALWAYS, *_WRITES),
        problems_as="TokenRefused",
        public=True,
    ),
    Endpoint(
        "post",
        OAUTH,
        "oauth.token",
        "keys",
        "OAuth로 토큰 빌려주기 (token exchange, as OAuth has it)",
        "The same as POST /v1/token, where OAuth's clients look for it, with OAuth's status for every refusal.",
        {200: described_json("The token.", "Token")},
        body=TokenAsked,
        is_urlencoded=True,
        problems=_OAUTH,
        problems_as="TokenRefused",
        public=True,
    ),
    Endpoint(
        "post",
        REVOKE,
        "oauth.revoke",
        "keys",
        "토큰 돌려주기 (give a token back)",
        "Ends a token for whoever holds it (RFC 7009); one that is none of ours is answered alike.",
        {200: _json_object("It is no token of ours any more.")},
        body=TokenEnded,
        is_urlencoded=True,
        problems=_OAUTH,
        problems_as="TokenRefused",
        public=True,
    ),
    Endpoint(
        "get",
        ABOUT_OAUTH,
        "oauth.server",
        "keys",
        "토큰을 만드는 곳 (about this authorization server)",
        "Where tokens are exchanged and given back (RFC 8414). Nobody signs in here by OAuth: whose provider signs "
        "people in is told at /.well-known/oauth-protected-resource.",
        {200: described_json("The endpoints.", "TokenServer")},
        problems=("headers-too-large", "internal"),
        public=True,
    ),
)
