"""How are several documents of one kind approved at once (일괄 결재)? Looked at together, then each by itself.

Each is an act of its own, on the version that was shown: what changed meanwhile is left out and told, the others are
decided. What an agent filled in from a source that nobody vouched for is never among them, nor what was filed with a
key that was revoked since: it is read by itself.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from daeri.errors import Conflict, DaeriError, FieldError, ValidationFailed
from daeri.operations.approval import Approvals
from daeri.records.actor import Actor
from daeri.wording import Lang, Text

SEVERAL_MAX = 20
"""Documents that are approved at once at most: as many as a person reads."""


class Several:
    """Approves several documents."""

    def __init__(self, approvals: Approvals) -> None:
        """Take what decides on one."""
        self._approvals = approvals

    async def look(self, actor: Actor, ids: Sequence[str], lang: Lang = "ko") -> list[dict[str, Any]]:
        """Return documents to be looked at together, in the order in which they are named.

        Raises:
            NotFound: one is not there, or the actor has no part in it.
            Conflict: one is not the actor's to approve now, or has to be read by itself.
            ValidationFailed: none, too many, or documents of several kinds.
        """
        wanted = list(dict.fromkeys(ids))
        if not 1 <= len(wanted) <= SEVERAL_MAX:
            raise _wrong(Text(f"한 번에 1건부터 {SEVERAL_MAX}건까지 결재해요", f"Choose 1 to {SEVERAL_MAX} documents"))
        bodies = [await self._approvals.show(actor, approval_id, lang) for approval_id in wanted]
        if len({body["operation"] for body in bodies}) > 1:
            raise _wrong(Text("같은 종류의 문서만 함께 결재해요", "Only documents of one kind are decided together"))
        for body in bodies:
            if "approve" not in body["acts"]:
                raise Conflict(Text("지금 승인할 수 없는 문서가 있어요", "One of them is not yours to approve now"))
            if body["key_revoked"]:
                raise Conflict(
                    Text(
                        "올린 키가 폐기된 문서는 따로 열어 결재해 주세요",
                        "A document whose key was revoked since it was filed is decided by itself",
                    )
                )
            if any(each["control"] and not each["vouched"] for each in body["provenance"]):
                raise Conflict(
                    Text(
                        "출처가 확인되지 않은 값이 있는 문서는 따로 열어 결재해 주세요",
                        "A document with values that nobody vouched for is decided by itself",
                    )
                )
        return bodies

    async def approve(
        self, actor: Actor, versions: Mapping[str, int], comment: str | None = None, lang: Lang = "ko"
    ) -> list[dict[str, Any]]:
        """Approve documents at the versions that were looked at; say of each what became of it.

        Raises:
            DaeriError: as `look`; nothing has been decided then.
        """
        await self.look(actor, list(versions), lang)
        return [await self._one(actor, key, version, comment, lang) for key, version in versions.items()]

    async def _one(
        self, actor: Actor, approval_id: str, version: int, comment: str | None, lang: Lang
    ) -> dict[str, Any]:
        try:
            body = await self._approvals.decide(actor, approval_id, "approve", comment, version=version, lang=lang)
        except DaeriError as error:
            return {"approval_id": approval_id, "status": None, "document": None, "error": error.problem(lang)}
        return {"approval_id": approval_id, "status": body["status"], "document": body, "error": None}


def _wrong(detail: Text) -> ValidationFailed:
    return ValidationFailed(detail, errors=[FieldError("/approvals", detail)])
