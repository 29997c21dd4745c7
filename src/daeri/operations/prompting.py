"""Who may read by which words models were told what to do? Auditors; a run's trace tells everyone else the version."""

from typing import Any, Final

from daeri.errors import NotFound
from daeri.operations.company import Company
from daeri.operations.history import only_auditors
from daeri.records.actor import Actor
from daeri.records.prompts import PromptBook
from daeri.wording import Text

LIST: Final = "prompt.list"
GET: Final = "prompt.get"

_WHAT: Final = Text("프롬프트는", "The prompts are")


class PromptLog:
    """The versions of the prompts, as auditors read them."""

    def __init__(self, company: Company, book: PromptBook) -> None:
        """Take the declarations and where the prompts are kept."""
        self._company = company
        self.book = book

    async def page(self, actor: Actor) -> dict[str, Any]:
        """Return the versions, the newest first.

        Raises:
            PermissionDenied: the actor is no auditor.
        """
        only_auditors(self._company, actor, LIST, _WHAT)
        return {"data": await self.book.versions()}

    async def get(self, actor: Actor, version: str) -> dict[str, Any]:
        """Return a version with the text of its parts.

        Raises:
            PermissionDenied: the actor is no auditor.
            NotFound: no such version was used here.
        """
        only_auditors(self._company, actor, GET, _WHAT)
        found = await self.book.find(version)
        if found is None:
            raise NotFound(Text("그런 프롬프트 버전이 없어요", "There is no such version of the prompts"))
        return found
