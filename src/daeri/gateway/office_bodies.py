"""What may a caller send about drafts, absences and consents? Described once for REST and JSON-RPC."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from daeri.errors import FieldError, ValidationFailed
from daeri.gateway.bodies import ApprovalId, ApprovalNamed, Comment, Key
from daeri.gateway.wire import Sent
from daeri.operations.deciding.consents import Wish
from daeri.operations.office import Office
from daeri.operations.several import SEVERAL_MAX
from daeri.records.actor import Actor
from daeri.records.inquiry import instant_of
from daeri.wording import Lang, Text

__all__ = ["AbsenceSet", "ApprovalNamed", "ConsentGiven", "DraftChanged", "DraftSaved", "SeveralApproved"]

PersonNamed = Annotated[int | str, Field(description="사람 (person): id or name.", examples=["박서연"])]
Instant = Annotated[str, Field(description="때 (time), or a day of Seoul.", examples=["2026-11-26T09:00:00+09:00"])]
Arguments = Annotated[dict[str, Any], Field(description="인자 (arguments), unchecked until it is filed.")]
DraftId = Annotated[str, Field(description="임시저장 번호 (draft id), e.g. drf_01KAJ...")]
AbsenceId = Annotated[str, Field(description="부재 번호 (absence id), e.g. abs_01KAJ...")]
ConsentId = Annotated[str, Field(description="사전 승인 번호 (consent id), e.g. con_01KAJ...")]
Amount = Annotated[int | None, Field(ge=0, description="금액 (amount in the smallest unit)")]


class DraftSaved(Sent):
    """What is kept before it is filed."""

    operation: Annotated[str, Field(description="작업 (operation)", examples=["leave.request"])]
    arguments: Arguments = Field(default_factory=dict)


class DraftChanged(Sent):
    """What a draft says from now on."""

    arguments: Arguments


class DraftNamed(Sent):
    """drafts.get, drafts.delete, drafts.file."""

    draft_id: DraftId


class DraftRewritten(DraftChanged):
    """drafts.update."""

    draft_id: DraftId


class AbsenceSet(Sent):
    """Who decides for whom, from when to when."""

    deputy: PersonNamed
    starts_at: Instant
    ends_at: Instant
    person: Annotated[
        int | str | None, Field(description="부재자 (who is away); oneself if missing, others for administrators.")
    ] = None
    operations: Annotated[
        list[str] | None, Field(max_length=200, description="맡길 작업 (operations covered); all if missing.")
    ] = None
    reason: Annotated[str, Field(max_length=500, description="까닭 (reason)")] = ""

    async def set_by(self, office: Office, actor: Actor) -> dict[str, Any]:
        """Set it."""
        (deputy,) = await office.directory.ids(actor, [self.deputy], "deputy")
        away = None if self.person is None else (await office.directory.ids(actor, [self.person], "person"))[0]
        return await office.absences.set(
            actor,
            deputy_id=deputy,
            person_id=away,
            starts_at=_instant(self.starts_at, "starts_at"),
            ends_at=_instant(self.ends_at, "ends_at"),
            operations=self.operations,
            reason=self.reason,
        )


class AbsenceNamed(Sent):
    """absences.end."""

    absence_id: AbsenceId


class ConsentGiven(Sent):
    """What passes without being asked each time, and how far."""

    operation: Annotated[str, Field(description="작업 (operation)", examples=["expense.request"])]
    ends_at: Instant
    count: Annotated[int, Field(ge=1, description="건수 (documents in all)")]
    amount_each: Amount = None
    amount_total: Amount = None
    rows: Annotated[int | None, Field(ge=0, description="행 수 (rows written in all)")] = None
    drafter: Annotated[int | str | None, Field(description="기안자 (whose documents only): id or name.")] = None
    agent: Annotated[str | None, Field(description="에이전트 (filed through this agent only).")] = None
    note: Annotated[str, Field(max_length=500, description="메모 (note)")] = ""

    async def given_by(self, office: Office, actor: Actor, lang: Lang, key: str | None) -> dict[str, Any]:
        """Give it; the same key gives one consent."""
        drafter = None if self.drafter is None else (await office.directory.ids(actor, [self.drafter], "drafter"))[0]
        wish = Wish(
            operation=self.operation,
            ends_at=_instant(self.ends_at, "ends_at"),
            count=self.count,
            amount_each=self.amount_each,
            amount_total=self.amount_total,
            rows=self.rows,
            drafter_id=drafter,
            agent=self.agent,
            note=self.note,
        )
        return await office.consents.grant(actor, wish, lang, idempotency_key=key)


class ConsentAsked(ConsentGiven):
    """consents.give."""

    idempotency_key: Key = None


class ConsentNamed(Sent):
    """consents.revoke."""

    consent_id: ConsentId


class Shown(Sent):
    """A document as it was shown."""

    approval_id: ApprovalId
    version: Annotated[int, Field(description="읽은 판 (the version that was read)")]


class SeveralApproved(Sent):
    """Several documents of one kind, each at the version that was read."""

    approvals: Annotated[list[Shown], Field(min_length=1, max_length=SEVERAL_MAX)]
    comment: Comment = None

    def versions(self) -> dict[str, int]:
        """Return the versions by document."""
        return {shown.approval_id: shown.version for shown in self.approvals}


class DelegationNamed(Sent):
    """delegations.get."""

    name: Annotated[str, Field(description="전결표 (table)", examples=["expense"])]
    on: Annotated[str | None, Field(description="기준일 (as of which day)", examples=["2026-11-21"])] = None


def _instant(text: str, name: str) -> datetime:
    """Read a time, or the beginning of a day, or its end where something ends then.

    Raises:
        ValidationFailed: it is none.
    """
    found = instant_of(text, name, ends=name == "ends_at")
    if found is None:
        raise ValidationFailed(
            Text("때를 적어 주세요", "A time is needed"), errors=[FieldError(f"/{name}", "2026-11-21")]
        )
    return found
