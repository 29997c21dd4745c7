"""How do the routes of drafts, absences, consents and tables read in the API's description?"""

from collections.abc import Sequence
from typing import Final

from daeri.gateway.bodies import Nothing
from daeri.gateway.endpoints import DECIDES, IDEMPOTENCY_KEY, Endpoint, Parameter, described_json
from daeri.gateway.office_bodies import AbsenceSet, ConsentGiven, DraftChanged, DraftSaved, SeveralApproved
from daeri.gateway.schemas import ANYTHING, TEXT, TIME, Schema, list_of, named, object_of, or_null, page_of

_SENT: Final = ("payload-too-large", "unsupported-media-type", "validation-failed")
_KEPT: Final = ("permission-denied", "not-found", "conflict", *_SENT)

OFFICE_SCHEMAS: Final[dict[str, Schema]] = {
    "Draft": object_of(
        "Draft",
        "What a person wrote and has not filed yet (임시저장); nobody else's.",
        draft_id=TEXT,
        operation=TEXT,
        title=TEXT,
        arguments=ANYTHING,
        previous_id=or_null("string"),
        updated_at=TIME,
    ),
    "DraftPage": page_of("DraftPage", "Draft"),
    "Absence": object_of(
        "Absence",
        "Who decides for whom, from when to when (부재, 대결).",
        absence_id=TEXT,
        person=named("Person"),
        deputy=named("Person"),
        starts_at=TIME,
        ends_at=TIME,
        operations=or_null("array", items=TEXT),
        reason=TEXT,
        set_by=named("Person"),
        ended_at=or_null("string", format="date-time"),
        active={"type": "boolean"},
    ),
    "AbsencePage": page_of("AbsencePage", "Absence"),
    "Consent": object_of(
        "Consent",
        "A standing consent (사전 승인): what passes without being asked, how far, and how much of it is used.",
        consent_id=TEXT,
        person=named("Person"),
        operation=TEXT,
        title=TEXT,
        drafter={"anyOf": [named("Person"), {"type": "null"}]},
        agent=or_null("string"),
        limits=ANYTHING,
        used=ANYTHING,
        starts_at=TIME,
        ends_at=TIME,
        revoked_at=or_null("string", format="date-time"),
        active={"type": "boolean"},
        note=TEXT,
    ),
    "ConsentPage": page_of("ConsentPage", "Consent"),
    "Delegation": object_of(
        "Delegation",
        "A table of delegated decisions (위임전결) as it holds on a day: who decides finally, up to which amount.",
        name=TEXT,
        label=TEXT,
        since=or_null("string", format="date"),
        since_worded=or_null("string"),
        editions=list_of(TEXT),
        rows=list_of(ANYTHING),
        operations=list_of(ANYTHING),
    ),
    "DelegationPage": page_of("DelegationPage", "Delegation"),
    "SeveralDecided": object_of(
        "SeveralDecided",
        "What became of each of several documents.",
        data=list_of(ANYTHING),
        next_cursor={"type": "null"},
        has_more={"const": False},
    ),
    "Proof": object_of(
        "Proof",
        "A printed document is one of the company's; nothing of its content or its people.",
        verification_code=TEXT,
        number=TEXT,
        title=TEXT,
        status=TEXT,
        digest=TEXT,
        drafted_at=TIME,
        completed_at=or_null("string", format="date-time"),
    ),
}


def _ended(path: str, name: str, summary: str, description: str, schema: str) -> Endpoint:
    """Describe an act that takes nothing but its path."""
    answers = {200: described_json("As it stands now.", schema)}
    return Endpoint(
        "post", path, name, "approvals", summary, description, answers, (), Nothing, body_required=False, problems=_KEPT
    )


OFFICE_ENDPOINTS: Final[Sequence[Endpoint]] = (
    Endpoint(
        "post",
        "/v1/approvals/several",
        "approvals.approve_several",
        "approvals",
        "여러 건 결재하기 (approve several documents)",
        "Approves up to 20 documents of one kind, each at the version that was read. Each is an act of its own: what "
        "changed meanwhile is left out and told. Documents with values that nobody vouched for are refused here.",
        {200: described_json("What became of each.", "SeveralDecided")},
        (),
        SeveralApproved,
        problems=DECIDES,
    ),
    Endpoint(
        "post",
        "/v1/approvals/{approval_id}/redraft",
        "approvals.redraft",
        "approvals",
        "재기안하기 (draft a document anew)",
        "Begins a draft with all that stood in one's own document that was rejected or withdrawn. All approvals are "
        "void: filing the draft makes a new document that names the old one.",
        {201: described_json("The draft; Location names it.", "Draft")},
        (),
        Nothing,
        body_required=False,
        problems=_KEPT,
    ),
    Endpoint(
        "get",
        "/v1/drafts",
        "drafts.list",
        "approvals",
        "임시저장 목록 (my drafts)",
        "What the caller wrote and has not filed yet, newest first.",
        {200: described_json("All of them on one page.", "DraftPage")},
        problems=("permission-denied", "validation-failed"),
    ),
    Endpoint(
        "post",
        "/v1/drafts",
        "drafts.create",
        "approvals",
        "임시저장하기 (keep a draft)",
        "Keeps the arguments of an operation, unchecked and private, until they are filed.",
        {201: described_json("The draft; Location names it.", "Draft")},
        (),
        DraftSaved,
        problems=_KEPT,
    ),
    Endpoint(
        "get",
        "/v1/drafts/{draft_id}",
        "drafts.get",
        "approvals",
        "임시저장 보기 (show a draft)",
        "One of the caller's own drafts.",
        {200: described_json("The draft.", "Draft")},
        problems=("permission-denied", "not-found", "validation-failed"),
    ),
    Endpoint(
        "patch",
        "/v1/drafts/{draft_id}",
        "drafts.update",
        "approvals",
        "임시저장 고치기 (change a draft)",
        "Replaces all arguments of a draft.",
        {200: described_json("The draft.", "Draft")},
        (),
        DraftChanged,
        problems=_KEPT,
    ),
    Endpoint(
        "delete",
        "/v1/drafts/{draft_id}",
        "drafts.delete",
        "approvals",
        "임시저장 지우기 (discard a draft)",
        "Throws a draft away.",
        {204: {"description": "It is gone."}},
        problems=("permission-denied", "not-found", "validation-failed"),
    ),
    Endpoint(
        "post",
        "/v1/drafts/{draft_id}/file",
        "drafts.file",
        "approvals",
        "임시저장 올리기 (file a draft)",
        "Calls the operation with what the draft says; it is gone then. The draft's id is its idempotency key: it is "
        "filed once, and asking again within a day gives the same answer.",
        {
            200: described_json("Done: nobody had to decide.", "CallResult"),
            202: described_json("Filed: it waits for its approval line. Location names the document.", "HeldCall"),
        },
        (),
        Nothing,
        body_required=False,
        problems=("idempotency-mismatch", *_KEPT),
    ),
    Endpoint(
        "get",
        "/v1/absences",
        "absences.list",
        "approvals",
        "부재 목록 (absences)",
        "The absences in which the caller is away or stands in; all of them for administrators.",
        {200: described_json("All of them on one page.", "AbsencePage")},
    ),
    Endpoint(
        "post",
        "/v1/absences",
        "absences.set",
        "approvals",
        "부재 정하기 (set an absence)",
        "Says who decides in one's name (대결), from when to when, on which operations. Administrators set anyone's. "
        "Two absences of a person never overlap, so the same request twice is refused.",
        {201: described_json("The absence.", "Absence")},
        (),
        AbsenceSet,
        problems=_KEPT,
    ),
    _ended(
        "/v1/absences/{absence_id}/end",
        "absences.end",
        "부재 끝내기 (end an absence)",
        "Ends an absence now; what the deputy decided stays.",
        "Absence",
    ),
    Endpoint(
        "get",
        "/v1/consents",
        "consents.list",
        "approvals",
        "사전 승인 목록 (standing consents)",
        "The consents that the caller gave or that name the caller, with what is used of them; all for administrators.",
        {200: described_json("All of them on one page.", "ConsentPage")},
    ),
    Endpoint(
        "post",
        "/v1/consents",
        "consents.give",
        "approvals",
        "사전 승인하기 (give a standing consent)",
        "Lets what others file pass where the caller would decide: so many documents, so much money, until a day, "
        "within what the form allows. Values that nobody vouched for never pass on it.",
        {201: described_json("The consent.", "Consent")},
        (IDEMPOTENCY_KEY,),
        ConsentGiven,
        problems=("idempotency-mismatch", *_KEPT),
    ),
    _ended(
        "/v1/consents/{consent_id}/revoke",
        "consents.revoke",
        "사전 승인 거두기 (revoke a standing consent)",
        "Takes a consent back now; what passed on it stays.",
        "Consent",
    ),
    Endpoint(
        "get",
        "/v1/delegations",
        "delegations.list",
        "approvals",
        "위임전결표 목록 (tables of delegated decisions)",
        "The company's tables of delegated decisions as they hold today.",
        {200: described_json("All of them on one page.", "DelegationPage")},
    ),
    Endpoint(
        "get",
        "/v1/delegations/{name}",
        "delegations.get",
        "approvals",
        "위임전결표 보기 (show a table)",
        "One table as it holds, or held, on a day.",
        {200: described_json("The table.", "Delegation")},
        (Parameter("on", "query", {"type": "string"}, "기준일 (as of which day).", "2026-11-21"),),
        problems=("not-found", "validation-failed"),
    ),
    Endpoint(
        "get",
        "/verify/{code}",
        "approvals.verify",
        "approvals",
        "인쇄한 문서 확인하기 (confirm a printed document)",
        "Confirms the code on a printed document to whoever holds the paper: its number, form, status, times and hash. "
        "Neither people nor content. A wrong code answers like one that never was.",
        {200: described_json("It is one of ours; a page where Accept asks for text/html.", "Proof")},
        problems=("not-found",),
        public=True,
    ),
)
