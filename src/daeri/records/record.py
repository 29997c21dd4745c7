"""What is a record? The base classes a company extends and the marks it puts on fields.

Only declarations live here: no query, no rule, no connection.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ColumnElement,
    DateTime,
    Dialect,
    MetaData,
    String,
    Table,
    case,
    func,
    literal,
)
from sqlalchemy.orm import ColumnProperty, DeclarativeBase, Mapped, Relationship, declared_attr, mapped_column
from sqlalchemy.types import TypeDecorator

from daeri.errors import FieldHidden
from daeri.records.keys import Id, Key, content_of
from daeri.wording import Text

if TYPE_CHECKING:
    from daeri.records.actor import Actor

DataClass = Literal["public", "internal", "personal", "secret"]
NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


@dataclass(frozen=True, slots=True)
class Mark:
    """What is declared of a field beside its type.

    Attributes:
        label: the field's name for people; None uses the column's name.
        readers: "self", role names and relations that may read it; None = whoever may see the row.
        data_class: how sensitive the value is.
        kind: what a number means ("won"); None where its type says it all.
        mask: how the value looks to those who may not read it; None = nothing of it is shown.
        agents: the agents that may read it for someone who may; None = every agent.
        any_class: whether its text may hold data of any class, which its row lists.
    """

    label: Text | None = None
    readers: tuple["str | Relation", ...] | None = None
    data_class: DataClass = "internal"
    kind: str | None = None
    mask: "Mask | None" = None
    agents: tuple[str, ...] | None = None
    any_class: bool = False

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles that read it on every row."""
        return tuple(each for each in self.readers or () if isinstance(each, str) and each != "self")

    @property
    def relations(self) -> tuple["Relation", ...]:
        """The relations to a row by which it is read on that row."""
        return tuple(each for each in self.readers or () if isinstance(each, Relation))

    @property
    def is_about_people(self) -> bool:
        """Say whether figures made of the field could tell about single people."""
        return self.data_class in ("personal", "secret")


@dataclass(frozen=True, slots=True)
class Relation:
    """How someone stands to a row, for fields that are shown by it: whoever leads the team of the row's person.

    Attributes:
        label: what people call those who stand so, e.g. Text("소속 팀장", "the team lead").
        rule: gives the condition that a row meets to which the actor stands so, like a row rule; true() for someone
            who does to every row.
    """

    label: Text
    rule: "Callable[[Actor], ColumnElement[bool]]"


@dataclass(frozen=True, slots=True)
class Mask:
    """What is left of a text whose reader may not see it: its first and last characters, and stars.

    The number of stars says nothing of how long the text is; one too short to keep both ends is all stars.
    """

    example: str
    first: int
    last: int
    stars: str

    @classmethod
    def like(cls, example: str) -> "Mask":
        """Read a mask off an example: "010-****-1234" keeps four characters in front and five behind.

        Raises:
            ValueError: the example has no stars, or stars in two places.
        """
        found = re.fullmatch(r"(?P<first>[^*]*)(?P<stars>\*+)(?P<last>[^*]*)", example)
        if found is None:
            msg = f"{example!r} is no mask: write what stays and one run of stars, e.g. '010-****-1234'"
            raise ValueError(msg)
        return cls(example, len(found["first"]), len(found["last"]), found["stars"])

    def expression(self, column: ColumnElement[Any]) -> ColumnElement[str]:
        """Return the masked text as the database makes it, so that the value itself never leaves it."""
        size = func.length(column)
        kept: ColumnElement[str] = literal(self.stars)
        if self.first:
            kept = func.substr(column, 1, self.first).concat(kept)
        if self.last:
            kept = kept.concat(func.substr(column, size - self.last + 1))
        return case((size > self.first + self.last, kept), else_=self.stars)


def labelled(ko: str, en: str) -> dict[str, Any]:
    """Name a field for people: `mapped_column(info=labelled("입사일", "hired on"))`."""
    return {"label": Text(ko, en)}


def visible_to(*readers: str | Relation, data_class: DataClass = "internal", mask: str | None = None) -> dict[str, Any]:
    """Say who may read a field: role names, "self" for the person whom the row is about, and relations to the row.

    A `mask` shows everybody else what a text looks like, by an example ("010-****-1234"); they can still not filter,
    sort, search or count by it.

    Raises:
        ValueError: the mask is no example with one run of stars.
    """
    return {"readers": readers, "data_class": data_class, "mask": Mask.like(mask) if mask is not None else None}


def for_agents(*names: str) -> dict[str, Any]:
    """Keep a field from every agent but those named, whatever the person may see for whom it acts.

    `info=visible_to("self", "hr") | for_agents()` keeps it from all of them. What a person may not see, no agent of
    theirs sees anyway.
    """
    return {"agents": names}


def classed(data_class: DataClass) -> dict[str, Any]:
    """Say how sensitive a field is that everyone who sees the row may read: `info=classed("personal")`."""
    return {"data_class": data_class}


WON: dict[str, Any] = {"kind": "won"}
"""Marks a whole number as an amount in won: `info=labelled("연봉", "salary") | WON`."""


ANY_CLASS: dict[str, Any] = {"any_class": True}
"""Marks a text that an agent may have worded of what it had read; the field `classes` of its row lists the classes."""

READ_ONLY: dict[str, Any] = {"read_only": True}
"""Marks a field that the database alone writes."""


def mark_of(info: Mapping[str, Any]) -> Mark:
    """Read a column's `info` back into a mark."""
    return Mark(
        label=info.get("label"),
        readers=info.get("readers"),
        data_class=info.get("data_class", "internal"),
        kind=info.get("kind"),
        mask=info.get("mask"),
        agents=info.get("agents"),
        any_class=info.get("any_class", False),
    )


_GOING_ROUND: Final = (Relationship, ColumnProperty)
"""What SQLAlchemy would load by a statement of its own."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """Stands in a row where a field's value would be, when the asker may not see it."""

    field: str
    reason: Text


class Instant(TypeDecorator[datetime]):
    """An aware instant, kept as naive UTC so that SQLite and PostgreSQL give the same back."""

    impl = DateTime
    cache_ok = True

    @property
    def python_type(self) -> type[datetime]:
        """What a value is in Python."""
        return datetime

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive values: an instant without a zone is a mistake."""
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            msg = "an instant needs a time zone"
            raise ValueError(msg)
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the zone back."""
        del dialect
        return None if value is None else value.replace(tzinfo=UTC)


class Exact(TypeDecorator[Decimal]):
    """A decimal with a fixed number of places, kept as an integer: exact on every database."""

    impl = BigInteger
    cache_ok = True

    @property
    def python_type(self) -> type[Decimal]:
        """What a value is in Python."""
        return Decimal

    def __init__(self, places: int) -> None:
        """Keep `places` digits after the point."""
        super().__init__()
        self.places = places

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:
        """Scale up; refuse a value with more places than are kept."""
        del dialect
        if value is None:
            return None
        if not value.is_finite():
            msg = f"{value} is not a number that can be kept"
            raise ValueError(msg)
        scaled = value.scaleb(self.places)
        if scaled != scaled.to_integral_value():
            msg = f"{value} has more than {self.places} decimal places"
            raise ValueError(msg)
        return int(scaled)

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:
        """Scale back down."""
        del dialect
        return None if value is None else Decimal(value).scaleb(-self.places)


class Record(DeclarativeBase):
    """The base of every record a company keeps: an id, and a version that guards against lost updates.

    Class attributes a company may set:
        __label__: the record's name for people.
        __title__: the fields that together name a row ("김하은 대리") and are searched.
        __also__: further names of a row that people may use for it (an English name); found by, not shown.
        __owner__: the column that holds the person a row is about, for fields visible to "self".
        __level__: the column that says how sensitive a whole row is ("internal", "secret"), if there is one.
    """

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: Instant(), list[str]: JSON()}

    __label__: ClassVar[Text]
    __title__: ClassVar[tuple[str, ...]] = ("id",)
    __also__: ClassVar[tuple[str, ...]] = ()
    __owner__: ClassVar[str | None] = None
    __level__: ClassVar[str | None] = None
    __key__: ClassVar[Key]
    __adopted__: ClassVar[bool] = False
    __view__: ClassVar[bool] = False

    id: Mapped[int] = mapped_column(primary_key=True, sort_order=-2)
    version: Mapped[int] = mapped_column(default=1, sort_order=-1)

    def __init_subclass__(cls, **arguments: Any) -> None:
        """Map the class, and learn its key.

        Raises:
            TypeError: it declares what would read other rows past the rules.
        """
        for name, declared in vars(cls).items():
            if isinstance(declared, _GOING_ROUND):
                msg = f"{cls.__name__}.{name}: a record holds columns only; read other rows by Records, never by a " + (
                    "relationship" if isinstance(declared, Relationship) else "column_property"
                )
                raise TypeError(msg)
        super().__init_subclass__(**arguments)
        if "__table__" in cls.__dict__:
            cls.__key__ = Key(tuple(cls.__table__.primary_key.columns))  # type: ignore[attr-defined]

    if not TYPE_CHECKING:

        def __getattribute__(self, name: str) -> Any:
            """Refuse to read a field that the asker may not see, and have it noted where a personal one is read."""
            value = object.__getattribute__(self, name)
            if type(value) is Hidden:
                raise FieldHidden(value.reason)
            watch = object.__getattribute__(self, "__dict__").get("_watch")
            if watch is not None and name in watch.names:
                watch.read(name)
            return value


ADOPTED = "adopted"
"""Marks a table that Daeri never makes and never changes (`Table.info`)."""


class Adopted(Record):
    """A table or view that was there before Daeri: its own columns, its own key, and nothing added to it.

    Mark the key's columns with `primary_key=True`, as they are in the database; without one, rows can be listed and
    asked about, but not opened one by one or written. `id` is what names a row in addresses, made of the key; `version`
    is a digest of the values that were read, which guards against lost updates in place of a counter.

    Class attributes beside those of every record:
        __stored_as__: the table's name in the database, where `__tablename__` is only what Daeri calls it.
        __view__: whether it is a view, which is never written to.
    """

    __abstract__ = True
    __adopted__ = True
    __title__: ClassVar[tuple[str, ...]] = ()
    __stored_as__: ClassVar[str]

    if TYPE_CHECKING:
        id: Mapped[Any]
        version: Any
    else:

        @property
        def id(self) -> Id | None:
            """What names the row in addresses; None where it has no key, or its reader may not see the key."""
            return type(self).__key__.id_of(self.__dict__)

        @property
        def version(self) -> str:
            """A digest of the values that were read."""
            seen = self.__dict__.items()
            return content_of({key: value for key, value in seen if key[0] != "_" and type(value) is not Hidden})

        @classmethod
        def __table_cls__(cls, name: str, *arguments: Any, **options: Any) -> Table:
            """Make the table under its name in the database."""
            made = Table(cls.__dict__.get("__stored_as__", name), *arguments, **options)
            made.info[ADOPTED] = True
            return made

        @declared_attr.directive
        def __mapper_args__(cls) -> dict[str, Any]:  # noqa: N805 - SQLAlchemy calls it with the class
            """Let a table without a key be mapped: nothing here tells its rows apart."""
            table = cls.__table__
            return {} if table.primary_key.columns else {"primary_key": list(table.columns)}


class Person(Record):
    """Someone on the company's organisation chart; approval lines and authority are read from here.

    A company extends it with its own columns. `rank` is 직급 (대리), `title` is 직책 (팀장), "" if none.

    Class attributes beside those of every record:
        __known_as__: the column with what adopted tables call the person (사번), where they do not use its id.
        __email__: the column with the address that news of approvals is mailed to; none is mailed without it.
    """

    __abstract__ = True
    __title__ = ("name", "rank")
    __owner__ = "id"
    __known_as__: ClassVar[str | None] = None
    __email__: ClassVar[str | None] = None

    login: Mapped[str | None] = mapped_column(String(64), unique=True, info=labelled("아이디", "login"))
    name: Mapped[str] = mapped_column(String(100), index=True, info=labelled("이름", "name"))
    rank: Mapped[str] = mapped_column(String(40), default="", info=labelled("직급", "rank"))
    title: Mapped[str] = mapped_column(String(40), default="", info=labelled("직책", "title"))
    team_id: Mapped[int | None] = mapped_column(index=True, info=labelled("소속", "team"))
    roles: Mapped[list[str]] = mapped_column(
        JSON, default=list, info=labelled("역할", "roles") | visible_to("self", "admin", "hr")
    )
    left_on: Mapped[date | None] = mapped_column(info=labelled("퇴사일", "left on"))


class Team(Record):
    """A unit of the organisation chart; `lead_id` is the person who approves for it."""

    __abstract__ = True
    __title__ = ("name",)

    name: Mapped[str] = mapped_column(String(100), index=True, info=labelled("이름", "name"))
    parent_id: Mapped[int | None] = mapped_column(index=True, info=labelled("상위 조직", "parent"))
    lead_id: Mapped[int | None] = mapped_column(info=labelled("조직장", "lead"))


def referenced(column: Column[Any], records: Iterable[type[Record]]) -> tuple[type[Record], Column[Any]] | None:
    """Return which field of which record, among those given, a column's foreign key names; None where none does."""
    known = {record.__table__.fullname: record for record in records}  # type: ignore[attr-defined]
    for key in column.foreign_keys:
        table, _, name = key.target_fullname.rpartition(".")
        record = known.get(table)
        target = None if record is None else record.__table__.columns.get(name)
        if record is not None and target is not None:
            return record, target  # type: ignore[return-value]
    return None


def label_of(record: type[Record]) -> Text:
    """Name a record type for people; the table's name where the company gave no label."""
    return getattr(record, "__label__", None) or Text(record.__tablename__, record.__tablename__)
