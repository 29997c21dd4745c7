"""Is this printed document one of ours? A code for each finished one, and what whoever holds the paper may learn by it.

The code is the document's number with a check made of its digest: nobody makes one up without having seen the
document. It says that the document exists, what became of it and when; neither its people nor its content.
"""

import base64
import hmac
import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, bindparam, select

from daeri.clock import rfc3339
from daeri.errors import NotFound
from daeri.operations.company import Company
from daeri.operations.deciding.ledger import operations_of
from daeri.operations.documents import approval
from daeri.records.store import Store
from daeri.wording import Lang, Text

CHECK_LENGTH = 12
"""Letters of the check: 60 bits."""
_GROUP = 4
_NUMBERED = select(
    approval.c.id,
    approval.c.number,
    approval.c.operation,
    approval.c.bundled,
    approval.c.status,
    approval.c.digest,
    approval.c.drafted_at,
    approval.c.completed_at,
).where(approval.c.number == bindparam("number"))
_CODE = re.compile(rf"([A-Za-z0-9]{{1,8}}-[0-9]{{4}}-[0-9]{{6,12}})-([A-Z2-7]{{{CHECK_LENGTH}}})", re.ASCII)


def code_of(row: Mapping[str, Any]) -> str | None:
    """Return the code that is printed on a document; None as long as it has no number."""
    if row["number"] is None:
        return None
    check = _check(row)
    return "-".join([row["number"], *(check[at : at + _GROUP] for at in range(0, CHECK_LENGTH, _GROUP))])


def _check(row: Mapping[str, Any]) -> str:
    sealed = sha256(f"{row['id']}\n{row['number']}\n{row['digest']}".encode()).digest()
    return base64.b32encode(sealed).decode()[:CHECK_LENGTH]


class Proofs:
    """Confirms codes."""

    def __init__(self, company: Company, store: Store) -> None:
        """Take the declarations and the database."""
        self._company = company
        self._store = store

    async def check(self, code: str, lang: Lang = "ko") -> dict[str, Any]:
        """Return what whoever holds the paper may learn.

        Raises:
            NotFound: no finished document has this code; a wrong check answers like a wrong number.
        """
        found = _CODE.fullmatch(_plain(code))
        row = await self._store.read(lambda connection: _row(connection, found[1])) if found else None
        if found is None or row is None or not hmac.compare_digest(_check(row).encode(), found[2].encode()):
            raise NotFound(Text("그런 확인 번호를 가진 문서가 없어요", "No document has this code"))
        return {
            "verification_code": code_of(row),
            "number": row["number"],
            "title": self._company.title(operations_of(row["operation"], row["bundled"])).to(lang),
            "status": row["status"],
            "digest": row["digest"],
            "drafted_at": rfc3339(row["drafted_at"]),
            "completed_at": rfc3339(row["completed_at"]) if row["completed_at"] else None,
        }


def _plain(code: str) -> str:
    """Return a code as it is printed, with its check in one piece."""
    parts = [part for part in re.split(r"[\s-]+", code) if part]
    return "-".join([*parts[:3], "".join(parts[3:]).upper()])


def _row(connection: Connection, number: str) -> Mapping[str, Any] | None:
    row = connection.execute(_NUMBERED, {"number": number}).one_or_none()
    return None if row is None else row._asdict()
