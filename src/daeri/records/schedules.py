"""What is kept of work that is done again and again, and who sees it? One record, its person's alone."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import JSON, ColumnElement, String
from sqlalchemy.orm import Mapped, mapped_column

from daeri.records.actor import Actor
from daeri.records.kept import Kept
from daeri.records.record import ANY_CLASS, Instant, labelled, visible_to
from daeri.wording import Text

REQUEST_MAX: Final = 2_000
CRON_MAX: Final = 100


class Schedule(Kept):
    """A request that an agent is asked at set times for a person (정기 요청)."""

    __tablename__ = "schedule"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012  # its number names its runs for ever
    __label__ = Text("정기 요청", "schedule")
    __owner__ = "person_id"

    person_id: Mapped[int] = mapped_column(index=True, info=labelled("사람", "person"))
    agent: Mapped[str] = mapped_column(String(100), info=labelled("에이전트", "agent"))
    request: Mapped[str] = mapped_column(
        String(REQUEST_MAX), info=labelled("요청", "request") | visible_to("self") | ANY_CLASS
    )
    classes: Mapped[list[str]] = mapped_column(JSON, default=list, info=labelled("데이터 등급", "data classes"))
    cron: Mapped[str] = mapped_column(String(CRON_MAX), info=labelled("때 (cron, 서울)", "times (cron, Seoul)"))
    lang: Mapped[str] = mapped_column(String(2), default="ko", info=labelled("언어", "language"))
    scopes: Mapped[list[Any]] = mapped_column(JSON, default=list, info=labelled("권한 범위", "scopes"))
    credential: Mapped[str | None] = mapped_column(String(60), info=labelled("등록한 API 키", "API key"))
    next_at: Mapped[datetime | None] = mapped_column(Instant(), index=True, info=labelled("다음", "next"))
    last_at: Mapped[datetime | None] = mapped_column(Instant(), info=labelled("지난번", "last"))
    last_run: Mapped[str | None] = mapped_column(String(40), info=labelled("지난 실행", "last run"))
    missed: Mapped[int] = mapped_column(default=0, info=labelled("놓친 횟수", "missed times"))
    ended: Mapped[str | None] = mapped_column(String(200), info=labelled("끝난 까닭", "why it ended"))


def own_schedules(actor: Actor) -> ColumnElement[bool]:
    """자기 정기 요청만 (one's own schedules only)."""
    return Schedule.person_id == actor.person_id
