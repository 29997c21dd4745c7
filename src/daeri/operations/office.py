"""What stands around the approvals? Drafts, absences, consents, tables, codes of printed documents: one of each."""

from daeri.clock import Clock
from daeri.operations.approval import Approvals
from daeri.operations.deciding.absences import Absences
from daeri.operations.deciding.consents import Consents
from daeri.operations.deciding.drafts import Drafts
from daeri.operations.deciding.proofs import Proofs
from daeri.operations.directory import Directory
from daeri.operations.invoke import Door
from daeri.operations.notices import Notices
from daeri.operations.regulations import Regulations
from daeri.operations.several import Several
from daeri.records.store import Store


class Office:
    """The services beside the approvals, over the same database."""

    def __init__(self, door: Door, approvals: Approvals, store: Store, clock: Clock) -> None:
        """Take what files documents and what decides on them."""
        company = door.company
        self.drafts = Drafts(door, store, clock)
        self.absences = Absences(company.people, store, clock)
        self.consents = Consents(company, store, clock)
        self.regulations = Regulations(company, clock)
        self.proofs = Proofs(company, store)
        self.directory = Directory(company, store)
        self.several = Several(approvals)
        self.notices = Notices(company, store, clock)
