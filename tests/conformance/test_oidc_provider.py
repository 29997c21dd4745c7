"""People sign in by an identity provider that others wrote: panva's node-oidc-provider, a process of its own over HTTP.

It is certified by the OpenID Foundation and refuses what is not to the letter: the redirect address, PKCE, the client's
secret, codes that were used. As its makers set it up it names people at its userinfo endpoint alone.
"""

import asyncio
import json
import os
import subprocess
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Self
from urllib.parse import SplitResult, parse_qs, urljoin, urlsplit

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from daeri.gateway import IssuerOptions, Options
from daeri.outbound.guard import sent
from gateway.gateway_house import opened, with_keys
from gateway.mcp_client import headers_of, message
from servers import Server, free_port
from worlds import COLLEAGUE, OWNER, STRANGER

pytestmark = [pytest.mark.anyio, pytest.mark.night]

PACKAGE = "oidc-provider@9.13.3"
SCRIPT = Path(__file__).with_name("oidc_provider.mjs")
BASE = "https://daeri.test"
BACK = f"{BASE}/auth/oidc/callback"
CLIENT, SECRET = "daeri", "a secret: with + & % and 'quotes'"
OTHER, ELSEWHERE = "another", "https://another.test/callback"
PEOPLE = {
    "u-1": {"preferred_username": "owner", "name": "김하은", "groups": ["hr-team"]},
    "u-2": {"preferred_username": "colleague", "name": "이서준", "groups": ["sales"]},
    "u-3": {"preferred_username": "stranger", "name": "정유진", "groups": []},
    "u-9": {"preferred_username": "nobody", "name": "이 서버에 없는 사람", "groups": ["hr-team"]},
}


def _key(kid: str) -> dict[str, Any]:
    key = rsa.generate_private_key(65537, 2048)
    return {**jwt.algorithms.RSAAlgorithm.to_jwk(key, as_dict=True), "kid": kid, "use": "sig", "alg": "RS256"}


class Provider:
    """The process, and what its file tells it."""

    def __init__(self, node: Path, folder: Path) -> None:
        """Take where Node finds the package, and a folder for the file and the log."""
        self._command = ["node", str(node / SCRIPT.name), str(folder / "told.json")]
        self._file, self.log = folder / "told.json", folder / "provider.log"
        self.url = f"http://127.0.0.1:{free_port()}"
        self.people = {who: dict(told) for who, told in PEOPLE.items()}
        self.keys = [_key("one")]
        self.backs = [BACK]
        self.shown = ""
        self.process: subprocess.Popen[bytes] | None = None

    def tell(self) -> None:
        """Write down who is known there, the clients and the keys; people are read each time, the rest at the start."""
        clients = [
            {"client_id": CLIENT, "client_secret": SECRET, "redirect_uris": self.backs},
            {"client_id": OTHER, "client_secret": "x", "redirect_uris": [ELSEWHERE]},
        ]
        told = {"url": self.url, "clients": clients, "keys": self.keys, "people": self.people, "shown": self.shown}
        self._file.write_text(json.dumps(told))

    def start(self) -> None:
        self.tell()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self._command, stdout=log, stderr=log, env=os.environ)
        deadline = time.monotonic() + 60
        while True:
            try:
                httpx.get(f"{self.url}/.well-known/openid-configuration", trust_env=False)
            except httpx.TransportError:
                assert self.process.poll() is None, self.log.read_text()
                assert time.monotonic() < deadline, self.log.read_text()
                time.sleep(0.05)
            else:
                return

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


class Browser:
    """A person's own browser, at the provider and at Daeri."""

    def __init__(self, house: Any, provider: Provider, person: str, base: str = BASE) -> None:
        self.provider, self._person = provider, person
        self.asked = 0
        self.there = httpx.AsyncClient(trust_env=False, timeout=20)
        transport = house.http._transport if house else None
        self.here = httpx.AsyncClient(transport=transport, base_url=base, trust_env=False, timeout=20)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.there.aclose()
        await self.here.aclose()

    async def begin(self, path: str = "/auth/oidc") -> str:
        response = await self.here.get(path)
        assert response.status_code == 303, response.text
        return response.headers["location"]

    async def approve(self, address: str) -> SplitResult:
        """Sign in there and consent, by the provider's own forms; return where it sends the browser back to."""
        answer = await self.there.get(address)
        for _ in range(12):
            if answer.is_redirect:
                address = urljoin(address, answer.headers["location"])
                if address.startswith((*self.provider.backs, ELSEWHERE)):
                    return urlsplit(address)
                answer = await self.there.get(address)
                continue
            assert answer.status_code == 200, answer.text
            self.asked += 1
            form = {"prompt": answer.text.split('name="prompt" value="')[1].split('"')[0]}
            address = answer.text.split('action="')[1].split('"')[0]
            answer = await self.there.post(address, data=form | {"login": self._person, "password": "any"})
        raise AssertionError(f"the provider never sends the browser back: {address}")

    async def bring(self, back: SplitResult) -> httpx.Response:
        return await self.here.get(f"/auth/oidc/callback?{back.query}")

    async def sign_in(self, path: str = "/auth/oidc") -> httpx.Response:
        return await self.bring(await self.approve(await self.begin(path)))

    async def me(self) -> dict[str, Any]:
        answer = await self.here.get("/v1/me")
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture(scope="module")
def node(npm: Callable[[str], Path]) -> Path:
    folder = npm(PACKAGE)
    (folder / SCRIPT.name).write_bytes(SCRIPT.read_bytes())  # a module finds its packages beside itself
    return folder


@pytest.fixture
def provider(node: Path, tmp_path: Path) -> Iterator[Provider]:
    one = Provider(node, tmp_path)
    try:
        one.start()
        yield one
    finally:
        one.stop()


@pytest.fixture(scope="module")
def keyed(furnished: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return with_keys(furnished, tmp_path_factory.mktemp("keyed"))


@pytest.fixture
async def house(keyed, tmp_path, provider):
    issuer = IssuerOptions(provider.url, CLIENT, SECRET, roles={"hr-team": "hr", "money": "finance"})
    async with opened(keyed, tmp_path, Options(public_url=BASE, secure_cookies=True, issuer=issuer)) as one:
        one.world.clock.at = datetime.now(UTC)
        yield one


@pytest.fixture
async def browsers(house, provider):
    """One for each person, by whom they are to the provider."""
    async with AsyncExitStack() as stack:
        yield {who: await stack.enter_async_context(Browser(house, provider, who)) for who in PEOPLE}


async def test_owner_colleague_and_stranger_sign_in_and_each_is_who_the_records_say(browsers, provider):
    names = {}
    for who in ("u-1", "u-2", "u-3"):
        answer = await browsers[who].sign_in("/auth/oidc?next=/approvals")
        assert (answer.status_code, answer.headers["location"]) == (303, "/approvals"), answer.text
        told = await browsers[who].me()
        names[who] = told["person"]["id"], "hr" in told["roles"]
    assert names == {"u-1": (OWNER, True), "u-2": (COLLEAGUE, False), "u-3": (STRANGER, False)}
    assert "error" not in provider.log.read_text().lower()


async def test_a_role_that_changed_at_the_provider_changes_here_with_the_next_sign_in(browsers, house, provider):
    await browsers["u-1"].sign_in()
    assert "hr" in (await browsers["u-1"].me())["roles"]
    provider.people["u-1"]["groups"] = ["money"]
    provider.tell()
    await browsers["u-1"].sign_in()
    roles = (await browsers["u-1"].me())["roles"]
    assert "finance" in roles
    assert "hr" not in roles
    changed = [row for row in await house.world.audited() if row["action"] == "roles.follow"]
    assert len(changed) == 2


async def test_whom_the_provider_knows_and_the_records_do_not_stays_outside(browsers):
    answer = await browsers["u-9"].sign_in()
    assert answer.status_code == 401
    assert (await browsers["u-9"].here.get("/v1/me")).status_code == 401


async def test_an_account_stays_with_its_first_person_though_the_provider_renames_another(browsers, provider):
    assert (await browsers["u-1"].sign_in()).status_code == 303
    provider.people["u-2"]["preferred_username"] = "owner"
    provider.tell()
    assert (await browsers["u-2"].sign_in()).status_code == 401


async def test_a_code_counts_once(browsers):
    one = browsers["u-1"]
    back = await one.approve(await one.begin())
    cookies = dict(one.here.cookies)
    assert (await one.bring(back)).status_code == 303
    one.here.cookies.update(cookies)
    assert (await one.bring(back)).status_code == 401


@pytest.mark.parametrize("thief", ["u-2", "u-3"])
async def test_a_stolen_code_is_of_no_use_in_another_browser(browsers, thief):
    stolen = await browsers["u-1"].approve(await browsers["u-1"].begin())
    other = browsers[thief]
    assert (await other.bring(stolen)).status_code == 400, "it never began to sign in"
    own = await other.approve(await other.begin())
    assert (await other.bring(stolen)).status_code == 400, "it began another sign-in"
    code, state = (parse_qs(back.query)[name][0] for back, name in ((stolen, "code"), (own, "state")))
    mixed = own._replace(query=str(httpx.QueryParams({**dict(httpx.QueryParams(own.query)), "code": code})))
    assert state in mixed.query
    assert (await other.bring(mixed)).status_code == 401, "the code was made for the owner's verifier"


async def test_a_code_that_was_made_for_another_client_is_refused(browsers):
    one = browsers["u-1"]
    begun = httpx.URL(await one.begin())
    theirs = begun.copy_merge_params({"client_id": OTHER, "redirect_uri": ELSEWHERE})
    back = await one.approve(str(theirs))
    assert back.netloc == "another.test"
    assert (await one.bring(back)).status_code == 401


async def test_an_answer_without_the_providers_name_or_with_another_is_refused(browsers, provider):
    one = browsers["u-1"]
    for wrong in (None, "https://evil.test"):
        back = await one.approve(await one.begin())
        told = dict(httpx.QueryParams(back.query))
        assert told.pop("iss") == provider.url
        told |= {"iss": wrong} if wrong else {}
        assert (await one.bring(back._replace(query=str(httpx.QueryParams(told))))).status_code == 400


async def test_whoever_declines_at_the_provider_stays_outside(browsers):
    one = browsers["u-1"]
    begun = await one.begin()
    form = await one.there.get(urljoin(begun, (await one.there.get(begun)).headers["location"]))
    address = form.text.split('href="')[1].split('"')[0] if "abort" in form.text else f"{form.url}/abort"
    declined = await one.there.get(address)
    back = await one.there.get(urljoin(begun, declined.headers["location"]))
    returned = urlsplit(back.headers["location"])
    assert parse_qs(returned.query)["error"] == ["access_denied"]
    assert (await one.bring(returned)).status_code == 401


async def test_the_provider_changes_its_keys_and_people_and_old_tokens_go_on_as_long_as_it_names_them(
    browsers, house, provider, monkeypatch
):
    monkeypatch.setattr("daeri.gateway.issuer.AGAIN_SECONDS", 0)
    assert (await browsers["u-1"].sign_in()).status_code == 303
    before = await _token(browsers["u-1"], BASE)
    assert (await _me(house, before)).status_code == 200
    provider.stop()
    provider.keys.insert(0, _key("two"))
    provider.start()
    assert (await browsers["u-2"].sign_in()).status_code == 303
    after = await _token(browsers["u-1"], BASE)
    assert [jwt.get_unverified_header(one)["kid"] for one in (before, after)] == ["one", "two"]
    assert [(await _me(house, one)).status_code for one in (before, after)] == [200, 200]
    provider.stop()
    provider.keys = [_key("three")]
    provider.start()
    assert (await browsers["u-3"].sign_in()).status_code == 303
    assert [(await _me(house, one)).status_code for one in (before, after)] == [401, 401], "their keys are withdrawn"


async def test_a_token_counts_at_the_address_that_it_was_made_for_and_nowhere_else(browsers, house):
    of_server, of_mcp, of_others = [
        await _token(browsers["u-2"], made_for) for made_for in (BASE, f"{BASE}/mcp", "https://another.test")
    ]
    assert [(await _me(house, one)).status_code for one in (of_server, of_mcp, of_others)] == [200, 401, 401]
    sent = message("tools/list")
    for one, status in ((of_mcp, 200), (of_server, 200), (of_others, 401)):
        assert (await house.http.post("/mcp", json=sent, headers=headers_of(sent, one))).status_code == status


async def test_signing_out_here_ends_the_session_and_a_stolen_cookie_with_it(browsers):
    one = browsers["u-1"]
    await one.sign_in()
    cookies = dict(one.here.cookies)
    (session,) = (await one.here.get("/v1/sessions")).json()["data"]
    assert session["how"] == "oidc"
    assert (await browsers["u-3"].sign_in()).status_code == 303
    path = f"/v1/sessions/{session['id']}"
    assert (await browsers["u-3"].here.delete(path, headers={"Origin": BASE})).status_code == 404
    assert (await one.me())["person"]["name"] == "김하은"
    assert (await one.here.delete(path, headers={"Origin": BASE})).status_code == 204
    one.here.cookies.update(cookies)
    assert (await one.here.get("/v1/me")).status_code == 401
    asked = one.asked
    assert (await one.sign_in()).status_code == 303
    assert one.asked == asked, "the provider's own session is its own, as the README says"


async def test_the_secret_is_shown_in_the_form_to_a_provider_that_takes_it_there_alone(browsers, provider, monkeypatch):
    asked = []

    async def noted(method: str, target: Any, *, headers: dict[str, str], body: bytes = b"") -> tuple[int, bytes]:
        asked.append(("authorization" in headers, b"client_secret=" in body))
        return await sent(method, target, headers=headers, body=body)

    monkeypatch.setattr("daeri.gateway.relying_party.sent", noted)
    provider.stop()
    provider.shown = "client_secret_post"
    provider.start()
    assert (await browsers["u-1"].sign_in()).status_code == 303
    assert (await browsers["u-1"].me())["person"]["id"] == OWNER
    assert asked[0] == (False, True), "this provider is lenient, so that it let us in says nothing"


async def test_a_secret_that_the_provider_does_not_know_lets_nobody_in(keyed, tmp_path, provider):
    issuer = IssuerOptions(provider.url, CLIENT, "wrong")
    async with opened(keyed, tmp_path, Options(public_url=BASE, secure_cookies=True, issuer=issuer)) as house:
        house.world.clock.at = datetime.now(UTC)
        async with Browser(house, provider, "u-1") as one:
            assert (await one.sign_in()).status_code == 401


async def test_a_server_as_it_is_started_takes_people_in_and_logs_nothing_that_opens_a_door(provider, tmp_path):
    settings = {"ISSUER": provider.url, "OIDC_CLIENT_ID": CLIENT, "OIDC_CLIENT_SECRET": SECRET, "LOG_LEVEL": "DEBUG"}
    server = Server(tmp_path / "demo", "demo", more={f"DAERI_{name}": value for name, value in settings.items()})
    server.more["DAERI_PUBLIC_URL"] = server.url
    provider.stop()
    provider.backs.append(f"{server.url}/auth/oidc/callback")
    provider.people["u-1"]["preferred_username"] = "deputy"
    provider.start()
    await asyncio.to_thread(server.start)
    try:
        async with Browser(None, provider, "u-1", server.url) as one:
            begun = await one.begin()
            back = await one.approve(begun)
            verifier = json.loads(urlsafe_b64decode(one.here.cookies["daeri_session_oidc"]))["verifier"]
            assert (await one.bring(back)).status_code == 303
            session = one.here.cookies["daeri_session"]
            assert (await one.me())["person"]["id"]
            assert (await one.bring(back)).status_code == 400
            assert (await one.sign_in()).status_code == 303
    finally:
        await asyncio.to_thread(server.stop)
    told = server.log.read_text()
    assert f"{provider.url}/token" in told, "even where everything is logged"
    secrets = [parse_qs(back.query)["code"][0], parse_qs(back.query)["state"][0], SECRET, session, verifier, "eyJ"]
    assert not [secret for secret in secrets if secret in told]


async def _me(house: Any, token: str) -> httpx.Response:
    return await house.http.get("/v1/me", headers={"Authorization": f"Bearer {token}"})


async def _token(browser: Browser, made_for: str) -> str:
    """Get an access token for an address as a program does: a client of its own, the same person, the same forms."""
    verifier = "v" * 64
    asked = {
        "client_id": OTHER,
        "response_type": "code",
        "redirect_uri": ELSEWHERE,
        "scope": "openid daeri",
        "resource": made_for,
        "code_challenge": urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    about = (await browser.there.get(f"{browser.provider.url}/.well-known/openid-configuration")).json()
    back = await browser.approve(str(httpx.URL(about["authorization_endpoint"], params=asked)))
    form = {
        "grant_type": "authorization_code",
        "code": parse_qs(back.query)["code"][0],
        "redirect_uri": ELSEWHERE,
        "code_verifier": verifier,
        "resource": made_for,
    }
    told = await browser.there.post(about["token_endpoint"], data=form, auth=(OTHER, "x"))
    assert told.status_code == 200, told.text
    return str(told.json()["access_token"])
