"""Whom the company's own identity provider vouches for: people who sign in, programs with tokens for us."""

import base64
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import ValidationError

from daeri.gateway import IssuerOptions, Options
from daeri.gateway.keys import ACCESS_TOKEN, AGENT, EXCHANGE
from daeri.settings import Settings
from gateway.gateway_house import opened
from gateway.live import served
from gateway.mcp_client import client, headers_of, message
from gateway.provider import CLIENT, SECRET, Provider
from gateway.test_keys import exchanged

pytestmark = pytest.mark.anyio

BASE = "http://daeri.test"
MCP = f"{BASE}/mcp"


@pytest.fixture(scope="module")
def provider_keys():
    return Provider().keys


@pytest.fixture
async def provider(provider_keys):
    one = Provider()
    one.keys = dict(provider_keys)
    async with served(one.app()) as address:
        one.url = address
        yield one


@pytest.fixture
async def house(keyed, tmp_path, provider):
    issuer = IssuerOptions(provider.url, CLIENT, SECRET, roles={"hr-team": "hr", "money": "finance"})
    async with opened(keyed, tmp_path, Options(public_url=BASE, issuer=issuer)) as one:
        one.world.clock.at = datetime.now(UTC)
        yield one


async def me(house, token):
    return await house.http.get("/v1/me", headers={"Authorization": f"Bearer {token}"})


async def _begun(house, path="/auth/oidc"):
    response = await house.http.get(path)
    assert response.status_code == 303, response.text
    return response


async def _returned(begun):
    """What the provider sends the browser back with."""
    async with httpx.AsyncClient(trust_env=False) as browser:
        answer = await browser.get(begun.headers["location"])
    return urlsplit(answer.headers["location"])


async def _signed_in(house, path="/auth/oidc"):
    back = await _returned(await _begun(house, path))
    return await house.http.get(f"{back.path}?{back.query}")


# Signing in ------------------------------------------------------------------------------------------------------


async def test_a_person_signs_in_and_is_who_the_records_say(house):
    answer = await _signed_in(house, "/auth/oidc?next=/approvals")
    assert (answer.status_code, answer.headers["location"]) == (303, "/approvals")
    assert "httponly" in answer.headers["set-cookie"].lower()
    who = (await house.http.get("/v1/me")).json()
    assert (who["login"], who["person"]["name"], who["decides"]) == (None, "김하은", True)
    assert [item["how"] for item in (await house.get("owner", "/v1/sessions")).json()["data"]] == ["oidc"]


@pytest.mark.parametrize("there", ["https://evil.test", "//evil.test", "/\\evil.test", "javascript:alert(1)", "a\nb"])
async def test_after_signing_in_nobody_is_sent_elsewhere(house, there):
    answer = await _signed_in(house, f"/auth/oidc?{httpx.QueryParams({'next': there})}")
    assert answer.headers["location"] == "/"


async def test_roles_follow_the_groups_and_the_others_stay(house, provider):
    await house.world.sql("""UPDATE w_employee SET roles = '["auditor", "finance"]' WHERE id = 1""")
    provider.claims["groups"] = ["hr-team", "unknown"]
    await _signed_in(house)
    assert (await house.http.get("/v1/me")).json()["roles"] == ["auditor", "hr"]
    changed = [row for row in await house.world.audited() if row["action"] == "roles.follow"]
    assert "finance" in str(changed[-1]["detail"])


async def test_an_account_is_bound_to_whom_it_was_first_used_by(house, provider):
    await _signed_in(house)
    house.http.cookies.clear()
    provider.claims = {"sub": "u-2", "preferred_username": "owner"}
    assert (await _signed_in(house)).status_code == 401
    provider.claims = {"sub": "u-1", "preferred_username": "renamed"}
    assert (await _signed_in(house)).status_code == 303


@pytest.mark.parametrize("login", ["nobody", "", None, 5])
async def test_who_has_no_account_does_not_come_in(house, provider, login):
    provider.claims = {"sub": "u-9", "preferred_username": login}
    assert (await _signed_in(house)).status_code == 401


async def test_a_switched_off_account_or_a_leaver_does_not_come_in(house):
    await house.world.sql("UPDATE account SET disabled_at = '2026-01-01 00:00:00' WHERE login = 'owner'")
    assert (await _signed_in(house)).status_code == 401


@pytest.mark.parametrize(
    "over",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "another"},
        {"aud": [CLIENT], "azp": "another"},
        {"iss": "https://evil.test"},
        {"exp": 1},
        {"exp": None},
        {"iat": 9_999_999_999},
        {"nbf": 9_999_999_999},
    ],
)
async def test_an_id_token_that_is_not_for_this_sign_in_is_refused(house, provider, over):
    provider.over = over
    assert (await _signed_in(house)).status_code == 401


async def test_what_comes_back_counts_in_the_browser_that_was_sent_off_alone(house):
    back = await _returned(await _begun(house))
    house.http.cookies.clear()
    assert (await house.http.get(f"{back.path}?{back.query}")).status_code == 400
    victim = await _returned(await _begun(house))
    await _begun(house)  # another sign-in began in the same browser meanwhile
    assert (await house.http.get(f"{victim.path}?{victim.query}")).status_code == 400


async def test_a_code_is_used_once_and_only_with_its_verifier(house):
    back = await _returned(await _begun(house))
    address = f"{back.path}?{back.query}"
    cookies = dict(house.http.cookies)
    assert (await house.http.get(address)).status_code == 303
    house.http.cookies.update(cookies)
    assert (await house.http.get(address)).status_code == 401


async def test_an_answer_of_another_provider_is_refused(house):
    back = await _returned(await _begun(house))
    query = back.query.split("&iss=")[0] + "&iss=https%3A%2F%2Fevil.test"
    assert (await house.http.get(f"{back.path}?{query}")).status_code == 400


@pytest.mark.parametrize(("promised", "status"), [(False, 303), (True, 400)])
async def test_an_answer_without_the_providers_name_is_refused_where_it_promises_to_name_itself(
    house, provider, promised, status
):
    provider.promises = {"authorization_response_iss_parameter_supported": promised}
    back = await _returned(await _begun(house))
    answer = await house.http.get(f"{back.path}?{back.query.split('&iss=')[0]}")
    assert answer.status_code == status


async def test_what_the_id_token_leaves_out_is_asked_for_at_the_providers_userinfo_endpoint(house, provider):
    provider.claims = {"sub": "u-1"}
    provider.beside = {"sub": "u-1", "preferred_username": "owner", "groups": ["hr-team"]}
    assert (await _signed_in(house)).status_code == 303
    assert "hr" in (await house.http.get("/v1/me")).json()["roles"]


async def test_what_the_id_token_says_counts_more_than_what_is_told_beside_it(house, provider):
    provider.claims = {"sub": "u-1", "preferred_username": "owner"}
    provider.beside = {"sub": "u-1", "preferred_username": "lead", "groups": []}
    assert (await _signed_in(house)).status_code == 303
    assert (await house.http.get("/v1/me")).json()["person"]["name"] == "김하은"


@pytest.mark.parametrize("beside", [{"sub": "u-2", "preferred_username": "owner"}, {"preferred_username": "owner"}, {}])
async def test_what_is_told_beside_the_id_token_is_refused_where_it_is_of_someone_else(house, provider, beside):
    provider.claims, provider.beside = {"sub": "u-1"}, beside
    assert (await _signed_in(house)).status_code == 401


async def test_a_refusal_of_the_provider_ends_the_sign_in(house):
    begun = await _begun(house)
    state = parse_qs(urlsplit(begun.headers["location"]).query)["state"][0]
    answer = await house.http.get(f"/auth/oidc/callback?error=access_denied&state={state}")
    assert answer.status_code == 401


@pytest.mark.parametrize("cookie", ["", "x", base64.b64encode(b"{}").decode(), base64.b64encode(b"[1]").decode()])
async def test_a_broken_cookie_ends_the_sign_in(house, cookie):
    headers = {"Cookie": f"daeri_session_oidc={cookie}"}
    assert (await house.http.get("/auth/oidc/callback?code=x&state=", headers=headers)).status_code == 400


async def test_a_provider_that_is_away_says_so(house, provider):
    provider.url, there = "https://elsewhere.test", provider.url
    assert (await house.http.get("/auth/oidc")).status_code == 503, "it says that it is someone else"
    provider.url = there
    assert (await house.http.get("/auth/oidc")).status_code == 303


# Tokens ----------------------------------------------------------------------------------------------------------


def token(provider, **claims):
    return provider.sign({"aud": MCP, "preferred_username": "owner", "scope": "daeri", **claims})


async def test_a_token_for_mcp_opens_mcp_and_nothing_else(house, provider):
    async with served(house.app) as url, client(url, token(provider)) as mcp:
        result = await mcp.call_tool("work.find", {"employee": 1})
    assert result.structured_content["result"] == {"value": "김하은"}
    assert (await me(house, token(provider))).status_code == 401
    assert (await me(house, token(provider, aud=BASE))).status_code == 200
    assert (await me(house, token(provider, aud=["x", BASE]))).json()["decides"] is False


async def test_a_scope_is_a_limit(house, provider):
    sent = message("tools/call", {"name": "work.salary", "arguments": {"employee": 1}})

    async def code(scope):
        headers = headers_of(sent, token(provider, scope=scope))
        return (
            (await house.http.post("/mcp", json=sent, headers=headers))
            .json()["result"]["structuredContent"]
            .get("code")
        )

    assert await code("openid work.salary") is None
    assert await code("read") is None
    assert await code("work.find") == "permission-denied"


async def test_a_token_without_a_scope_of_ours_is_told_which_to_get(house, provider):
    sent = message("tools/list")
    answer = await house.http.post("/mcp", json=sent, headers=headers_of(sent, token(provider, scope="openid email")))
    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]


async def test_a_token_that_names_an_agent_acts_through_it(house, provider):
    told = (await me(house, token(provider, aud=BASE, act={"sub": "reader"}))).json()
    assert (told["agent"], told["roles"]) == ("reader", [])
    assert (await me(house, token(provider, aud=BASE, act={"sub": "nobody"}))).status_code == 404


async def test_a_token_of_the_provider_writes_as_its_person(house, provider):
    headers = {"Authorization": f"Bearer {token(provider, aud=BASE, jti='t1')}"}
    filed = await house.http.post("/v1/ops/work.request", json={"start": "2026-12-01"}, headers=headers)
    assert filed.status_code == 202, filed.text
    document = (await house.get("lead", f"/v1/approvals/{filed.json()['approval_id']}")).json()
    assert (document["drafter"]["id"], document["agent"]) == (1, None)


async def test_a_token_of_the_provider_is_lent_to_an_agent_no_longer_than_it_holds(house, provider):
    async def lent(**claims):
        sent = {
            "grant_type": EXCHANGE,
            "subject_token": token(provider, **{"aud": BASE} | claims),
            "subject_token_type": ACCESS_TOKEN,
            "actor_token": "assistant",
            "actor_token_type": AGENT,
        }
        return await house.http.post("/oauth/token", data=sent)

    told = (await lent(exp=int(house.world.clock.at.timestamp()) + 60)).json()
    assert 50 <= told["expires_in"] <= 60
    here = (await me(house, told["access_token"])).json()
    assert (here["person"]["id"], here["agent"], here["decides"]) == (1, "assistant", False)
    house.world.clock.at += timedelta(seconds=61)
    assert (await me(house, told["access_token"])).status_code == 401
    assert (await lent(aud=MCP)).json()["error"] == "invalid_grant", "made for another address"
    narrow = (await lent(scope="work.find", exp=int(house.world.clock.at.timestamp()) + 300)).json()
    assert narrow["error"] == "unauthorized_client", "its scope says nothing of lending"


async def test_a_token_of_the_provider_makes_no_key_that_would_outlive_it(house, provider):
    headers = {"Authorization": f"Bearer {token(provider, aud=BASE)}"}
    assert (await house.http.post("/v1/keys", json={"name": "x"}, headers=headers)).status_code == 403
    assert (await house.post("owner", "/v1/keys", {"name": "x"})).status_code == 201


async def test_a_token_is_lent_no_longer_than_the_agents_own_token_holds(house, provider):
    sent = {
        "grant_type": EXCHANGE,
        "subject_token": house.keys["owner"],
        "subject_token_type": ACCESS_TOKEN,
        "actor_token": token(
            provider, aud=BASE, act={"sub": "assistant"}, exp=int(house.world.clock.at.timestamp()) + 60
        ),
        "actor_token_type": ACCESS_TOKEN,
    }
    told = (await house.http.post("/oauth/token", data=sent)).json()
    assert 50 <= told["expires_in"] <= 60
    house.world.clock.at += timedelta(seconds=61)
    assert (await me(house, told["access_token"])).status_code == 401


async def test_fresh_tokens_of_a_person_are_one_credential_to_limits_and_not_anothers(keyed, tmp_path, provider):
    options = Options(public_url=BASE, issuer=IssuerOptions(provider.url, CLIENT, SECRET))
    async with opened(keyed, tmp_path, options, limits=["key=3/minute"]) as house:
        house.world.clock.at = datetime.now(UTC)
        other = {"sub": "u-9", "preferred_username": "colleague"}
        owners = [token(provider, aud=BASE), *(token(provider, aud=BASE, jti=name) for name in "abc")]
        assert [(await me(house, one)).status_code for one in owners] == [200, 200, 200, 429]
        assert [(await me(house, token(provider, aud=BASE, **other))).status_code for _ in range(2)] == [200, 200]
        lent = await exchanged(house, token(provider, aud=BASE, **other))
        assert (await me(house, lent.json()["access_token"])).status_code == 429


async def test_a_caller_without_a_token_is_told_where_to_get_one(house, provider):
    sent = message("tools/list")
    answer = await house.http.post("/mcp", json=sent, headers=headers_of(sent, None))
    assert answer.status_code == 401
    where = answer.headers["WWW-Authenticate"].split('resource_metadata="')[1].split('"')[0]
    assert where == f"{BASE}/.well-known/oauth-protected-resource/mcp"
    told = (await house.http.get(where)).json()
    assert (told["resource"], told["authorization_servers"]) == (MCP, [provider.url])
    assert {"daeri", "read", "work.*"} <= set(told["scopes_supported"])
    whole = (await house.http.get("/.well-known/oauth-protected-resource")).json()
    assert whole["resource"] == BASE
    refused = await house.http.post("/mcp", json=sent, headers=headers_of(sent, token(provider, exp=1)))
    assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]


async def test_a_host_header_makes_no_audience(house, provider):
    sent = message("tools/list")
    evil = headers_of(sent, token(provider, aud="http://evil.test/mcp")) | {"Host": "evil.test"}
    assert (await house.http.post("/mcp", json=sent, headers=evil)).status_code == 401


def _part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def forged(provider):
    """Tokens that must all be refused, by what is wrong with them."""
    good = {"aud": BASE, "preferred_username": "owner", "scope": "daeri"}
    public = provider.keys["one"].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    head, body, signature = provider.sign(good).split(".")
    other = _part({**json.loads(base64.urlsafe_b64decode(body + "==")), "preferred_username": "lead"})
    now = int(time.time())
    whole = {**good, "iss": provider.url, "sub": "u-1", "iat": now, "exp": now + 300}
    yield "no signature", f"{_part({'alg': 'none'})}.{_part(whole)}."
    yield "none, spelled otherwise", f"{_part({'alg': 'nOnE', 'kid': 'one'})}.{_part(whole)}.{signature}"
    yield "another body", f"{head}.{other}.{signature}"
    yield "another key", provider.sign(good, key=rsa.generate_private_key(65537, 2048))
    yield "an unknown key", provider.sign(good, kid="two", key=provider.keys["one"])
    yield "a shared secret", provider.sign(good, kid="shared", key="secret" * 10, algorithm="HS256")
    confused = f"{_part({'alg': 'HS256', 'kid': 'one'})}.{_part(whole)}"
    mark = hmac.new(public, confused.encode(), hashlib.sha256).digest()
    yield "the public key as a secret", f"{confused}.{base64.urlsafe_b64encode(mark).rstrip(b'=').decode()}"
    yield "another issuer", provider.sign({**good, "iss": "https://evil.test"})
    yield "another audience", provider.sign({**good, "aud": "https://evil.test"})
    yield "no audience", provider.sign({**good, "aud": None})
    yield "for mcp", provider.sign({**good, "aud": MCP})
    yield "over", provider.sign({**good, "exp": now - 3600})
    yield "endless", provider.sign({**good, "exp": None})
    yield "an end that is no time", provider.sign({**good, "exp": True})
    yield "not yet", provider.sign({**good, "nbf": now + 3600})
    yield "made tomorrow", provider.sign({**good, "iat": now + 86_400})
    yield "nobody", provider.sign({**good, "preferred_username": None})
    yield "no subject", provider.sign({**good, "sub": None})
    yield "someone unknown", provider.sign({**good, "sub": "u-7", "preferred_username": "nobody"})
    yield "a list for a kid", f"{_part({'alg': 'RS256', 'kid': ['one']})}.{body}.{signature}"
    yield "not whole", f"{head}.{body}"
    yield "junk", "eyJ.eyJ.x"
    yield "too long", f"{head}.{'a' * 9000}.{signature}"


async def test_every_forged_token_is_refused(house, provider):
    assert (await me(house, token(provider, aud=BASE))).status_code == 200
    for what, made in forged(provider):
        assert (await me(house, made)).status_code == 401, what


async def test_an_id_token_is_no_key(house, provider):
    assert (
        await me(house, provider.sign({"aud": CLIENT, "preferred_username": "owner", "scope": "daeri"}))
    ).status_code == 401


async def test_the_provider_may_change_its_keys_and_a_flood_asks_it_nothing(house, provider, monkeypatch):
    assert (await me(house, token(provider, aud=BASE))).status_code == 200
    provider.keys["two"] = ec.generate_private_key(ec.SECP256R1())
    fresh = provider.sign({"aud": BASE, "preferred_username": "owner", "scope": "daeri"}, kid="two")
    for _ in range(20):
        assert (await me(house, fresh)).status_code == 401
    assert provider.asked == 1
    monkeypatch.setattr("daeri.gateway.issuer.AGAIN_SECONDS", 0)
    assert (await me(house, fresh)).status_code == 200


async def test_without_a_provider_there_is_nothing_to_tell(keyed, tmp_path):
    async with opened(keyed, tmp_path, Options()) as house:
        for path in ("/auth/oidc", "/auth/oidc/callback", "/.well-known/oauth-protected-resource/mcp"):
            assert (await house.http.get(path)).status_code == 404


def test_a_provider_needs_the_address_that_its_tokens_are_for(monkeypatch):
    monkeypatch.setenv("DAERI_ISSUER", "https://id.example.com")
    with pytest.raises(ValidationError, match="PUBLIC_URL"):
        Settings()
    monkeypatch.setenv("DAERI_PUBLIC_URL", "https://daeri.example.com")
    monkeypatch.setenv("DAERI_ROLES_FROM_CLAIMS", '{"hr-team": "hr"}')
    assert Settings().roles_from_claims == {"hr-team": "hr"}
