"""Who may do for a while what security forbids? Exceptions from the security rules (정보보호 예외 신청).

The lead decides after the system administrators have agreed one after the other with HR (순차 합의: theirs is a veto,
HR's an opinion); auditors read along (참조). Two working days a turn, then the next lead may decide too.
"""

from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, String, or_, true
from sqlalchemy.orm import Mapped, mapped_column

from daeri.errors import Refused
from daeri.operations import Catalog, Change, Form, Line, agree, anyone, cc, holder, superior
from daeri.operations.form import Deadline
from daeri.records import Actor, Clock, Record, Records, labelled
from daeri.sample.organisation import people_under
from daeri.wording import Lang, Text, day, fit_josa

security = Catalog("security", Text("정보보호", "Security"))

DAYS_MAX = 90
What = Literal["USB 저장장치", "외부 메일 첨부", "원격 접속", "관리자 권한"]
ENGLISH = {
    "USB 저장장치": "USB storage",
    "외부 메일 첨부": "mail attachments to outside",
    "원격 접속": "remote access",
    "관리자 권한": "administrator rights",
}


class SecurityException(Record):
    """What somebody may do until a day, although the security rules forbid it."""

    __tablename__ = "security_exception"
    __label__ = Text("정보보호 예외", "security exception")
    __title__ = ("what",)

    employee_id: Mapped[int] = mapped_column(index=True, info=labelled("직원", "employee"))
    what: Mapped[str] = mapped_column(String(20), info=labelled("예외 항목", "what"))
    until: Mapped[date] = mapped_column(index=True, info=labelled("기한", "until"))
    reason: Mapped[str] = mapped_column(String(200), info=labelled("사유", "reason"))


@security.rows(SecurityException)
def own_exceptions(actor: Actor) -> ColumnElement[bool]:
    """Your own; those of the people you are in charge of; administrators and auditors see all."""
    if actor.has("admin") or actor.has("auditor"):
        return true()
    mine = SecurityException.employee_id
    return or_(mine == actor.person_id, mine.in_(people_under(actor)))


@security.changes(SecurityException)
def asked_for_oneself(actor: Actor) -> ColumnElement[bool]:
    """Everyone asks for themself only."""
    return SecurityException.employee_id == actor.person_id


def exception_line() -> Line:
    """Ask the administrators, whose no is final, and HR, whose no is an opinion; then the lead decides."""
    return Line(
        agree(holder("admin", Text("정보보호", "Security")), why=Text("보안 위험을 확인해요", "weighs the risk")),
        agree(holder("hr", Text("인사", "HR")), may_reject=False, blocking=False),
        superior(1),
        cc(holder("auditor", Text("감사", "Audit"))),
        rule="security-exception",
        because=Text("정보보호 담당이 합의하고 조직장이 결재해요", "Security agrees, then the lead decides"),
    )


class Excepted(BaseModel):
    """An exception that holds."""

    what: str
    until: date

    def say(self, lang: Lang) -> str:
        """Tell what is allowed until when."""
        until = day(self.until, lang)
        if lang == "ko":
            return fit_josa(f"{self.what}을(를) {until}까지 쓸 수 있어요.")
        return f"{ENGLISH[self.what].capitalize()} allowed until {until}."


async def exception_effect(records: Records, actor: Actor, clock: Clock, what: What, until: date) -> list[Change]:
    """Show until when it is allowed now, and would be."""
    now = await records.first(
        SecurityException,
        SecurityException.employee_id == actor.person_id,
        SecurityException.what == what,
        SecurityException.until >= clock.today(),
        order_by=[SecurityException.until.desc()],
    )
    before = Text(day(now.until, "ko"), day(now.until, "en")) if now else Text("금지", "forbidden")
    return [Change(Text(what, ENGLISH[what]), before, Text(f"{day(until, 'ko')}까지", f"until {day(until, 'en')}"))]


@security.write(
    label=Text("정보보호 예외 신청", "Request a security exception"),
    allow=anyone,
    approval=Form(exception_line, prefix="SE", agree_early=True, deadline=Deadline(2), bundle=True),
    preview=exception_effect,
    examples=[
        "12월 31일까지 USB 저장장치 보안 예외 신청해줘, 사유는 감사 자료 제출",
        "원격 접속 정보보호 예외 신청 12월 15일까지 올려줘",
        "외부 메일 첨부 예외 허용 신청해줘 12월 10일까지",
        "관리자 권한 정보보호 예외를 12월 5일까지 신청할게",
        "Request a security exception for USB storage until December 31",
        "I need a remote access exception until December 15",
        "File a security exception for mail attachments to outside until December 10",
        "Ask for an administrator rights exception until December 5",
    ],
    words=["정보보호 예외", "보안 예외", "예외 신청", "예외 허용", "security exception", "exception request"],
)
async def exempt(
    records: Records,
    actor: Actor,
    clock: Clock,
    what: Annotated[
        What,
        Field(
            description="예외 항목 (what): USB 저장장치 (USB storage), 외부 메일 첨부 (mail attachments to outside), "
            "원격 접속 (remote access), 관리자 권한 (administrator rights)"
        ),
    ],
    until: Annotated[date, Field(description="기한 (until), the last day, at most 90 days from now")],
    reason: Annotated[str, Field(max_length=200, description="사유 (reason), not needed")] = "",
) -> Excepted:
    """Ask to do for a while what the security rules forbid (정보보호 예외 신청).

    Raises:
        Refused: the last day has passed, or is too far away.
    """
    today = clock.today()
    if not today <= until <= today + timedelta(days=DAYS_MAX):
        raise Refused(Text(f"기한은 오늘부터 {DAYS_MAX}일 안이어야 해요", f"Choose a day within {DAYS_MAX} days"))
    await records.add(SecurityException(employee_id=actor.person_id, what=what, until=until, reason=reason))
    return Excepted(what=what, until=until)
