"""Who decides while someone is away, what passes beforehand, and who decides finally?

Absences, standing consents and the tables of delegated decisions: each is one page with its list, and a form for what
may be done about it. As everywhere, a GET changes nothing.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from fastapi import APIRouter
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from daeri.errors import DaeriError, FieldError, ValidationFailed
from daeri.operations.deciding.absences import ADMIN
from daeri.operations.deciding.consents import Wish
from daeri.records.inquiry import instant_of
from daeri.web import forms
from daeri.web.desk import Api, Desk, Visitor, see_other, told_by

ABSENCE: Final = ("person", "deputy", "starts_at", "ends_at", "operation", "reason")
CONSENT: Final = ("operation", "ends_at", "count", "amount_each", "amount_total", "rows", "drafter", "note")
DIGITS_MAX: Final = 18


class OfficeScreens:
    """Absences, consents and tables."""

    def __init__(self, desk: Desk) -> None:
        """Stand on the desk."""
        self._desk = desk
        self._office = desk.services.office

    def add_to(self, router: APIRouter) -> None:
        """Put the screens at their paths."""
        for path, get, post, end in (
            ("/absences", self.absences, self.set_absence, self.end_absence),
            ("/consents", self.consents, self.give, self.revoke),
        ):
            self._desk.add(router, path, get)
            self._desk.add(router, path, post, methods=["POST"])
            self._desk.add(router, f"{path}/{{key}}", end, methods=["POST"])
        self._desk.add(router, "/delegations", self.delegations)

    async def absences(self, request: Request, visitor: Visitor) -> Response:
        """Show the absences that concern the person."""
        return await self._absences(request, visitor)

    async def set_absence(self, request: Request, visitor: Visitor) -> Response:
        """Say who decides while someone is away."""
        sent = _sent(await request.form(), ABSENCE)
        actor = visitor.signed
        try:
            (deputy,) = await self._office.directory.ids(actor, [sent["deputy"]], "deputy")
            named = [sent["person"]] if sent["person"] else []
            away = await self._office.directory.ids(actor, named, "person")
            await self._office.absences.set(
                actor,
                deputy_id=deputy,
                person_id=away[0] if away else None,
                starts_at=_instant(sent, "starts_at"),
                ends_at=_instant(sent, "ends_at"),
                operations=[sent["operation"]] if sent["operation"] else None,
                reason=sent["reason"],
            )
        except DaeriError as error:
            return await self._absences(request, visitor, status=error.status, sent=sent, **told_by(error, visitor))
        return see_other("/absences?done=set")

    async def end_absence(self, request: Request, visitor: Visitor) -> Response:
        """End an absence now."""
        await self._office.absences.end(visitor.signed, request.path_params["key"])
        return see_other("/absences?done=end")

    async def _absences(self, request: Request, visitor: Visitor, *, status: int = 200, **state: Any) -> Response:
        listed = await self._office.absences.shown(visitor.signed)
        company = self._desk.services.door.company
        operations = [(each.name, each.label.to(visitor.lang)) for each in company.operations.values() if each.form]
        return await self._desk.page(
            request,
            visitor,
            "absences.html",
            status=status,
            listed=listed,
            operations=operations,
            labels=dict(operations),
            admin=visitor.signed.has(ADMIN),
            done=_done(request, ("set", "end")),
            api=Api("/v1/absences"),
            **({"sent": dict.fromkeys(ABSENCE, ""), "problem": None, "wrong": {}} | state),
        )

    async def consents(self, request: Request, visitor: Visitor) -> Response:
        """Show the standing consents that concern the person."""
        return await self._consents(request, visitor)

    async def give(self, request: Request, visitor: Visitor) -> Response:
        """Give a standing consent."""
        form = await request.form()
        sent, actor = _sent(form, CONSENT), visitor.signed
        try:
            named = [sent["drafter"]] if sent["drafter"] else []
            drafter = await self._office.directory.ids(actor, named, "drafter")
            wish = Wish(
                operation=sent["operation"],
                ends_at=_instant(sent, "ends_at"),
                count=_number(sent, "count") or 0,
                amount_each=_number(sent, "amount_each"),
                amount_total=_number(sent, "amount_total"),
                rows=_number(sent, "rows"),
                drafter_id=drafter[0] if drafter else None,
                note=sent["note"],
            )
            key = forms.field(form, "key") or None
            await self._office.consents.grant(actor, wish, visitor.lang, idempotency_key=key)
        except DaeriError as error:
            return await self._consents(request, visitor, status=error.status, sent=sent, **told_by(error, visitor))
        return see_other("/consents?done=give")

    async def revoke(self, request: Request, visitor: Visitor) -> Response:
        """Take a standing consent back."""
        await self._office.consents.revoke(visitor.signed, request.path_params["key"], visitor.lang)
        return see_other("/consents?done=revoke")

    async def _consents(self, request: Request, visitor: Visitor, *, status: int = 200, **state: Any) -> Response:
        company = self._desk.services.door.company
        offered = [
            (operation.name, operation.label.to(visitor.lang), operation.form.consent)
            for operation in company.operations.values()
            if operation.form is not None and operation.form.consent is not None
        ]
        return await self._desk.page(
            request,
            visitor,
            "consents.html",
            status=status,
            listed=await self._office.consents.shown(visitor.signed, visitor.lang),
            offered=offered,
            key=forms.new_seed(),
            done=_done(request, ("give", "revoke")),
            api=Api("/v1/consents"),
            **({"sent": dict.fromkeys(CONSENT, ""), "problem": None, "wrong": {}} | state),
        )

    async def delegations(self, request: Request, visitor: Visitor) -> Response:
        """Show the tables of delegated decisions as they hold on a day."""
        regulations, on, problem = self._office.regulations, None, None
        asked = request.query_params.get("on", "").strip()
        try:
            on = date.fromisoformat(asked) if asked else None
        except ValueError:
            problem = ValidationFailed(errors=[FieldError("/on", "2026-11-21")]).problem(visitor.lang)
        tables = [regulations.show(each["name"], on, visitor.lang) for each in regulations.page(visitor.lang)]
        return await self._desk.page(
            request,
            visitor,
            "delegations.html",
            status=422 if problem else 200,
            tables=tables,
            on=asked or self._desk.services.clock.today().isoformat(),
            problem=problem,
            api=Api("/v1/delegations"),
        )


def _sent(form: FormData, names: tuple[str, ...]) -> dict[str, str]:
    return {name: forms.field(form, name) for name in names}


def _done(request: Request, known: tuple[str, ...]) -> str | None:
    done = request.query_params.get("done")
    return done if done in known else None


def _instant(sent: Mapping[str, str], name: str) -> datetime:
    """Read a day as its beginning, or as its end where something ends then.

    Raises:
        ValidationFailed: it is none.
    """
    found = instant_of(sent[name] or None, name, ends=name == "ends_at")
    if found is None:
        raise ValidationFailed(errors=[FieldError(f"/{name}", "2026-11-21")])
    return found


def _number(sent: Mapping[str, str], name: str) -> int | None:
    """Read a whole number, None where nothing was written.

    Raises:
        ValidationFailed: it is none.
    """
    text = sent[name].replace(",", "")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal()) or len(text) > DIGITS_MAX:
        raise ValidationFailed(errors=[FieldError(f"/{name}", "1000")])
    return int(text)
