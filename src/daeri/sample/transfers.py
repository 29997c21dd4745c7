"""Who moves to another team? Transfers (인사발령): HR drafts, the new team agrees, the person reads the outcome.

The new team and General Affairs, which moves the desk, are asked at once (병렬 합의); HR's lead looks first (검토); the
person and the IT team, which changes accounts, receive it once it is complete (열람, 수신).
"""

from datetime import date
from typing import Annotated

from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, String
from sqlalchemy.orm import Mapped, mapped_column

from daeri.errors import Refused
from daeri.operations import Change, Form, Line, Ref, agree, department, having, person, receive, review, superior, view
from daeri.operations.form import Deadline
from daeri.records import Actor, Clock, Record, Records, classed, labelled
from daeri.sample.organisation import Department, Employee, kept_by_hr
from daeri.sample.people import people
from daeri.wording import Lang, Text, fit_josa

ACCOUNTS = department("정보시스템팀", role=Text("계정 담당", "accounts"))


class Transfer(Record):
    """A person's move from one team to another."""

    __tablename__ = "transfer"
    __label__ = Text("인사발령", "transfer")
    __title__ = ("on",)

    employee_id: Mapped[int] = mapped_column(index=True, info=labelled("직원", "employee"))
    from_team: Mapped[int] = mapped_column(info=labelled("이전 팀", "from"))
    to_team: Mapped[int] = mapped_column(info=labelled("새 팀", "to"))
    on: Mapped[date] = mapped_column(info=labelled("발령일", "from the day"))
    reason: Mapped[str] = mapped_column(String(200), default="", info=labelled("사유", "reason") | classed("personal"))


@people.rows(Transfer)
def own_transfers(actor: Actor) -> ColumnElement[bool]:
    """One's own; HR sees all."""
    return kept_by_hr(actor) if actor.has("hr") else Transfer.employee_id == actor.person_id


people.changes(Transfer)(kept_by_hr)


def transfer_line(employee: Ref[Employee], team: Ref[Department]) -> Line:
    """Ask HR's lead to look, the new team and General Affairs to agree at once, and the head of division to decide."""
    return Line(
        review(superior(1)),
        agree(department(team), department("총무팀"), parallel=True),
        superior(2),
        view(person(employee)),
        receive(ACCOUNTS),
        rule="transfer",
        because=Text("발령은 옮겨 갈 팀의 합의와 본부장 결재가 필요해요", "The new team agrees; the division decides"),
    )


class Transferred(BaseModel):
    """A person in their new team."""

    name: str
    before: str
    after: str

    def say(self, lang: Lang) -> str:
        """Tell the move."""
        if lang == "ko":
            return fit_josa(f"{self.name}님을 {self.before}에서 {self.after}(으)로 발령했어요.")
        return f"{self.name} moved from {self.before} to {self.after}."


async def transfer_effect(records: Records, employee: Ref[Employee], team: Ref[Department]) -> list[Change]:
    """Show the team before and after."""
    moved = await records.get(Employee, employee)
    before, after = await records.get(Department, moved.team_id or 0), await records.get(Department, team)
    return [Change(Text("소속", "Team"), Text(before.name, before.english_name), Text(after.name, after.english_name))]


@people.write(
    label=Text("인사발령", "Transfer someone"),
    allow=having("hr"),
    approval=Form(transfer_line, prefix="TR", recall="in_progress", deadline=Deadline(3, "remind"), alone=False),
    preview=transfer_effect,
    examples=[
        "조민경 대리를 브랜드팀으로 발령 올려줘",
        "정서진 대리 총무팀으로 인사발령 기안해줘",
        "임예린 사원을 브랜드팀으로 전보 발령해줘",
        "조민경 대리 인사발령 총무팀으로 올려줘",
        "Transfer Cho Minkyung to the Brand Team",
        "File a transfer of Jung Seojin to the General Affairs Team",
        "Draft the transfer of Lim Yerin to the Brand Team",
        "Move Cho Minkyung to the General Affairs Team by a personnel order",
    ],
    words=["인사발령", "발령", "전보", "소속 변경", "transfer", "personnel order", "reassign"],
)
async def transfer(
    records: Records,
    clock: Clock,
    employee: Annotated[Ref[Employee], Field(description="직원 (employee): id or name, e.g. 김하은")],
    team: Annotated[Ref[Department], Field(description="새 팀 (new team): id or name, e.g. 영업2팀")],
    reason: Annotated[str, Field(max_length=200, description="사유 (reason), not needed")] = "",
) -> Transferred:
    """Move a person to another team (인사발령). The new team agrees and the head of the division decides.

    Raises:
        Refused: they are in that team already.
    """
    moved = await records.get(Employee, employee)
    before, after = await records.get(Department, moved.team_id or 0), await records.get(Department, team)
    if before.id == after.id:
        raise Refused(Text("이미 그 팀 소속이에요", "They are in that team already"))
    await records.add(
        Transfer(employee_id=moved.id, from_team=before.id, to_team=after.id, on=clock.today(), reason=reason)
    )
    await records.change(moved, team_id=after.id)
    return Transferred(name=moved.name, before=before.name, after=after.name)
