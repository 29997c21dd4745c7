"""What would a company write by hand? The large record over FastAPI, SQLAlchemy and Pydantic, as an engineer would.

The same table, key check, row rule, field rule, filter, sort, cursor and JSON as Daeri's, written out for this one
record. It keeps no audit, knows no agents and cannot be asked anything that is not written here. It imports nothing
of Daeri, so that the two share no code that could slow both down: `python -m bench.handwritten FILE PORT`.
"""

import base64
import binascii
import hashlib
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field, computed_field
from sqlalchemy import JSON, ColumnElement, String, and_, event, func, or_, select, true
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

WHY = "이익은 재무 담당만 볼 수 있어요"
SEEN: Sequence[tuple[str, str, str]] = (
    ("id", "id", "number"),
    ("version", "version", "number"),
    ("number", "출고 번호", "text"),
    ("shipped_on", "출고일", "date"),
    ("team_id", "팀", "number"),
    ("employee_id", "담당자", "number"),
    ("state", "상태", "text"),
    ("amount", "금액", "number"),
    ("margin", "이익", "number"),
)
Sort = Literal["id", "-id", "shipped_on", "-shipped_on", "amount", "-amount"]


class Base(DeclarativeBase):
    """The tables."""


class Shipment(Base):
    """Goods that left the house."""

    __tablename__ = "shipment"

    id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(default=1)
    number: Mapped[str] = mapped_column(String(20), unique=True)
    shipped_on: Mapped[date]
    team_id: Mapped[int]
    employee_id: Mapped[int]
    state: Mapped[str] = mapped_column(String(10))
    amount: Mapped[int]
    margin: Mapped[int]


class Employee(Base):
    """Someone who works here."""

    __tablename__ = "employee"

    id: Mapped[int] = mapped_column(primary_key=True)
    team_id: Mapped[int | None]
    roles: Mapped[list[str]] = mapped_column(JSON)
    left_on: Mapped[date | None]


class ApiKey(Base):
    """A key, of which only the hash is kept."""

    __tablename__ = "api_key"

    id: Mapped[str] = mapped_column(primary_key=True)
    hash: Mapped[str] = mapped_column(unique=True)
    person_id: Mapped[int]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


@dataclass(frozen=True, slots=True)
class User:
    """Who asks."""

    id: int
    team_id: int | None
    roles: frozenset[str]


class ShipmentIn(BaseModel):
    """A shipment to add."""

    model_config = ConfigDict(extra="forbid")

    number: str = Field(max_length=20)
    shipped_on: date
    team_id: int
    employee_id: int
    state: str = Field(max_length=10)
    amount: int


class ShipmentOut(BaseModel):
    """A shipment as those see it who may not see the margin."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    version: int
    number: str
    shipped_on: date
    team_id: int
    employee_id: int
    state: str
    amount: int

    @computed_field(alias="_title")  # type: ignore[prop-decorator]
    @property
    def title(self) -> str:
        """What the row is called."""
        return self.number

    @computed_field(alias="_hidden")  # type: ignore[prop-decorator]
    @property
    def hidden(self) -> dict[str, str]:
        """What is not shown, and why."""
        return {"margin": WHY}

    @computed_field(alias="_masked")  # type: ignore[prop-decorator]
    @property
    def masked(self) -> dict[str, str]:
        """Nothing is masked."""
        return {}


class FieldOut(BaseModel):
    """What a field is."""

    name: str
    label: str
    kind: str
    sight: Literal["open", "hidden"] = "open"
    why: str | None = None
    data_class: str = "internal"
    mask: str | None = None


class Page(BaseModel):
    """One page of a list."""

    data: list[ShipmentOut]
    next_cursor: str | None
    has_more: bool
    type: str = "shipment"
    label: str = "출고"
    fields: list[FieldOut]


class Report(BaseModel):
    """A table of figures."""

    columns: list[str]
    rows: list[tuple[str, int, int]]
    truncated: bool = False


async def current_session(request: Request) -> AsyncIterator[AsyncSession]:
    """Open a session for a request."""
    async with request.app.state.sessions() as session:
        yield session


Session = Annotated[AsyncSession, Depends(current_session)]


async def current_user(session: Session, sent: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> User:
    """Return whose key was sent."""
    digest = hashlib.sha256(sent.credentials.encode()).hexdigest()
    found = select(Employee.id, Employee.team_id, Employee.roles, Employee.left_on, ApiKey.expires_at)
    found = found.join(ApiKey, ApiKey.person_id == Employee.id)
    row = (await session.execute(found.where(ApiKey.hash == digest, ApiKey.revoked_at.is_(None)))).one_or_none()
    now = datetime.now(UTC).replace(tzinfo=None)
    if row is None or row.left_on is not None or (row.expires_at is not None and row.expires_at <= now):
        raise HTTPException(401, "The API key is unknown or has ended")
    return User(row.id, row.team_id, frozenset(row.roles))


Asker = Annotated[User, Depends(current_user)]


def visible(user: User) -> ColumnElement[bool]:
    """Return the condition that a row meets which the user may see."""
    if "finance" in user.roles:
        return true()
    own_team = Shipment.team_id == user.team_id
    return own_team if "sales" in user.roles else or_(own_team, Shipment.employee_id == user.id)


def fields_for(user: User) -> list[FieldOut]:
    """Describe the fields."""
    return _ALL if "finance" in user.roles else _NO_MARGIN


_ALL = [FieldOut(name=name, label=label, kind=kind) for name, label, kind in SEEN]
_NO_MARGIN = [*_ALL[:-1], _ALL[-1].model_copy(update={"sight": "hidden", "why": WHY})]


def _after(cursor: str, sort: str) -> ColumnElement[bool]:
    try:
        position, key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        value = date.fromisoformat(position) if "shipped_on" in sort else int(position)
        key = int(key)
    except (ValueError, TypeError, binascii.Error):
        raise HTTPException(422, "Not a cursor of this list") from None
    column = getattr(Shipment, sort.removeprefix("-"))
    beyond = column < value if sort.startswith("-") else column > value
    return or_(beyond, and_(column == value, Shipment.id > key))


def _cursor(row: Shipment, sort: str) -> str:
    value = getattr(row, sort.removeprefix("-"))
    position = value.isoformat() if isinstance(value, date) else value
    return base64.urlsafe_b64encode(json.dumps([position, row.id]).encode()).decode().rstrip("=")


async def list_shipments(
    session: Session,
    user: Asker,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    sort: Sort = "id",
    state: str | None = None,
    cursor: str | None = None,
) -> Page:
    """List the shipments that the user may see."""
    column = getattr(Shipment, sort.removeprefix("-"))
    found = select(Shipment).where(visible(user))
    if state is not None:
        found = found.where(Shipment.state == state)
    if cursor is not None:
        found = found.where(_after(cursor, sort))
    found = found.order_by(column.desc() if sort.startswith("-") else column, Shipment.id).limit(limit + 1)
    rows = (await session.scalars(found)).all()
    more = len(rows) > limit
    return Page(
        data=[ShipmentOut.model_validate(row) for row in rows[:limit]],
        next_cursor=_cursor(rows[limit - 1], sort) if more else None,
        has_more=more,
        fields=fields_for(user),
    )


async def get_shipment(session: Session, user: Asker, key: int, response: Response) -> ShipmentOut:
    """Return one shipment."""
    row = await session.scalar(select(Shipment).where(Shipment.id == key, visible(user)))
    if row is None:
        raise HTTPException(404, "No such shipment")
    response.headers["ETag"] = f'"{row.version}"'
    return ShipmentOut.model_validate(row)


async def add_shipment(session: Session, user: Asker, sent: ShipmentIn, response: Response) -> ShipmentOut:
    """Add a shipment of the user's own team."""
    if "sales" not in user.roles or sent.team_id != user.team_id:
        raise HTTPException(403, "You may not write this shipment")
    row = Shipment(**sent.model_dump(), margin=0)
    session.add(row)
    try:
        await session.commit()
    except IntegrityError:
        raise HTTPException(409, "It contradicts another record and cannot be stored") from None
    response.headers["ETag"] = f'"{row.version}"'
    response.headers["Location"] = f"/v1/records/shipment/{row.id}"
    return ShipmentOut.model_validate(row)


async def by_state(session: Session, user: Asker, since: date) -> Report:
    """Return how many shipments of which worth left since a day, by state."""
    found = select(Shipment.state, func.count().label("n"), func.sum(Shipment.amount).label("total"))
    found = found.where(visible(user), Shipment.shipped_on >= since).group_by(Shipment.state).order_by(Shipment.state)
    rows = (await session.execute(found)).all()
    return Report(columns=["state", "n", "total"], rows=[tuple(row) for row in rows])


async def ready() -> dict[str, str]:
    """Say that requests are answered."""
    return {"status": "ok"}


def application(path: str) -> FastAPI:
    """Put the routes together over a database file."""
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}")

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        cursor = connection.cursor()
        for setting in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=30000", "cache_size=-16000"):
            cursor.execute(f"PRAGMA {setting}")
        cursor.close()

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        app.state.sessions = async_sessionmaker(engine, expire_on_commit=False)
        yield
        await engine.dispose()

    app = FastAPI(lifespan=life)
    app.get("/v1/records/shipment")(list_shipments)
    app.get("/v1/records/shipment/{key}")(get_shipment)
    app.post("/v1/records/shipment", status_code=201)(add_shipment)
    app.get("/v1/reports/shipment-by-state")(by_state)
    app.get("/readyz")(ready)
    return app


if __name__ == "__main__":
    uvicorn.run(
        application(sys.argv[1]),
        host="127.0.0.1",
        port=int(sys.argv[2]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )
