"""What is a company file, and who may see it? Two ordinary records, so that rules, masks and the audit hold as for any.

A file is one edition of one name in one folder. Its text lies in passages (`holdings.py`), which are reached only
through the files that an actor may see. The rule given here is one a company may replace by its own.
"""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any, Final, Literal, cast

from sqlalchemy import JSON, ColumnElement, String, Table, and_, case, false, func, or_, select, true
from sqlalchemy.orm import Mapped, mapped_column

from daeri.records.actor import Actor
from daeri.records.kept import Kept
from daeri.records.record import Instant, Team, labelled
from daeri.wording import Text

Level = Literal["public", "internal", "confidential", "secret"]
Status = Literal["waiting", "ready", "unreadable", "stopped"]

LEVELS: Final[dict[Level, Text]] = {
    "public": Text("공개", "public"),
    "internal": Text("사내", "internal"),
    "confidential": Text("대외비", "confidential"),
    "secret": Text("비밀", "secret"),
}
"""Security levels, the most open first."""
OPEN: Final[tuple[Level, ...]] = ("public", "internal")
NAME_MAX: Final = 255
FOLDER_MAX: Final = 400
UNITS_ABOVE: Final = 5
"""Levels of an organisation chart that a rule climbs."""


class CompanyFile(Kept):
    """A file that the company keeps (문서 파일): one edition of a name in a folder."""

    __tablename__ = "company_file"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012  # citations never point to another file
    __label__ = Text("문서 파일", "file")
    __title__ = ("name",)
    __level__ = "level"

    name: Mapped[str] = mapped_column(String(NAME_MAX), index=True, info=labelled("파일 이름", "file name"))
    folder: Mapped[str] = mapped_column(String(FOLDER_MAX), default="", info=labelled("폴더", "folder"))
    level: Mapped[str] = mapped_column(
        String(20), default="confidential", index=True, info=labelled("보안 등급", "security level")
    )
    department_id: Mapped[int | None] = mapped_column(index=True, info=labelled("소관 부서", "department"))
    owner_id: Mapped[int] = mapped_column(index=True, info=labelled("올린 사람", "added by"))
    series: Mapped[int | None] = mapped_column(index=True, info=labelled("첫 판", "first edition"))
    edition: Mapped[int] = mapped_column(default=1, info=labelled("판", "edition"))
    is_current: Mapped[bool] = mapped_column(default=False, index=True, info=labelled("현행", "in force"))
    status: Mapped[str] = mapped_column(String(20), default="waiting", info=labelled("상태", "status"))
    format: Mapped[str] = mapped_column(String(20), default="", info=labelled("형식", "format"))
    size: Mapped[int] = mapped_column(default=0, info=labelled("크기", "size"))
    passages: Mapped[int] = mapped_column(default=0, info=labelled("구절 수", "passages"))
    problems: Mapped[list[dict[str, Any]]] = mapped_column(
        JSON, default=list, info=labelled("읽지 못한 곳", "problems")
    )
    digest: Mapped[str] = mapped_column(String(64), index=True, info=labelled("원본 해시", "digest of the original"))
    in_force_from: Mapped[date | None] = mapped_column(info=labelled("시행일", "in force from"))
    added_at: Mapped[datetime] = mapped_column(Instant(), info=labelled("올린 때", "added at"))


company_file = cast("Table", CompanyFile.__table__)


class FileGrant(Kept):
    """Opens a folder, up to a level, to a person, a department or the holders of a role (폴더 열람 권한)."""

    __tablename__ = "file_grant"
    __label__ = Text("폴더 열람 권한", "folder grant")
    __title__ = ("folder", "role")

    folder: Mapped[str] = mapped_column(String(FOLDER_MAX), default="", info=labelled("폴더", "folder"))
    level: Mapped[str] = mapped_column(String(20), default="confidential", info=labelled("여기까지", "up to level"))
    person_id: Mapped[int | None] = mapped_column(index=True, info=labelled("사람", "person"))
    department_id: Mapped[int | None] = mapped_column(index=True, info=labelled("부서", "department"))
    role: Mapped[str | None] = mapped_column(String(40), info=labelled("역할", "role"))


def ranked(level: Any) -> ColumnElement[int]:
    """Return a level as a number, 0 for the most open."""
    return case({name: rank for rank, name in enumerate(LEVELS)}, value=level, else_=len(LEVELS))


def seen_files(team: type[Team]) -> Callable[[Actor], ColumnElement[bool]]:
    """Return the rule of who sees which files, over a company's own organisation chart."""

    def rule(actor: Actor) -> ColumnElement[bool]:
        """Everyone sees public and internal files; others who added them, and whom a grant names (공개·사내는 모두).

        Confidential ones (대외비) are also for their department and who is in charge of it.
        """
        return or_(
            CompanyFile.level.in_(OPEN),
            CompanyFile.owner_id == actor.person_id,
            and_(CompanyFile.level == "confidential", _is_of(actor, team)),
            _is_granted(actor, team),
        )

    return rule


def changed_files(keepers: tuple[str, ...]) -> Callable[[Actor], ColumnElement[bool]]:
    """Return the rule of who adds and changes which files; holders of the roles `keepers` all of them."""

    def rule(actor: Actor) -> ColumnElement[bool]:
        """자기가 올린 것만, 대외비·비밀로만; 문서 담당은 모두 (one's own, confidential or secret; keepers all)."""
        if any(actor.has(role) for role in keepers):
            return true()
        return and_(
            CompanyFile.owner_id == actor.person_id,
            CompanyFile.level.not_in(OPEN),
            or_(CompanyFile.department_id.is_(None), CompanyFile.department_id == actor.team_id),
        )

    return rule


def kept_grants(keepers: tuple[str, ...]) -> Callable[[Actor], ColumnElement[bool]]:
    """Return the rule of who sees and changes grants: holders of the roles `keepers`."""

    def rule(actor: Actor) -> ColumnElement[bool]:
        """문서 담당만 (keepers of files only)."""
        return true() if any(actor.has(role) for role in keepers) else false()

    return rule


def _is_of(actor: Actor, team: type[Team]) -> ColumnElement[bool]:
    """A file of the actor's own unit, of one above it, or of one that the actor is in charge of."""
    return or_(_is_above(CompanyFile.department_id, actor, team), CompanyFile.department_id.in_(_led(actor, team)))


def _is_above(column: Any, actor: Actor, team: type[Team]) -> ColumnElement[bool]:
    """A column names the actor's own unit or one above it."""
    if actor.team_id is None:
        return false()
    found: list[ColumnElement[bool]] = [column == actor.team_id]
    parents: Any = select(team.parent_id).where(team.id == actor.team_id)
    for _ in range(UNITS_ABOVE):
        found.append(column.in_(parents))
        parents = select(team.parent_id).where(team.id.in_(parents))
    return or_(*found)


def _led(actor: Actor, team: type[Team]) -> Any:
    """Return the units that the actor leads, and those below them."""
    units: Any = select(team.id).where(team.lead_id == actor.person_id)
    for _ in range(UNITS_ABOVE):
        units = select(team.id).where(or_(team.lead_id == actor.person_id, team.parent_id.in_(units)))
    return units


def _is_granted(actor: Actor, team: type[Team]) -> ColumnElement[bool]:
    """A grant opens the file's folder, or one that holds it, to the actor."""
    whom: list[ColumnElement[bool]] = [
        FileGrant.person_id == actor.person_id,
        _is_above(FileGrant.department_id, actor, team),
    ]
    whom += [FileGrant.role.in_(sorted(actor.roles))] if actor.roles else []
    inside = or_(
        FileGrant.folder == "",
        FileGrant.folder == CompanyFile.folder,
        func.substr(CompanyFile.folder, 1, func.length(FileGrant.folder) + 1) == FileGrant.folder + "/",
    )
    opened = select(FileGrant.id).where(or_(*whom), inside, ranked(CompanyFile.level) <= ranked(FileGrant.level))
    return opened.correlate(CompanyFile).exists()
