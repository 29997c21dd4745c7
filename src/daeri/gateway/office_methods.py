"""How do drafts, absences, consents and tables look as JSON-RPC? Each method calls one service.

The names stand in methods.py with all others.
"""

from typing import Any

from daeri.gateway import bodies, office_bodies
from daeri.gateway.jsonrpc import Caller
from daeri.gateway.office import day_of, listed
from daeri.gateway.services import Services


class OfficeMethods:
    """The services beside the approvals."""

    def __init__(self, services: Services) -> None:
        """Take them."""
        self._office = services.office

    async def approve_several(self, caller: Caller, sent: office_bodies.SeveralApproved) -> Any:
        """Approve several documents of one kind."""
        several = self._office.several
        return listed(await several.approve(caller.actor, sent.versions(), sent.comment, caller.lang))

    async def redraft(self, caller: Caller, named: bodies.ApprovalNamed) -> Any:
        """Begin a draft with what stood in a document."""
        return await self._office.drafts.again(caller.actor, named.approval_id, caller.lang)

    async def list_drafts(self, caller: Caller, _: bodies.Nothing) -> Any:
        """List one's drafts."""
        return listed(await self._office.drafts.mine(caller.actor, caller.lang))

    async def save_draft(self, caller: Caller, sent: office_bodies.DraftSaved) -> Any:
        """Keep a draft."""
        return await self._office.drafts.save(caller.actor, sent.operation, sent.arguments, lang=caller.lang)

    async def get_draft(self, caller: Caller, named: office_bodies.DraftNamed) -> Any:
        """Show a draft."""
        return await self._office.drafts.get(caller.actor, named.draft_id, caller.lang)

    async def rewrite_draft(self, caller: Caller, sent: office_bodies.DraftRewritten) -> Any:
        """Write over what a draft says."""
        return await self._office.drafts.rewrite(caller.actor, sent.draft_id, sent.arguments, caller.lang)

    async def drop_draft(self, caller: Caller, named: office_bodies.DraftNamed) -> Any:
        """Throw a draft away."""
        await self._office.drafts.drop(caller.actor, named.draft_id)

    async def file_draft(self, caller: Caller, named: office_bodies.DraftNamed) -> Any:
        """File a draft."""
        return (await self._office.drafts.file(caller.actor, named.draft_id, caller.lang)).body(caller.lang)

    async def list_absences(self, caller: Caller, _: bodies.Nothing) -> Any:
        """List the absences that concern the caller."""
        return listed(await self._office.absences.shown(caller.actor))

    async def set_absence(self, caller: Caller, sent: office_bodies.AbsenceSet) -> Any:
        """Say who decides while someone is away."""
        return await sent.set_by(self._office, caller.actor)

    async def end_absence(self, caller: Caller, named: office_bodies.AbsenceNamed) -> Any:
        """End an absence."""
        return await self._office.absences.end(caller.actor, named.absence_id)

    async def list_consents(self, caller: Caller, _: bodies.Nothing) -> Any:
        """List the standing consents that concern the caller."""
        return listed(await self._office.consents.shown(caller.actor, caller.lang))

    async def give_consent(self, caller: Caller, sent: office_bodies.ConsentAsked) -> Any:
        """Give a standing consent."""
        key = sent.idempotency_key or caller.idempotency_key
        return await sent.given_by(self._office, caller.actor, caller.lang, key)

    async def revoke_consent(self, caller: Caller, named: office_bodies.ConsentNamed) -> Any:
        """Take a standing consent back."""
        return await self._office.consents.revoke(caller.actor, named.consent_id, caller.lang)

    async def list_delegations(self, caller: Caller, _: bodies.Nothing) -> Any:
        """List the tables of delegated decisions."""
        return listed(self._office.regulations.page(caller.lang))

    async def get_delegation(self, caller: Caller, named: office_bodies.DelegationNamed) -> Any:
        """Show a table as it holds on a day."""
        return self._office.regulations.show(named.name, day_of(named.on), caller.lang)
