"""What is common to the records that Daeri itself brings? Their tables come with Daeri's own migrations."""

from typing import ClassVar

from sqlalchemy import MetaData

from daeri.records.record import Record
from daeri.records.store import system


class Kept(Record):
    """The base of records that Daeri itself brings: their tables come with Daeri's own migrations."""

    __abstract__ = True
    metadata: ClassVar[MetaData] = system
