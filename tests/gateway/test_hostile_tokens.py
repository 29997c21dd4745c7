"""Signed tokens whose heads, keys, ends and names are odd: none is taken that should not be, and none breaks us."""

import asyncio
import hashlib
import hmac
import json
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from starlette.responses import RedirectResponse, Response

from daeri.clock import FixedClock
from daeri.errors import Unauthenticated
from daeri.gateway import IssuerOptions
from daeri.gateway.issuer import Issuer
from daeri.gateway.keys import ACCESS_TOKEN, AGENT, EXCHANGE
from gateway.hostile_house import (
    BASE,
    DEEP,
    Slow,
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
from gateway.provider import CLIENT, SECRET

pytestmark = pytest.mark.anyio


@pytest.fixture
async def provider(rsa_key):
    async with providing(rsa_key) as one:
        yield one


@pytest.fixture
async def house(keyed, tmp_path, provider):
    async with behind(provider, keyed, tmp_path) as one:
        yield one


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
