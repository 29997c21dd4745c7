"""What is kept of what agents are to remember, and who sees it? One record, its person's alone."""

from datetime import datetime
from typing import Final

from sqlalchemy import JSON, ColumnElement, String
from sqlalchemy.orm import Mapped, mapped_column

from daeri.records.actor import Actor
from daeri.records.kept import Kept
from daeri.records.record import ANY_CLASS, Instant, labelled, visible_to
from daeri.wording import Text

TEXT_MAX: Final = 300


class Memory(Kept):
    """What an agent is to remember of a person (기억)."""

    __tablename__ = "memory"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012  # what was forgotten names nothing else later
    __label__ = Text("기억", "memory")
    __owner__ = "person_id"

    person_id: Mapped[int] = mapped_column(index=True, info=labelled("사람", "person"))
    text: Mapped[str] = mapped_column(String(TEXT_MAX), info=labelled("내용", "text") | visible_to("self") | ANY_CLASS)
    classes: Mapped[list[str]] = mapped_column(JSON, default=list, info=labelled("데이터 등급", "data classes"))
    proposed_by: Mapped[str | None] = mapped_column(String(100), info=labelled("제안한 에이전트", "proposed by"))
    changed_at: Mapped[datetime] = mapped_column(Instant(), info=labelled("바뀐 때", "changed at"))


def own_memories(actor: Actor) -> ColumnElement[bool]:
    """자기 기억만 (one's own memories only, whatever one's role)."""
    return Memory.person_id == actor.person_id
