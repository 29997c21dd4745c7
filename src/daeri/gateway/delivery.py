"""Who sends the news of runs to the addresses that wait for it? One worker of the server, while there are any.

What is sent is the task of A2A as its owner may see it now, signed with the token that the address was given with.
Delivery is at least once: the id in the header stays the same for the same news.
"""

import asyncio
import hashlib
import hmac
import json
from contextlib import suppress
from typing import Final

import structlog

from daeri.errors import DaeriError, FieldError, ValidationFailed
from daeri.gateway.a2a.news import told
from daeri.gateway.services import Services
from daeri.outbound.guard import Unsent, resolved, sent
from daeri.runs.pushes import Delivery

LOOK_SECONDS: Final = 1.0
IDLE_SECONDS: Final = 30.0
"""How often to look while addresses wait, and while there are none that this process knows of."""
SIGNATURE: Final = "X-Daeri-Signature"
"""The HMAC-SHA256 of the body under the token, as `sha256=` and hexadecimal digits."""
TOKEN: Final = "X-A2A-Notification-Token"  # noqa: S105 - a header's name
DELIVERY: Final = "X-Daeri-Delivery"
DOOR: Final = "a2a"

log = structlog.get_logger()


class Deliverer:
    """Sends what is due, until it is stopped."""

    def __init__(self, services: Services, *, private: bool) -> None:
        """Take the runs and their addresses, and whether addresses inside the network may be sent to."""
        self._services = services
        self._pushes = services.pushes
        self._private = private
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._work())

    async def close(self) -> None:
        """Stop; what was not sent stays due."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    async def check(self, url: str) -> None:
        """Say early what would never be sent.

        Raises:
            ValidationFailed: the address may not be called, or nobody knows its name.
        """
        try:
            await resolved(url, private=self._private)
        except Unsent as error:
            raise ValidationFailed(errors=[FieldError("/url", str(error))]) from None

    def wake(self) -> None:
        """Look at once: an address was given."""
        self._wake.set()

    async def send_due(self) -> int:
        """Send everything that is due now; return how many deliveries were tried."""
        due = await self._pushes.take()
        await asyncio.gather(*(self._send(delivery) for delivery in due))
        return len(due)

    async def _work(self) -> None:
        while True:
            try:
                idle = not await self.send_due() and await self._pushes.is_idle()
            except DaeriError as error:
                log.warning("push.looking_failed", code=error.code)
                idle = True
            self._wake.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(IDLE_SECONDS if idle else LOOK_SECONDS):  # as in mcp/lasting.py
                    await self._wake.wait()

    async def _send(self, delivery: Delivery) -> None:
        try:
            body = await self._body(delivery)
            target = await resolved(delivery.address.url, private=self._private)
        except DaeriError as error:  # the owner has left, or the address leads inside: never to be sent
            await self._pushes.failed(delivery, error.detail.en, final=True)
            return
        except Unsent as error:
            await self._pushes.failed(delivery, str(error))
            return
        try:
            status, _ = await sent("POST", target, headers=_headers(delivery, body), body=body)
        except Unsent as error:
            await self._pushes.failed(delivery, str(error))
            return
        if 200 <= status < 300:  # noqa: PLR2004 - the class of success
            await self._pushes.arrived(delivery)
        else:
            await self._pushes.failed(delivery, f"HTTP {status}", final=status == 410)  # noqa: PLR2004 - gone for good

    async def _body(self, delivery: Delivery) -> bytes:
        actor = await self._services.identity.actor_of_person(delivery.person_id, DOOR)
        run = await self._services.runs.get(actor, delivery.run_id)
        return json.dumps(told(run), ensure_ascii=False, separators=(",", ":")).encode()


def _headers(delivery: Delivery, body: bytes) -> dict[str, str]:
    address = delivery.address
    headers: dict[str, str] = {"Content-Type": "application/a2a+json", DELIVERY: f"{delivery.id}:{delivery.upto}"}
    if address.token:
        signature = hmac.new(address.token.encode(), body, hashlib.sha256).hexdigest()
        headers |= {TOKEN: address.token, SIGNATURE: f"sha256={signature}"}
    if address.scheme and address.credentials:
        headers["Authorization"] = f"{address.scheme} {address.credentials}"
    return headers
