"""A house behind an identity provider that may say anything, and what tests make of its tokens by hand."""

import asyncio
import base64
import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from starlette.responses import Response

from daeri.gateway import IssuerOptions, Options
from daeri.outbound.certificates import certificates
from gateway.gateway_house import opened
from gateway.live import served
from gateway.provider import CLIENT, SECRET, Provider

BASE = "http://daeri.test"
DEEP = "[" * 100_000


@asynccontextmanager
async def providing(key):
    """A provider with one key."""
    one = Provider()
    one.keys = {"one": key}
    async with served(one.app()) as address:
        one.url = address
        yield one


@asynccontextmanager
async def behind(provider, keyed, folder):
    """The house that a provider lets people into."""
    options = Options(public_url=BASE, issuer=IssuerOptions(provider.url, CLIENT, SECRET))
    async with opened(keyed, folder, options) as one:
        one.world.clock.at = datetime.now(UTC)
        yield one


async def begun(house):
    response = await house.http.get("/auth/oidc")
    assert response.status_code == 303, response.text
    return response.headers["location"]


async def approved(address):
    """The way back, after the provider has signed its person in."""
    async with httpx.AsyncClient(trust_env=False, verify=certificates()) as browser:
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
