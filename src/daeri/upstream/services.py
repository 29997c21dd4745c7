"""Which services does this server call, and are they still what their operator pinned? Put together once by app.py.

Operations are made of the pins alone. Before a call the service's own description is looked at again, now and then;
an operation that is described in another way than when it was pinned is refused until it is pinned again.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import structlog
from pydantic import BaseModel

from daeri.errors import Conflict, NotFound, PermissionDenied, RateLimited, Timeout, Unreachable, ValidationFailed
from daeri.operations import Company, ErrandFailed
from daeri.operations.arguments import canonical
from daeri.operations.making import Asking, Parts
from daeri.operations.provenance import own_words
from daeri.operations.sensitivity import SENSITIVE
from daeri.upstream.http import Late, Lost, Unsent
from daeri.upstream.live import Declined, Live, live_of
from daeri.upstream.operations import Adopted, Fetched, Receipt, Selection, Sent, catalog_of, select
from daeri.upstream.pins import Pin, changes, pins_of
from daeri.upstream.schemas import Unfit, Unusable, fitted
from daeri.upstream.table import Entry, key_of, table_in
from daeri.wording import Text

CHECK_SECONDS: Final = 300.0
"""How long the look at a document holds for what reads. Before a write it is read again; an MCP server is asked before
each call, as its own words are all that says what a tool does."""

AT_ONCE: Final = 64
"""Calls that read one service at the same time: one that hangs, or leads back here, must not take all there is."""

log = structlog.get_logger()


@dataclass(slots=True)
class _Service:
    """One service, and when it was last seen to be what was pinned."""

    entry: Entry
    pin: Pin
    live: Live
    selection: Selection
    changed: dict[str, list[str]] = field(default_factory=dict)
    checked_at: float | None = None
    checked_as: object = None
    checking: asyncio.Lock = field(default_factory=asyncio.Lock)
    reading: int = 0


class Services:
    """The services of one server."""

    def __init__(self, table: Path, environment: Mapping[str, str], company: Company) -> None:
        """Read the table and its pins.

        Raises:
            DeclarationError: one of them is wrong, or says what does not fit the company.
        """
        self._services: dict[str, _Service] = {}
        self.parts: Parts = {}
        catalogs = []
        pins = pins_of(table)
        for name, entry in table_in(table).services.items():
            pin = pins.get(name)
            if pin is None:
                log.warning("service.unpinned", service=name, fix=f"daeri service pin {name}")
                continue
            live = live_of(name, entry, key_of(name, entry, environment), table.parent, environment)
            selection = select(name, entry, pin, company)
            self._services[name] = _Service(entry, pin, live, selection)
            for key, reason in selection.left_out.items():
                log.info("service.left_out", service=name, operation=key, reason=reason)
            for one in selection.adopted:
                self.parts[one.fetched] = partial(self._fetch, one)
            made = lambda one: partial(self._carry_out, one)  # noqa: E731 - one line, used in the next
            catalogs.append(catalog_of(name, entry, selection.adopted, company, made))
        self.company = replace(company, catalogs=[*company.catalogs, *catalogs])

    def failures(self) -> dict[tuple[str, str], int]:
        """Return how often each address of each service failed in a row."""
        found = ((name, service.live.failures()) for name, service in self._services.items())
        return {(name, url): count for name, failures in found for url, count in failures.items()}

    async def close(self) -> None:
        """Close all connections."""
        for service in self._services.values():
            await service.live.close()

    async def _fetch(self, one: Adopted, asking: Asking) -> Fetched:
        """Call an operation that reads, with no transaction open."""
        arguments, service = asking.arguments.model_dump(mode="json"), self._services[one.service]
        if service.reading >= AT_ONCE:
            raise RateLimited(_about(one, "에 묻는 일이 너무 많아요", "is asked too much at the same time"))
        service.reading += 1
        try:
            await self._let_out(one, asking)
            service = await self._unchanged(one)
            answer = await service.live.call(one, arguments, None)
            data = fitted(one.shape.answer or {}, answer)
        except Declined as error:
            raise _declined(one, error) from None
        except Unsent as error:
            raise Unreachable(_about(one, "에 닿지 못했어요", f"cannot be reached: {error}")) from None
        except Late:
            raise Timeout(_about(one, "가 제때 답하지 않았어요", "did not answer in time")) from None
        except Lost as error:
            raise Unreachable(_about(one, "가 제대로 답하지 않았어요", f"gave no proper answer: {error}")) from None
        except (Unusable, Unfit) as error:
            log.warning("service.unfit", service=one.service, operation=one.shape.key, why=str(error)[:200])
            raise Unreachable(
                _about(one, "가 고정한 것과 다른 모양으로 답했어요", "answered in another form than was pinned")
            ) from None
        finally:
            service.reading -= 1
        return Fetched(one.answer(service=_called(one).ko if asking.lang == "ko" else _called(one).en, data=data))

    async def _let_out(self, one: Adopted, asking: Asking) -> None:
        """See that a read tells a service of others nothing that its person did not say, and write down that it goes.

        Raises:
            PermissionDenied: an agent would say there what it has read.
        """
        if one.entry.ours:
            return
        heard = asking.origins
        if heard is not None and heard.informed:
            sent = asking.arguments.model_fields_set
            told = {name: value for name, value in canonical(asking.arguments).items() if name in sent}
            if not own_words({name: value for name, value in told.items() if value not in (None, "", [])}, heard):
                raise PermissionDenied(
                    _about(
                        one,
                        "는 회사 것이 아니라, 읽은 뒤에는 본인이 한 말만 보낼 수 있어요",
                        "is not the company's own: after reading anything, only the person's own words go there",
                    )
                )
        await asking.leaving(one.entry.where)

    async def _carry_out(self, one: Adopted, intent: Sent, key: str) -> BaseModel | None:
        """Call an operation that writes, once its approval is committed; the same key is sent each time."""
        try:
            service = await self._unchanged(one)
        except (Unsent, Lost) as error:
            raise ErrandFailed(_about(one, "에 닿지 못했어요", f"cannot be reached: {error}")) from None
        except Conflict as error:
            raise ErrandFailed(error.detail) from None
        try:
            answer = await service.live.call(one, intent.arguments, key)
        except ValidationFailed as error:
            raise ErrandFailed(error.detail) from None
        except Declined as error:
            raise ErrandFailed(_declined(one, error).detail) from None
        except Unsent as error:
            raise ErrandFailed(_about(one, "에 닿지 못했어요", f"cannot be reached: {error}")) from None
        except Unusable:
            return Receipt()
        if one.governed.data in SENSITIVE:
            return Receipt()  # a receipt goes wherever its document goes, also to models that may not see it
        try:
            return Receipt(data=fitted(one.shape.answer or {}, answer))
        except Unfit:
            return Receipt()  # it was done; only what it says of that is not what was pinned

    async def _unchanged(self, one: Adopted) -> _Service:
        """Return the service of an operation that is still what was pinned.

        Raises:
            Conflict: it is not.
            Unsent, Lost: an MCP server does not say.
        """
        service, arrived = self._services[one.service], time.monotonic()
        async with service.checking:
            at_once = service.entry.is_mcp or one.effect != "read"
            if self._is_due(service, arrived if at_once else arrived - CHECK_SECONDS):
                await self._check(one.service, service)
        if one.shape.key in service.changed:
            raise Conflict(
                _about(
                    one,
                    "의 설명이 고정한 뒤에 바뀌었어요. 관리자가 daeri service inspect 로 보고 다시 고정해야 해요",
                    "describes this operation in another way than when it was pinned; an administrator looks at it "
                    "with daeri service inspect and pins it again",
                ),
                extra={"changed": [line.partition(":")[0] for line in service.changed[one.shape.key]]},
            )
        return service

    @staticmethod
    def _is_due(service: _Service, since: float) -> bool:
        if service.checked_at is None or service.live.changed_at != service.checked_as:
            return True
        return service.checked_at < since

    @staticmethod
    async def _check(name: str, service: _Service) -> None:
        """Look at what a service says of itself; one that does not answer now is left as it was known."""
        as_of, began = service.live.changed_at, time.monotonic()
        try:
            found, left_out = await service.live.shapes()
        except (Unsent, Lost) as error:
            log.warning("service.unchecked", service=name, error=str(error))
            if service.entry.is_mcp:  # who does not say what it offers may have another thing by the same name
                raise
        except Unusable as error:
            service.changed = {shape.key: [str(error)] for shape in service.pin.operations}
        else:
            service.changed = changes(service.pin.operations, found)
            service.changed |= {key: [left_out[key]] for key in service.changed if key in left_out}
        service.checked_at = began
        service.checked_as = service.live.changed_at if service.entry.is_mcp else as_of
        for key, lines in service.changed.items():
            log.warning("service.changed", service=name, operation=key, lines=lines)


def _called(one: Adopted) -> Text:
    return one.entry.label.text if one.entry.label else Text(one.service, one.service)


def _about(one: Adopted, ko: str, en: str) -> Text:
    called = _called(one)
    return Text(f"{called.ko} 서비스{ko}", f"The service {called.en} {en}")


def _declined(one: Adopted, error: Declined) -> Any:
    """Return the error for a refusal: by its status alone, as what a service says of it is text from outside."""
    if error.status == 404:  # noqa: PLR2004 - HTTP's own number
        return NotFound(_about(one, "에 그런 것이 없어요", "has no such thing"))
    if error.status in (400, 422):
        return ValidationFailed(
            _about(one, f"가 입력값을 받지 않았어요 (HTTP {error.status})", f"does not take this (HTTP {error.status})")
        )
    told = Text(f" (HTTP {error.status})", f" (HTTP {error.status})") if error.status else Text("", "")
    return Conflict(_about(one, f"가 거절했어요{told.ko}", f"refused it{told.en}"))


async def look(live: Live) -> tuple[list[Any], dict[str, str]]:
    """Return what a service offers now, and close what was opened for it."""
    try:
        return await live.shapes()
    finally:
        await live.close()
