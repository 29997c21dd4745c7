"""What comes from the identity provider, or pretends to: oddities are refused in our own words, and none breaks us."""

import base64
import hashlib
import json
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from starlette.responses import JSONResponse, RedirectResponse, Response

from daeri.gateway import IssuerOptions, Options
from gateway.gateway_house import opened
from gateway.hostile_house import (
    BASE,
    DEEP,
    Slow,
    approved,
    begun,
    behind,
    by_hand,
    good,
    me,
    part,
    providing,
    refused,
    rs256,
    signed_in,
)
from gateway.provider import CLIENT

pytestmark = pytest.mark.anyio


@pytest.fixture
async def provider(rsa_key):
    async with providing(rsa_key) as one:
        yield one


@pytest.fixture
async def house(keyed, tmp_path, provider):
    async with behind(provider, keyed, tmp_path) as one:
        yield one


# How we show who we are ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("methods", "shown"),
    [
        (None, "basic"),
        ([], "basic"),
        (["client_secret_basic", "client_secret_post"], "basic"),
        (["client_secret_post"], "post"),
        (["private_key_jwt", "client_secret_post"], "post"),
        (["private_key_jwt"], "basic"),
        ("client_secret_post", "basic"),
        ({"client_secret_post": 1}, "basic"),
        ([["client_secret_post"], 5], "basic"),
    ],
)
async def test_the_provider_says_how_it_wants_to_be_shown_who_we_are(house, provider, methods, shown):
    provider.promises = {"token_endpoint_auth_methods_supported": methods}
    assert (await signed_in(house)).status_code == 303
    assert provider.shown == shown


@pytest.mark.parametrize("methods", [["client_secret_basic"], ["client_secret_post"]])
@pytest.mark.parametrize(("secret", "shown"), [("비밀 100%+&:=", True), ("", False)])
async def test_a_secret_may_be_any_text_or_none(keyed, tmp_path, provider, methods, secret, shown):
    provider.secret, provider.promises = secret, {"token_endpoint_auth_methods_supported": methods}
    options = Options(public_url=BASE, issuer=IssuerOptions(provider.url, CLIENT, secret))
    async with opened(keyed, tmp_path, options) as house:
        house.world.clock.at = datetime.now(UTC)
        assert (await signed_in(house)).status_code == 303
    assert provider.shown == (methods[0].rpartition("_")[2] if shown else "none")


async def test_what_the_providers_own_address_asks_stays_in_it(house, provider):
    provider.promises = {"authorization_endpoint": f"{provider.url}/authorize?tenant=a"}
    address = await begun(house)
    asked = parse_qs(urlsplit(address).query)
    assert (asked["tenant"], asked["code_challenge_method"], asked["client_id"]) == (["a"], ["S256"], [CLIENT])
    assert {"state", "nonce", "code_challenge", "redirect_uri"} <= set(asked)
    assert (await house.http.get(await approved(address))).status_code == 303


# The way back ----------------------------------------------------------------------------------------------------


async def test_what_the_owner_was_sent_back_with_is_of_no_use_to_a_colleague_or_a_stranger(house):
    stolen = await approved(await begun(house))
    owners = dict(house.http.cookies)
    for began in (True, False):
        house.http.cookies.clear()
        if began:
            own = await approved(await begun(house))
            assert refused(await house.http.get(stolen), 400)
            code = parse_qs(urlsplit(stolen).query)["code"][0]
            mixed = own.replace(parse_qs(urlsplit(own).query)["code"][0], code)
            assert refused(await house.http.get(mixed), 401), "the code was made for the owner's verifier"
        else:
            assert refused(await house.http.get(stolen), 400)
    house.http.cookies.update(owners)
    assert refused(await house.http.get(stolen), 401), "a thief has used it up"


ODD_COOKIES = [
    {"state": "", "nonce": "n", "verifier": "v", "next": "/"},
    {"state": "s", "nonce": "", "verifier": "v", "next": "/"},
    {"state": "s", "verifier": "v", "next": "/"},
    {"state": "s", "nonce": None, "verifier": "v", "next": "/"},
    {"state": ["s"], "nonce": "n", "verifier": "v", "next": "/"},
    {"state": "s", "nonce": "n", "verifier": 5, "next": "/"},
    {"state": "s", "nonce": "n", "verifier": "v", "next": ["/"]},
    {"state": "\ud800", "nonce": "n", "verifier": "v", "next": "/"},
    {"state": "s", "nonce": "n", "verifier": "v", "next": "/", "more": "x"},
    ["state", "nonce", "verifier", "next"],
    "state nonce verifier next",
    5,
    None,
]


async def test_a_cookie_that_is_not_as_we_set_it_ends_the_sign_in(house):
    for sealed in ODD_COOKIES:
        cookie = base64.urlsafe_b64encode(json.dumps(sealed).encode()).decode()
        state = "s" if isinstance(sealed, dict) and sealed["state"] == "s" else ""
        headers = {"Cookie": f"daeri_session_oidc={cookie}"}
        assert refused(await house.http.get(f"/auth/oidc/callback?code=x&state={state}", headers=headers), 400), sealed


async def test_a_cookie_that_is_nested_a_thousandfold_ends_the_sign_in(house):
    headers = {"Cookie": f"daeri_session_oidc={base64.urlsafe_b64encode(b'[' * 12_000).decode()}"}
    assert refused(await house.http.get("/auth/oidc/callback?code=x&state=", headers=headers), 400)


async def test_a_refusal_counts_though_a_code_came_with_it(house, provider):
    assert refused(await house.http.get(f"{await approved(await begun(house))}&error=access_denied"), 401)
    assert provider.shown == ""


@pytest.mark.parametrize("more", ["", "&code=", "&error=", "&code=%00%ED%A0%80%FF한"])
async def test_an_answer_without_a_code_that_counts_is_refused(house, more):
    state = parse_qs(urlsplit(await begun(house)).query)["state"][0]
    assert refused(await house.http.get(f"/auth/oidc/callback?state={state}{more}"), 401)


# The ID token ----------------------------------------------------------------------------------------------------


ODD_CLAIMS = [
    {"aud": ["another"], "azp": CLIENT},
    {"aud": [CLIENT, "another"]},
    {"aud": [CLIENT, "another"], "azp": "another"},
    {"aud": [CLIENT, 5], "azp": CLIENT},
    {"aud": {CLIENT: 1}},
    {"aud": f"{CLIENT} another"},
    {"aud": []},
    {"azp": ""},
    {"azp": [CLIENT]},
    {"azp": 0},
    {"nonce": 5},
    {"nonce": []},
    {"nonce": "\ud800"},
    {"exp": "9999999999"},
    {"exp": [9999999999]},
    {"exp": True},
    {"exp": float("nan")},
    {"exp": float("inf")},
    {"iat": None},
    {"iat": "now"},
    {"iat": float("-inf")},
    {"nbf": {}},
    {"nbf": float("nan")},
    {"sub": ""},
    {"sub": "u\x00"},
    {"sub": "\ud800"},
    {"jti": "\x00", "preferred_username": "nobody"},
    {"preferred_username": "owner\x00"},
    {"preferred_username": "\ud800"},
    {"preferred_username": ["owner"]},
    {"auth_time": "now"},
    {"at_hash": "another"},
    {"at_hash": ["another"]},
    {"at_hash": 5},
    {"at_hash": "\ud800"},
]


async def test_an_id_token_with_odd_claims_is_refused(house, provider):
    for over in ODD_CLAIMS:
        provider.over = over
        assert refused(await signed_in(house), 401), over
    provider.over = {}
    assert (await signed_in(house)).status_code == 303


async def test_an_id_token_for_several_is_taken_where_it_was_made_for_us(house, provider):
    provider.over = {"aud": ["another", CLIENT], "azp": CLIENT}
    assert (await signed_in(house)).status_code == 303


@pytest.mark.parametrize(("method", "digest"), [("RS256", "sha256"), ("EdDSA", "sha512"), ("Ed25519", "sha512")])
async def test_an_id_token_is_of_the_access_token_that_came_with_it(house, provider, method, digest):
    provider.keys["two"] = key = ed25519.Ed25519PrivateKey.generate()
    sign = rs256(provider.keys["one"]) if method == "RS256" else key.sign
    kid = "one" if method == "RS256" else "two"
    for access, status in (("opaque", 303), ("another", 401)):
        whole = hashlib.new(digest, access.encode()).digest()
        address = await begun(house)
        nonce = parse_qs(urlsplit(address).query)["nonce"][0]
        claims = good(provider, aud=CLIENT, nonce=nonce, at_hash=part(whole[: len(whole) // 2]))
        provider.told = {"id_token": by_hand({"alg": method, "kid": kid}, claims, sign)}
        assert (await house.http.get(await approved(address))).status_code == status
        house.http.cookies.clear()


# Answers that are none -------------------------------------------------------------------------------------------

TOKENS = {"access_token": "a", "token_type": "Bearer", "id_token": "a.b.c"}


NONSENSE = [
    (Response("no JSON"), 503),
    (Response(b""), 503),
    (Response(b"\xff\xfe\xff"), 503),
    (Response("[]"), 503),
    (Response("null"), 503),
    (Response(DEEP), 503),
    (Response('{"id_token":' + "9" * 10_000 + "}"), 503),
    (Response(b"{" + b" " * 2_000_000 + b"}"), 503),
    (Response("<h1>no</h1>", 500), 503),
    (JSONResponse({"error": "server_error"}, 500), 503),
    (JSONResponse(TOKENS, 302, {"Location": "http://127.0.0.1:1/"}), 503),
    (RedirectResponse("http://127.0.0.1:1/"), 503),
    (JSONResponse(TOKENS, 403), 503),
    (JSONResponse(TOKENS, 201), 503),
    (JSONResponse({"error": "invalid_grant", "error_description": "안 돼요 \x00"}, 400), 401),
    (JSONResponse({"error": ["invalid_grant"], "error_description": {}}, 400), 401),
    (JSONResponse({"error": "invalid_grant", **TOKENS}), 401),
    (JSONResponse({}), 401),
    (JSONResponse({**TOKENS, "id_token": ["a.b.c"]}), 401),
    (JSONResponse({**TOKENS, "id_token": None}), 401),
    (JSONResponse({**TOKENS, "id_token": 5}), 401),
    (JSONResponse({**TOKENS, "id_token": "x" * 200_000}), 401),
    (JSONResponse({**TOKENS, "id_token": "한.글.요"}), 401),
    (Response('{"id_token": "\\ud800"}'), 503),
    (JSONResponse({**TOKENS, "token_type": 5}), 401),
]


async def test_a_token_endpoint_that_answers_nonsense_ends_the_sign_in(house, provider):
    for answer, status in NONSENSE:
        provider.answer = answer
        assert refused(await signed_in(house), status), answer.body[:60]


NOT_GONE_BY = [
    {"expires_in": "soon"},
    {"expires_in": [1]},
    {"expires_in": 10**400},
    {"expires_in": 1, "refresh_token": "r"},
    {"expires_at": {}},
    {"expires_at": 1},
    {"token_type": 5},
    {"token_type": "DPoP"},
    {"access_token": None},
    {"access_token": ["a"]},
    {"scope": 5, "state": []},
    {"error": None},
]


async def test_what_a_sign_in_does_not_go_by_may_be_odd(house, provider):
    for more in NOT_GONE_BY:
        provider.told = more
        assert (await signed_in(house)).status_code == 303, more


async def test_a_token_endpoint_that_is_slow_is_waited_for_no_longer_than_others(house, provider, monkeypatch):
    monkeypatch.setattr("daeri.outbound.guard.TIMEOUT_SECONDS", 0.3)
    provider.answer = slow = Slow()
    assert refused(await signed_in(house), 503)
    assert not slow.going.is_set()
    slow.going.set()


async def test_whatever_the_sign_in_asks_goes_the_guarded_way_out(house, provider, monkeypatch):
    back = await approved(await begun(house))
    monkeypatch.setattr("daeri.outbound.guard.is_of_the_link", lambda _: True)
    assert refused(await house.http.get(back), 503)
    assert provider.shown == "", "it was not asked"
    monkeypatch.undo()
    assert (await house.http.get(back)).status_code == 303
    assert provider.shown == "basic"


@pytest.mark.parametrize(
    ("endpoint", "address"),
    [
        ("authorization_endpoint", None),
        ("authorization_endpoint", 5),
        ("authorization_endpoint", ["http://a.test"]),
        ("authorization_endpoint", "/authorize"),
        ("authorization_endpoint", "javascript:alert(1)"),
        ("authorization_endpoint", "http://["),
        ("token_endpoint", ""),
        ("token_endpoint", "ftp://a.test/"),
        ("token_endpoint", "http://u:p@a.test/"),
        ("token_endpoint", "http://a.test:99999/"),
        ("token_endpoint", "http://127.0.0.1:1/a b%zz\u3000"),
        ("token_endpoint", "http://127.0.0.1:1/한글"),
        ("token_endpoint", "http://-한-/"),
        ("token_endpoint", "http://a..b/"),
        ("token_endpoint", "http://169.254.169.254/token"),
        ("jwks_uri", {}),
        ("jwks_uri", "http://169.254.169.254/keys"),
        ("jwks_uri", "http://" + "a" * 3000),
        ("userinfo_endpoint", ["http://a.test"]),
        ("userinfo_endpoint", "http://[fe80::1]/"),
    ],
)
async def test_an_endpoint_that_cannot_be_called_is_a_provider_that_is_away(house, provider, endpoint, address):
    provider.claims, provider.promises = {"sub": "u-1"}, {endpoint: address}
    begins = await house.http.get("/auth/oidc")
    if endpoint != "authorization_endpoint":
        begins = await house.http.get(await approved(begins.headers["location"]))
    assert refused(begins, 503)


@pytest.mark.parametrize(
    ("access", "status"), [("a\nb", 503), ("한글", 503), ("\x00", 503), ("", 503), (None, 401), ("x" * 100_000, 401)]
)
async def test_an_access_token_that_cannot_be_sent_ends_the_sign_in(house, provider, access, status):
    provider.claims, provider.beside = {"sub": "u-1"}, {"sub": "u-1", "preferred_username": "owner"}
    provider.told = {"access_token": access}
    assert refused(await signed_in(house), status)


@pytest.mark.parametrize("beside", [[], "u-1", 5, {"sub": ["u-1"]}, {"sub": None}, {"sub": "u-1"}])
async def test_what_is_told_beside_the_id_token_may_be_nonsense(house, provider, beside):
    provider.claims, provider.beside = {"sub": "u-1"}, beside
    assert refused(await signed_in(house), 401)


@pytest.mark.parametrize("issuer", ["https://elsewhere.test", None, 5, ["http://127.0.0.1"], ""])
async def test_a_provider_that_says_it_is_another_is_not_asked_anything(house, provider, issuer):
    provider.promises = {"issuer": issuer}
    assert refused(await house.http.get("/auth/oidc"), 503)
    assert (await me(house, provider.sign(good(provider)))).status_code == 503
    assert provider.asked == 0
