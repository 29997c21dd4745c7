"""How is an agent asked something again and again? The catalog `schedules`: create, list, pause, delete.

A schedule is its person's alone and runs with the rights that they have when it runs. What an agent would schedule is
confirmed by its person first: nobody finds work done in their name that they did not ask for.
"""

import re
from datetime import datetime
from typing import Annotated, Final

from pydantic import BaseModel, Field

from daeri.clock import SEOUL
from daeri.errors import Refused
from daeri.operations import Catalog, Form, Line, Ref, anyone
from daeri.operations.line import drafter
from daeri.operations.provenance import Origins
from daeri.records import Actor, Clock, Records
from daeri.records.schedules import CRON_MAX, REQUEST_MAX, Schedule, own_schedules
from daeri.runs.schedules import check_cron, next_time
from daeri.wording import Lang, Text, normal

SCHEDULES_MAX: Final = 20
"""Schedules of one person."""
_HANGUL: Final = re.compile(r"[가-힣]")

Chosen = Annotated[Ref[Schedule], Field(description="정기 요청 번호 (schedule): its number, as the list gives it")]


class Scheduled(BaseModel):
    """One schedule; times are Seoul's. `missed` times passed before the last run while no server was up."""

    schedule: int
    request: str
    cron: str
    agent: str
    next_at: datetime | None
    last_at: datetime | None
    last_run: str | None
    missed: int
    ended: str | None

    def say(self, lang: Lang) -> str:
        """Say when it runs next."""
        if self.next_at is None:
            why = self.ended or ("paused" if lang == "en" else "멈춤")
            return (
                f"Schedule {self.schedule} does not run ({why})."
                if lang == "en"
                else f"정기 요청 {self.schedule}: {why}"
            )
        at = self.next_at.astimezone(SEOUL).strftime("%Y-%m-%d %H:%M")
        return (
            f"Schedule {self.schedule} runs next on {at}." if lang == "en" else f"정기 요청 {self.schedule}: 다음 {at}"
        )


class Scheduleds(BaseModel):
    """The schedules of the person who asks."""

    rows: list[Scheduled]

    def say(self, lang: Lang) -> str:
        """List them."""
        if not self.rows:
            return "You have no schedules." if lang == "en" else "정기 요청이 없어요."
        return "\n".join(f"- {row.say(lang)} {row.request}" for row in self.rows)


class Unscheduled(BaseModel):
    """A schedule that is gone."""

    schedule: int

    def say(self, lang: Lang) -> str:
        """Say so."""
        return f"Schedule {self.schedule} was deleted." if lang == "en" else f"정기 요청 {self.schedule}번을 지웠어요."


def nobody_decides() -> Line | None:
    """Nobody decides what a person asks their own agent."""
    return None


def the_person_confirms() -> Line:
    """The person confirms what an agent would schedule (본인 확인)."""
    because = Text(
        "에이전트가 정기 요청으로 등록하려는 일이라 본인이 확인해요", "An agent would schedule this; confirm it"
    )
    return Line(drafter(), rule="schedule", because=because)


CONFIRMED: Final = Form(nobody_decides, prefix="OK", unvouched=the_person_confirms, own=True)


def schedules_catalog(agent: str) -> Catalog:
    """Return the catalog `schedules`; `agent` is asked where nobody names another."""
    catalog = Catalog("schedules", Text("정기 요청", "Schedules"))
    catalog.rows(Schedule)(own_schedules)
    catalog.changes(Schedule)(own_schedules)
    _declare_create(catalog, agent)
    _declare_list(catalog)
    _declare_changes(catalog)
    return catalog


def _told(records: Records, row: Schedule) -> Scheduled:
    """Return a schedule as it is told, and note what its request may hold."""
    for each in row.classes:
        records.told(each)
    names = ("request", "cron", "agent", "next_at", "last_at", "last_run", "missed", "ended")
    return Scheduled(schedule=row.id, **{name: getattr(row, name) for name in names})


def _declare_create(catalog: Catalog, agent: str) -> None:
    @catalog.write(
        label=Text("정기 요청 등록", "Schedule"),
        allow=anyone,
        approval=CONFIRMED,
        control=["request", "cron"],
        examples=[
            "'우리 팀 매출 알려줘'를 '0 9 * * 1'에 정기 요청으로 등록해줘",
            "매주 월요일 아침 9시마다 '매출 알려줘' 정기 요청 등록해줘",
            "'휴가자 알려줘'를 평일 아침마다 정기 요청",
            "'이번 달 경비 알려줘' 정기 실행 등록해줘",
            "Schedule 'sales of my team' with '0 9 * * 1'",
            "Schedule 'who is away' every weekday morning",
            "Run 'expenses this month' on a schedule",
            "Set up a recurring request 'sales by team'",
        ],
        words=["정기 요청", "정기 실행", "정기", "schedule", "recurring", "cron"],
    )
    async def create(
        records: Records,
        actor: Actor,
        clock: Clock,
        origins: Origins,
        request: Annotated[
            str, Field(min_length=1, max_length=REQUEST_MAX, description="요청 (what the agent is asked each time)")
        ],
        cron: Annotated[
            str, Field(max_length=CRON_MAX, description="때 (when): cron in Seoul time, e.g. 0 9 * * 1 = 월요일 9시")
        ],
    ) -> Scheduled:
        """Have an agent asked the same again and again, at set times in Seoul (정기 요청 등록).

        It runs with the rights that the person has then. Times that pass while no server is up are made up once.
        """
        now, wanted = clock.now(), " ".join(normal(request).split())
        written = check_cron(cron, now)
        mine = await records.find(Schedule, Schedule.person_id == actor.person_id)
        if not wanted or len(mine) >= SCHEDULES_MAX:
            raise Refused(Text(f"정기 요청은 {SCHEDULES_MAX}개까지예요", f"At most {SCHEDULES_MAX} schedules"))
        made = Schedule(
            person_id=actor.person_id,
            agent=actor.agent or agent,
            request=wanted,
            classes=sorted(origins.classes),
            cron=written,
            lang="ko" if _HANGUL.search(wanted) else "en",
            scopes=[list(scope) for scope in actor.own_scopes],
            credential=actor.key,
            next_at=next_time(written, now),
        )
        return _told(records, await records.add(made))


def _declare_list(catalog: Catalog) -> None:
    @catalog.read(
        label=Text("정기 요청 목록", "Schedules"),
        allow=anyone,
        examples=[
            "정기 요청 목록 보여줘",
            "내 정기 요청 알려줘",
            "등록해 둔 정기 요청이 뭐가 있어?",
            "정기 실행 목록 보여줘",
            "Show my schedules",
            "List schedules",
            "What have I scheduled?",
            "Which recurring requests are there?",
        ],
        words=["정기 요청 목록", "정기 요청", "schedules", "scheduled"],
    )
    async def list(records: Records, actor: Actor) -> Scheduleds:  # noqa: A001 - the operation's name
        """Show the schedules of the person who asks, with their next and last times (정기 요청 목록)."""
        rows = await records.find(Schedule, Schedule.person_id == actor.person_id)
        return Scheduleds(rows=[_told(records, row) for row in rows])


def _declare_changes(catalog: Catalog) -> None:
    @catalog.write(
        label=Text("정기 요청 멈추기", "Pause a schedule"),
        allow=anyone,
        approval=CONFIRMED,
        examples=[
            "정기 요청 3번 멈춰줘",
            "3번 정기 요청 잠시 중지",
            "정기 요청 2번 다시 시작해줘",
            "정기 요청 일시 정지해줘",
            "Pause schedule 3",
            "Stop schedule 2 for now",
            "Resume schedule 3",
            "Continue the schedule 2",
        ],
        words=["정기 요청 멈춰", "정기 요청 중지", "pause schedule", "resume schedule"],
    )
    async def pause(
        records: Records,
        clock: Clock,
        schedule: Chosen,
        *,
        paused: Annotated[bool, Field(description="멈춤 (true), 다시 시작 (false)")] = True,
    ) -> Scheduled:
        """Pause a schedule, or let it go on; times in between are not made up (정기 요청 멈추기)."""
        row = await records.get(Schedule, schedule)
        following = None if paused else next_time(row.cron, clock.now())
        return _told(records, await records.change(row, next_at=following, ended=None))

    @catalog.write(
        label=Text("정기 요청 지우기", "Delete a schedule"),
        allow=anyone,
        approval=CONFIRMED,
        examples=[
            "정기 요청 3번 지워줘",
            "3번 정기 요청 취소해줘",
            "정기 요청 2번 삭제",
            "그 정기 요청은 없애줘",
            "Delete schedule 3",
            "Remove schedule 2",
            "Cancel the schedule 3",
            "Drop that schedule",
        ],
        words=["정기 요청 지워", "정기 요청 취소", "정기 요청 삭제", "delete schedule"],
    )
    async def delete(records: Records, schedule: Chosen) -> Unscheduled:
        """Delete a schedule; runs that it began stay (정기 요청 지우기)."""
        row = await records.get(Schedule, schedule)
        await records.remove(row)
        return Unscheduled(schedule=row.id)
