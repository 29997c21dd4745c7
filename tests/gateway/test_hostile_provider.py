"""What comes from the identity provider, or pretends to: oddities are refused in our own words, and none breaks us."""

import asyncio
import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from starlette.responses import JSONResponse, RedirectResponse, Response

from daeri.clock import FixedClock
from daeri.errors import Unauthenticated
from daeri.gateway import IssuerOptions, Options
from daeri.gateway.issuer import Issuer
from daeri.gateway.keys import ACCESS_TOKEN, AGENT, EXCHANGE
from gateway.gateway_house import opened
from gateway.live import served
from gateway.provider import CLIENT, SECRET, Provider

pytestmark = pytest.mark.anyio

BASE = "http://daeri.test"
DEEP = "[" * 100_000


@pytest.fixture(scope="module")
def rsa_key():
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def stranger():
    """A key that the provider does not have."""
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture
async def provider(rsa_key):
    one = Provider()
    one.keys = {"one": rsa_key}
    async with served(one.app()) as address:
        one.url = address
        yield one


@pytest.fixture
async def house(keyed, tmp_path, provider):
    options = Options(public_url=BASE, issuer=IssuerOptions(provider.url, CLIENT, SECRET))
    async with opened(keyed, tmp_path, options) as one:
        one.world.clock.at = datetime.now(UTC)
        yield one


async def begun(house):
    response = await house.http.get("/auth/oidc")
    assert response.status_code == 303, response.text
    return response.headers["location"]


async def approved(address):
    """The way back, after the provider has signed its person in."""
    async with httpx.AsyncClient(trust_env=False) as browser:
        back = urlsplit((await browser.get(address)).headers["location"])
    return f"{back.path}?{back.query}"


async def signed_in(house):
    return await house.http.get(await approved(await begun(house)))


async def me(house, token):
    return await house.http.get("/v1/me", headers={"Authorization": f"Bearer {token}"})


def refused(answer, *statuses):
    """Check that an answer is a refusal in our own words."""
    assert answer.status_code in statuses, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] in {"unauthenticated", "invalid-request", "not-ready"}
    assert SECRET not in answer.text
    return True


def part(value):
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def by_hand(head, claims, sign):
    """A token whose head and claims are whatever one likes."""
    whole = f"{part(head)}.{part(claims)}"
    return f"{whole}.{part(sign(whole.encode()))}"


def rs256(key):
    return lambda text: key.sign(text, padding.PKCS1v15(), hashes.SHA256())


def good(provider, **more):
    now = int(datetime.now(UTC).timestamp())
    return {"iss": provider.url, "sub": "u-1", "aud": BASE, "iat": now, "exp": now + 300} | {
        "preferred_username": "owner",
        "scope": "daeri",
        **more,
    }


class Slow(Response):
    """An answer that waits, and then is an error."""

    def __init__(self):
        super().__init__(status_code=500)
        self.asked, self.going = asyncio.Event(), asyncio.Event()

    async def __call__(self, *asgi):
        self.asked.set()
        await self.going.wait()
        await super().__call__(*asgi)


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


# Heads of tokens -------------------------------------------------------------------------------------------------


def forged(provider, stranger):
    """Tokens of nobody, by what is wrong with them; their claims are all well."""
    ours, claims = provider.keys["one"], good(provider)
    public = ours.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    numbers = stranger.public_key().public_numbers()
    theirs = {"kty": "RSA", "n": part(numbers.n.to_bytes(256, "big")), "e": "AQAB", "kid": "one"}
    right, wrong, none = rs256(ours), rs256(stranger), lambda _: b""

    def secret(one):
        return lambda text: hmac.new(one, text, hashlib.sha256).digest()

    for method in ("none", "None", "", "RS1", "ES256K", "HS256", 5, None, ["RS256"], {"RS256": 1}):
        yield f"the method {method}", by_hand({"alg": method, "kid": "one"}, claims, none)
    yield "no method", by_hand({"kid": "one"}, claims, right)
    yield "the public key as a secret", by_hand({"alg": "HS256", "kid": "one"}, claims, secret(public))
    yield "the client's secret", by_hand({"alg": "HS256", "kid": "one"}, claims, secret(SECRET.encode()))
    yield "a key of its own", by_hand({"alg": "RS256", "kid": "one", "jwk": theirs}, claims, wrong)
    yield "only a key of its own", by_hand({"alg": "RS256", "jwk": theirs}, claims, wrong)
    for name in ("jku", "x5u"):
        head = {"alg": "RS256", "kid": "one", name: f"{provider.url}/theirs"}
        yield f"a key elsewhere, by {name}", by_hand(head, claims, wrong)
    for critical in (["x"], [], 5, "x", None, [["x"]], ["exp"], ["alg"], {"x": 1}):
        head = {"alg": "RS256", "kid": "one", "crit": critical, "x": 1}
        yield f"to be understood: {critical}", by_hand(head, claims, right)
    for more in ({"b64": False}, {"b64": False, "crit": ["b64"]}, {"b64": True, "crit": ["b64"]}, {"b64": "x"}):
        head = part({"alg": "RS256", "kid": "one"} | more)
        plain = json.dumps(claims).encode()
        if "." not in plain.decode().replace(provider.url, ""):
            yield f"bare claims, {more}", f"{head}.{part(plain)}.{part(right(f'{head}.'.encode() + plain))}"
    for head in (["alg"], "alg", 5, None, True, [], b"alg", b"\xff", b'{"alg":' + b"[" * 5000):
        yield f"a head that is {head!r:.20}", by_hand(head, claims, right)
    for body in ([claims], "claims", 5, None, b"{", b"\xff", DEEP[:5000].encode()):
        yield f"claims that are {body!r:.20}", by_hand({"alg": "RS256", "kid": "one"}, body, right)
    for kid in (None, "", "two", 5, ["one"], {"one": 1}):
        yield f"the key {kid}", by_hand({"alg": "RS256", "kid": kid}, claims, right)
    yield "no key", by_hand({"alg": "RS256"}, claims, right)
    whole = by_hand({"alg": "RS256", "kid": "one"}, claims, right)
    for odd in (
        f"{whole}=",
        f"{whole}.",
        whole.replace(".", "..", 1),
        whole[:-4],
        f"{whole}한",
        whole.rpartition(".")[0],
    ):
        yield f"as text {odd[-12:]}", odd


async def test_a_token_whose_head_plays_games_is_refused(house, provider, stranger):
    provider.promises = {"id_token_signing_alg_values_supported": ["none", "HS256", "RS256"]}
    told = good(provider)
    assert (await me(house, by_hand({"alg": "RS256", "kid": "one"}, told, rs256(provider.keys["one"])))).is_success
    asked = provider.asked
    for what, made in forged(provider, stranger):
        answer = await house.http.get("/v1/me", headers={b"Authorization": f"Bearer {made}".encode()})
        assert answer.status_code == 401, f"{what}: {answer.text}"
    assert provider.asked == asked, "forged names of keys by the dozen"


async def test_an_id_token_whose_head_plays_games_is_refused(house, provider, stranger):
    provider.promises = {"id_token_signing_alg_values_supported": ["none", "HS256", "RS256"]}
    for what, made in forged(provider, stranger):
        provider.told = {"id_token": made}
        assert refused(await signed_in(house), 401), what


async def test_what_a_head_says_beside_is_passed_over(house, provider):
    sign = rs256(provider.keys["one"])
    for beside in ({"v": 2, "nonce": "x"}, {"x5c": ["M" * 3000]}, {"typ": "at+jwt", "cty": "x"}):
        made = by_hand({"alg": "RS256", "kid": "one"} | beside, good(provider), sign)
        assert (await me(house, made)).is_success, beside


async def test_a_token_that_names_no_key_goes_by_the_one_that_has_no_name(house, provider, rsa_key):
    numbers = rsa_key.public_key().public_numbers()
    key = {"kty": "RSA", "n": part(numbers.n.to_bytes(256, "big")), "e": "AQAB"}
    provider.listed = [{**key, "kid": "one"}, key]
    assert (await me(house, by_hand({"alg": "RS256"}, good(provider), rs256(rsa_key)))).is_success
    assert not (await me(house, by_hand({"alg": "RS256", "kid": "two"}, good(provider), rs256(rsa_key)))).is_success


@pytest.mark.parametrize("method", ["EdDSA", "Ed25519"])
@pytest.mark.parametrize("named", ["EdDSA", "Ed25519", None])
async def test_an_edwards_curve_signs_by_its_elder_and_its_younger_name(house, provider, method, named):
    key = ed25519.Ed25519PrivateKey.generate()
    public = part(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
    listed = {"kty": "OKP", "crv": "Ed25519", "x": public, "kid": "ed", **({"alg": named} if named else {})}
    provider.listed = [listed]
    assert (await me(house, by_hand({"alg": method, "kid": "ed"}, good(provider), key.sign))).is_success
    other = ed25519.Ed25519PrivateKey.generate()
    assert (await me(house, by_hand({"alg": method, "kid": "ed"}, good(provider), other.sign))).status_code == 401


# Keys ------------------------------------------------------------------------------------------------------------


async def test_keys_that_are_none_do_no_harm_to_those_beside_them(house, provider, rsa_key):
    numbers = rsa_key.public_key().public_numbers()
    modulus = part(numbers.n.to_bytes(256, "big"))
    odd = [{"kty": kty} for kty in ("RSA", "EC", "OKP", "oct", "AKP", "", 5, None, [], {})]
    odd += [{"kty": "EC", "crv": crv, "x": "AA", "y": "AA"} for crv in ("P-256", "P-999", "secp256k1", 5, [], None)]
    odd += [{"kty": "OKP", "crv": crv, "x": "AA"} for crv in ("Ed25519", "X25519", "Ed999", 5, [])]
    odd += [{"kty": "RSA", "n": modulus, "e": e} for e in ("", "AA", "==", 5, None, "AQAB" * 5000)]
    whole = {"kty": "RSA", "n": modulus, "e": "AQAB", "kid": "one"}
    odd += [{**whole, **more} for more in ({"use": "enc"}, {"use": ["sig"]}, {"use": 5}, {"kid": 5}, {"kid": [1]})]
    odd += [{**whole, "key_ops": ops} for ops in (["encrypt"], [], 5, None, "verify", [["verify"]])]
    odd += [{**whole, "d": 5}, {**whole, "x5c": 5}, {**whole, "alg": ["RS256"]}]
    provider.listed = [whole, None, "x", 5, [], ["kty"], *odd]
    made = by_hand({"alg": "RS256", "kid": "one"}, good(provider), rs256(rsa_key))
    assert (await me(house, made)).is_success


@pytest.mark.parametrize("listed", [[], {}, "keys", 5, [[[]]], [None]])
async def test_a_provider_without_keys_lets_nobody_in(house, provider, listed):
    provider.listed = listed
    assert refused(await signed_in(house), 401)


@pytest.mark.parametrize(
    "answer", [Response("no JSON"), Response(DEEP), Response("[]"), Response("{}", 500), RedirectResponse("/token")]
)
async def test_keys_that_cannot_be_had_are_a_provider_that_is_away(house, provider, answer):
    provider.listed = answer
    assert refused(await me(house, provider.sign(good(provider))), 503)


async def test_a_flood_asks_a_provider_that_is_away_once_and_nobody_whose_key_is_known_waits(
    house, provider, monkeypatch
):
    known = provider.sign(good(provider))
    assert (await me(house, known)).is_success
    forged, slow = by_hand({"alg": "RS256", "kid": "two"}, good(provider), rs256(provider.keys["one"])), Slow()
    monkeypatch.setattr("daeri.gateway.issuer.AGAIN_SECONDS", 0)
    provider.listed, provider.asked = slow, 0
    flood = [asyncio.create_task(me(house, forged)) for _ in range(20)]
    await slow.asked.wait()
    assert (await me(house, known)).is_success
    assert not any(one.done() for one in flood), "the provider has not answered yet"
    slow.going.set()
    assert {(await one).status_code for one in flood} == {503}
    assert provider.asked == 1
    monkeypatch.setattr("daeri.gateway.issuer.AWAY_SECONDS", 0)
    assert (await me(house, forged)).status_code == 503
    assert provider.asked == 2


async def test_keys_are_fetched_the_guarded_way(house, provider):
    provider.promises = {"jwks_uri": "http://169.254.169.254/keys"}
    assert refused(await me(house, provider.sign(good(provider))), 503)


@pytest.mark.parametrize("more", [{"use": "enc"}, {"key_ops": ["encrypt"]}, {"alg": "RSA-OAEP"}, {"alg": "RS512"}])
async def test_a_key_for_something_else_signs_nothing(house, provider, rsa_key, more):
    numbers = rsa_key.public_key().public_numbers()
    whole = {"kty": "RSA", "n": part(numbers.n.to_bytes(256, "big")), "e": "AQAB", "kid": "one"}
    provider.listed = [{**whole, **more}]
    assert refused(await signed_in(house), 401)


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning", "ignore::jwt.warnings.InsecureKeyLengthWarning")
async def test_a_key_that_can_be_broken_signs_nothing(house, provider):
    provider.keys["one"] = rsa.generate_private_key(65537, 1024)  # noqa: S505 - as weak as it must not be
    assert refused(await signed_in(house), 401)


async def test_a_key_signs_by_the_methods_of_its_kind_and_curve_alone(house, provider):
    provider.keys["ec"] = key = ec.generate_private_key(ec.SECP384R1())

    def sign(text):
        return key.sign(text, ec.ECDSA(hashes.SHA256()))

    for method in ("ES256", "RS256", "EdDSA", "PS256"):
        made = by_hand({"alg": method, "kid": "ec"}, good(provider), sign)
        assert (await me(house, made)).status_code == 401, method


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


# Programs' tokens ------------------------------------------------------------------------------------------------


async def test_a_token_without_end_is_none_and_one_that_ends_in_ten_thousand_years_can_be_lent(house, provider):
    for end in (float("nan"), float("inf"), None, True, "9999999999"):
        assert (await me(house, provider.sign(good(provider, exp=end)))).status_code == 401, end
    for end in (10**12, 10**300, 1e300):
        sent = {
            "grant_type": EXCHANGE,
            "subject_token": provider.sign(good(provider, exp=end)),
            "subject_token_type": ACCESS_TOKEN,
            "actor_token": "assistant",
            "actor_token_type": AGENT,
        }
        assert (await house.http.post("/oauth/token", data=sent)).json()["expires_in"] <= 900, end


@pytest.mark.parametrize(
    "over",
    [{"sub": "u\x00"}, {"sub": "\ud800"}, {"preferred_username": "owner\x00"}, {"jti": 5}, {"jti": []}],
    ids=str,
)
async def test_a_token_with_names_that_no_record_holds_is_refused(house, provider, over):
    made = by_hand({"alg": "RS256", "kid": "one"}, good(provider, **over), rs256(provider.keys["one"]))
    assert (await me(house, made)).status_code == 401


@pytest.mark.parametrize("odd", ["\x00", "\ud800", "한" * 100, ""])
async def test_a_token_writes_whatever_its_number_is(house, provider, odd):
    made = by_hand({"alg": "RS256", "kid": "one"}, good(provider, jti=odd), rs256(provider.keys["one"]))
    filed = await house.http.post(
        "/v1/ops/work.request", json={"start": "2026-12-01"}, headers={"Authorization": f"Bearer {made}"}
    )
    assert filed.status_code in {202, 422}, filed.text


async def test_a_token_counts_with_its_maker_its_person_its_end_and_whom_it_is_for(provider):
    issuer = Issuer(IssuerOptions(provider.url, CLIENT), FixedClock(datetime.now(UTC)))
    assert await issuer.claims(provider.sign(good(provider)), {BASE})
    sign = rs256(provider.keys["one"])
    for missing in ("iss", "sub", "exp", "aud"):
        claims = {name: value for name, value in good(provider).items() if name != missing}
        for more in ({}, {missing: ""}, {missing: None}, {missing: []}):
            with pytest.raises(Unauthenticated):
                await issuer.claims(by_hand({"alg": "RS256", "kid": "one"}, claims | more, sign), {BASE})
    with pytest.raises(Unauthenticated):
        await issuer.claims(provider.sign(good(provider, iss="https://elsewhere.test")), {BASE})


async def test_a_token_is_for_nobody_where_nobody_is_named(provider):
    issuer = Issuer(IssuerOptions(provider.url, CLIENT), FixedClock(datetime.now(UTC)))
    with pytest.raises(Unauthenticated):
        await issuer.claims(provider.sign(good(provider)), ())
