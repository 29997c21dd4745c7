"""What can people ask about the organisation? The directory, teams, reporting lines, and a person's salary."""

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, func

from daeri.operations import Catalog, Ref, anyone, having
from daeri.records import Actor, Clock, Records
from daeri.sample.organisation import LOADER, Chart, Department, Employee, called, chart, names, unit_of
from daeri.sample.period import End, Period, Start, this_year
from daeri.wording import Lang, Text, day, fit_josa, josa, won

people = Catalog("employee", Text("직원", "People"))
teams = Catalog("team", Text("팀", "Teams"))

PEOPLE_MAX = 50
"""People in one answer; a longer list is for the records screen."""
NAMED_MAX = 10
"""Names one sentence lists; the rows hold the rest."""

Rank = Literal["사원", "대리", "과장", "차장", "부장", "이사", "상무", "대표이사"]
Title = Literal["팀장", "본부장", "대표이사"]
RANKS: dict[str, Text] = {
    "사원": Text("사원", "staff"),
    "대리": Text("대리", "deputies"),
    "과장": Text("과장", "managers"),
    "차장": Text("차장", "deputy general managers"),
    "부장": Text("부장", "general managers"),
    "이사": Text("이사", "directors"),
    "상무": Text("상무", "executive directors"),
    "대표이사": Text("대표이사", "chief executive"),
}

Who = Annotated[Ref[Employee], Field(description="직원 (person): id or name, e.g. 김하은")]
WhoOrMe = Annotated[
    Ref[Employee] | None, Field(description="직원 (person): id or name, e.g. 김하은; 없으면 나 (missing: the asker)")
]
InTeam = Annotated[
    Ref[Department] | None,
    Field(description="팀이나 본부 (team or division), a division with all its teams: id or name, e.g. 영업1팀"),
]
OfRank = Annotated[
    Rank | None,
    Field(
        description="직급 (rank): 사원 (staff), 대리 (deputy), 과장 (manager), 차장 (deputy general manager), "
        "부장 (general manager), 이사 (director), 상무 (executive director), 대표이사 (chief executive)"
    ),
]
OfTitle = Annotated[
    Title | None,
    Field(description="직책 (post): 팀장 (team lead), 본부장 (head of division), 대표이사 (chief executive)"),
]


class PersonRow(BaseModel):
    """A person as the directory shows them."""

    id: int
    name: str
    rank: str
    title: str
    team: str
    hired_on: date

    def called(self) -> str:
        """Name the person as colleagues do."""
        return f"{self.name} {self.title or self.rank}".strip()


class PeopleFound(BaseModel):
    """People of the directory, and what was asked for in words."""

    about: str
    count: int
    rows: list[PersonRow]

    def say(self, lang: Lang) -> str:
        """Tell how many there are and name some."""
        if not self.rows:
            return (
                f"{self.about}: 맞는 직원이 없어요." if lang == "ko" else f"{self.about}: nobody in the directory fits."
            )
        listed = ", ".join(row.called() for row in self.rows[:NAMED_MAX])
        more = self.count - min(len(self.rows), NAMED_MAX)
        if lang == "ko":
            return f"{self.about}: 모두 {self.count}명이에요. {listed}{f' 외 {more}명' if more else ''}."
        return f"{self.about}: {self.count} in all. {listed}{f' and {more} more' if more else ''}."


@people.read(
    label=Text("직원 찾기", "Find people"),
    allow=anyone,
    examples=[
        "영업1팀에 누가 있어?",
        "인사팀 직원 명단 보여줘",
        "재무팀 과장 누구야?",
        "본부장은 누구누구야?",
        "우리 팀 사람들 알려줘",
        "이름이 하은인 사람 찾아줘",
        "Who is in Sales Team 1?",
        "List the people of the HR team",
        "Who are the heads of division?",
        "Show me my team members",
        "Find employees named Haeun",
    ],
    words=[
        "직원",
        "사람",
        "명단",
        "구성원",
        "팀원",
        "동료",
        "주소록",
        "조직도",
        "staff",
        "members",
        "colleagues",
        "directory",
    ],
)
async def find(
    records: Records,
    name: Annotated[str | None, Field(description="이름 (name), or a part of it, e.g. 하은")] = None,
    team: InTeam = None,
    rank: OfRank = None,
    title: OfTitle = None,
) -> PeopleFound:
    """List people of the directory by part of a name, team, rank or post (직원 찾기).

    Use it to see who is in a team or who holds a rank. Not for one person's details (employee.profile), and not for
    numbers alone (employee.count).
    """
    units = await chart(records)
    where = _conditions(units, team, rank, title)
    if name is not None:
        wanted = name.strip()
        english = func.lower(Employee.english_name).contains(wanted.lower(), autoescape=True)
        where.append(Employee.name.contains(wanted, autoescape=True) | english)
    about = await _about(records, units, team, rank, title, name)
    return await _found(records, units, where, about)


class Profile(PersonRow):
    """One person's entry in the directory."""

    english_name: str
    number: str
    email: str
    extension: str

    def say(self, lang: Lang) -> str:
        """Introduce the person."""
        if lang == "ko":
            return (
                f"{self.called()}님은 {self.team} 소속이에요({self.rank}, {day(self.hired_on, lang)} 입사). "
                f"내선 {self.extension}, 이메일 {self.email}"
            )
        return (
            f"{self.english_name} ({self.called()}) works in {self.team}, hired on {day(self.hired_on, lang)}. "
            f"Extension {self.extension}, email {self.email}"
        )


@people.read(
    label=Text("직원 정보", "Person's details"),
    allow=anyone,
    examples=[
        "김하은 대리 어느 팀이야?",
        "박서연 팀장 내선 번호 알려줘",
        "이지후 과장 이메일 주소 뭐야?",
        "정도윤 차장 언제 입사했어?",
        "나 언제 입사했지?",
        "최현우 본부장 연락처",
        "Which team is Kim Haeun in?",
        "What is Park Seoyeon's extension?",
        "Email address of Lee Jihoo",
        "When was Jung Doyun hired?",
    ],
    words=[
        "소속",
        "연락처",
        "전화번호",
        "내선",
        "이메일",
        "메일",
        "입사일",
        "사번",
        "직급",
        "contact",
        "phone",
        "extension",
    ],
)
async def profile(records: Records, actor: Actor, employee: WhoOrMe = None) -> Profile:
    """Tell a person's team, rank, post, hiring date, email and extension (직원 정보).

    Use it for how to reach someone or where they work. Not for salary (employee.salary) or leave (leave.balance).
    """
    person = await records.get(Employee, employee or actor.person_id)
    units = await chart(records)
    return Profile(
        **_row(person, units).model_dump(),
        english_name=person.english_name,
        number=person.number,
        email=person.email,
        extension=person.extension,
    )


class Headcount(BaseModel):
    """A number of people."""

    about: str
    count: int

    def say(self, lang: Lang) -> str:
        """Tell the number."""
        return f"{self.about}: {self.count}명이에요." if lang == "ko" else f"{self.about}: {self.count} people."


@people.read(
    label=Text("인원수", "Headcount"),
    allow=anyone,
    examples=[
        "우리 회사 직원 몇 명이야?",
        "영업본부 인원이 몇 명이지?",
        "대리가 몇 명이야?",
        "영업2팀에 과장 몇 명 있어?",
        "우리 팀 총 몇 명이야?",
        "How many employees do we have?",
        "How many people work in the sales division?",
        "How many deputies are there in Sales Team 2?",
        "Headcount of the finance team",
    ],
    words=["인원", "인원수", "몇 명", "직원 수", "사원 수", "headcount", "how many people", "number of employees"],
)
async def count(records: Records, team: InTeam = None, rank: OfRank = None, title: OfTitle = None) -> Headcount:
    """Count the people who work here now, by team, rank or post (인원수).

    Use it for "how many". For the number of each rank at once use employee.by_rank, for hirings employee.joined.
    """
    units = await chart(records)
    number = await records.count(Employee, *_conditions(units, team, rank, title))
    return Headcount(about=await _about(records, units, team, rank, title), count=number)


class RankCount(BaseModel):
    """How many hold one rank."""

    rank: str
    count: int


class Ranks(BaseModel):
    """How many hold each rank, from the lowest up."""

    about: str
    rows: list[RankCount]

    def say(self, lang: Lang) -> str:
        """Tell the numbers."""
        if lang == "ko":
            return f"{self.about} 직급별 인원: {', '.join(f'{row.rank} {row.count}명' for row in self.rows)}."
        return f"{self.about} by rank: {', '.join(f'{row.count} {RANKS[row.rank].en}' for row in self.rows)}."


@people.read(
    label=Text("직급별 인원", "People by rank"),
    allow=anyone,
    examples=[
        "직급별 인원 알려줘",
        "영업본부 직급별로 몇 명씩 있어?",
        "우리 팀 직급 구성이 어떻게 돼?",
        "회사 직급 분포 보여줘",
        "Headcount by rank",
        "How many people of each rank are in the sales division?",
        "Rank distribution of my team",
        "Break the company's people down by rank",
    ],
    words=["직급별", "직급 구성", "직급 분포", "by rank", "ranks", "distribution"],
)
async def by_rank(records: Records, team: InTeam = None) -> Ranks:
    """Count people by rank, in a team, a division or the whole company (직급별 인원)."""
    units = await chart(records)
    rows = await records.group(
        Employee.rank, measures={"people": func.count(Employee.id)}, where=_conditions(units, team, None, None)
    )
    found = {row.rank: row.people for row in rows}
    return Ranks(
        about=await _about(records, units, team),
        rows=[RankCount(rank=rank, count=found[rank]) for rank in RANKS if rank in found],
    )


@people.read(
    label=Text("입사자", "New hires"),
    allow=anyone,
    examples=[
        "올해 입사한 사람 누구야?",
        "이번 달에 새로 들어온 직원 있어?",
        "작년에 몇 명 입사했어?",
        "영업본부 올해 신입 누구 있어?",
        "Who joined this year?",
        "Any new employees this month?",
        "How many people were hired last year?",
        "New hires in the sales division this year",
    ],
    words=["입사자", "신입", "새로 온", "입사한", "채용", "new hires", "joined", "hired", "newcomers"],
)
async def joined(
    records: Records, clock: Clock, start: Start = None, end: End = None, team: InTeam = None
) -> PeopleFound:
    """List who was hired in a period; without one, this year (입사자).

    Not for one person's hiring date: that is employee.profile.
    """
    span: Period = this_year(start, end, clock.today())
    units = await chart(records)
    where = [*_conditions(units, team, None, None), Employee.hired_on.between(span.start, span.end)]
    about = f"{await _about(records, units, team)} {span.say('ko')} 입사"
    return await _found(records, units, where, about)


class Salary(BaseModel):
    """A person's salary for a year, in won."""

    name: str
    salary: int

    def say(self, lang: Lang) -> str:
        """Tell the salary."""
        amount = won(self.salary, lang)
        if lang == "ko":
            return f"{self.name}님의 연봉은 {josa(amount, '이에요/예요')}."
        return f"{self.name}'s annual salary is {amount}."


@people.read(
    label=Text("연봉 조회", "Salary"),
    allow=anyone,
    examples=[
        "내 연봉 얼마야?",
        "내 월급 알려줘",
        "박서연 팀장 연봉이 얼마지?",
        "김도현 대리 급여 얼마 받아?",
        "What is my salary?",
        "How much do I earn a year?",
        "How much does Park Seoyeon make?",
        "Salary of Kim Dohyun",
    ],
    words=["연봉", "급여", "월급", "봉급", "임금", "보수", "salary", "pay", "wage", "earn", "compensation"],
)
async def salary(records: Records, actor: Actor, employee: WhoOrMe = None) -> Salary:
    """Tell a person's annual salary (연봉).

    Everyone may ask; the field's own rule answers: only the person and HR see the amount.
    """
    person = await records.get(Employee, employee or actor.person_id)
    return Salary(name=called(person), salary=person.salary)


class Superior(BaseModel):
    """Someone a person reports to."""

    id: int
    name: str


class ReportingLine(BaseModel):
    """Whom a person reports to, nearest first."""

    name: str
    team: str
    rows: list[Superior]

    def say(self, lang: Lang) -> str:
        """Tell the line upward."""
        if not self.rows:
            return f"{self.name}님 위로는 상급자가 없어요." if lang == "ko" else f"{self.name} reports to nobody."
        nearest, line = self.rows[0].name, " → ".join(row.name for row in self.rows)
        if lang == "ko":
            return f"{self.name}님의 상급자는 {nearest}님이에요. 보고 라인: {line}."
        return f"{self.name} reports to {nearest}. Upward: {line}."


@people.read(
    label=Text("보고 라인", "Reporting line"),
    allow=anyone,
    examples=[
        "내 팀장 누구야?",
        "내 상사가 누구지?",
        "내 결재선이 어떻게 돼?",
        "김도현 대리 상급자는 누구야?",
        "Who is my manager?",
        "Who does Kim Dohyun report to?",
        "What is my reporting line?",
        "Who is above Park Seoyeon?",
    ],
    words=["상사", "상급자", "팀장", "보고 라인", "결재선", "매니저", "manager", "boss", "superior", "report to"],
)
async def superiors(records: Records, actor: Actor, employee: WhoOrMe = None) -> ReportingLine:
    """Tell whom a person reports to, from the nearest lead up to the chief executive (보고 라인).

    Not for who leads a named team: that is team.lead.
    """
    person = await records.get(Employee, employee or actor.person_id)
    units = await chart(records)
    leads = units.leads_above(person.id, person.team_id)
    named = await names(records, leads)
    rows = [Superior(id=lead, name=named[lead]) for lead in leads if lead in named]
    return ReportingLine(name=called(person), team=units.name(person.team_id), rows=rows)


class TeamLead(BaseModel):
    """Who leads a unit."""

    team: str
    lead_id: int | None
    lead: str

    def say(self, lang: Lang) -> str:
        """Tell who it is."""
        if not self.lead:
            return f"{self.team}의 조직장 자리는 비어 있어요." if lang == "ko" else f"{self.team} has no lead now."
        return (
            fit_josa(f"{self.team}은(는) {self.lead}님이 이끌어요.")
            if lang == "ko"
            else f"{self.lead} leads {self.team}."
        )


@teams.read(
    label=Text("조직장", "Team lead"),
    allow=anyone,
    examples=[
        "영업2팀 팀장 누구야?",
        "재무팀장이 누구지?",
        "영업본부 본부장 이름 알려줘",
        "품질관리팀 책임자는?",
        "Who leads Sales Team 2?",
        "Who is the head of the finance team?",
        "Name of the head of the sales division",
        "Who is in charge of quality control?",
    ],
    words=["팀장", "본부장", "조직장", "책임자", "리더", "lead", "leader", "head", "in charge"],
)
async def lead(
    records: Records,
    team: Annotated[Ref[Department], Field(description="팀이나 본부 (team or division): id or name, e.g. 영업2팀")],
) -> TeamLead:
    """Tell who leads a team or division (조직장). For the asker's own superior use employee.superiors."""
    unit = await records.get(Department, team)
    person = await records.first(Employee, Employee.id == unit.lead_id) if unit.lead_id is not None else None
    return TeamLead(team=unit.name, lead_id=unit.lead_id, lead=called(person) if person is not None else "")


class TeamSize(BaseModel):
    """A unit with the people in it and below."""

    id: int
    team: str
    division: str
    people: int


class TeamsFound(BaseModel):
    """The teams of the company or of one division."""

    about: str
    rows: list[TeamSize]

    def say(self, lang: Lang) -> str:
        """Name the teams with their sizes."""
        listed = ", ".join(f"{row.team}({row.people}{'명' if lang == 'ko' else ''})" for row in self.rows)
        if lang == "ko":
            return f"{self.about}에는 팀이 {len(self.rows)}개 있어요: {listed}."
        return f"{self.about} has {len(self.rows)} teams: {listed}."


@teams.read(
    label=Text("팀 목록", "Teams"),
    allow=anyone,
    examples=[
        "우리 회사에 무슨 팀이 있어?",
        "영업본부에 팀이 몇 개야?",
        "팀별 인원 알려줘",
        "부서 목록 보여줘",
        "Which teams are there in the company?",
        "How many teams does the sales division have?",
        "Headcount by team",
        "List the departments",
    ],
    words=["팀 목록", "부서", "조직", "팀별 인원", "본부", "teams", "departments", "units", "divisions"],
)
async def overview(records: Records, team: InTeam = None) -> TeamsFound:
    """List the teams of the company or of a division, each with its headcount (팀 목록)."""
    units = await chart(records)
    rows = await records.group(
        Employee.team_id, measures={"people": func.count(Employee.id)}, where=_conditions(units, team, None, None)
    )
    sizes = {row.team_id: row.people for row in rows}
    return TeamsFound(
        about=await _about(records, units, team),
        rows=[
            TeamSize(id=unit, team=units.name(unit), division=units.name(units.parent(unit)), people=sizes.get(unit, 0))
            for unit in units.leaves(team)
        ],
    )


class TeamRow(BaseModel):
    """A unit as the old personnel system exports it."""

    id: int
    name: str
    english_name: str
    parent_id: int | None
    lead_id: int | None


class EmployeeRow(BaseModel):
    """A person as the old personnel system exports them."""

    id: int
    login: str | None
    name: str
    english_name: str
    number: str
    rank: Rank
    title: Title | Literal[""]
    team_id: int
    roles: list[str]
    email: str
    extension: str
    mobile: str
    hired_on: date
    left_on: date | None
    salary: int


class Loaded(BaseModel):
    """How many rows came in."""

    rows: int


@teams.write(label=Text("조직 자료 이관", "Load teams"), allow=having(LOADER))
async def load_teams(
    records: Records, rows: Annotated[list[TeamRow], Field(max_length=500, description="조직 (units), parents first")]
) -> Loaded:
    """Bring in the units of the old personnel system, once, when the company moves (조직 자료 이관)."""
    return Loaded(rows=await records.add_all([Department(**row.model_dump()) for row in rows]))


@people.write(label=Text("직원 자료 이관", "Load people"), allow=having(LOADER))
async def load(
    records: Records, rows: Annotated[list[EmployeeRow], Field(max_length=500, description="직원 (people), by id")]
) -> Loaded:
    """Bring in the people of the old personnel system, once, when the company moves (직원 자료 이관)."""
    return Loaded(rows=await records.add_all([Employee(**row.model_dump()) for row in rows]))


def _conditions(units: Chart, team: int | None, rank: str | None, title: str | None) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = [Employee.left_on.is_(None)]
    if team is not None:
        where.append(Employee.team_id.in_(units.below(team)))
    if rank is not None:
        where.append(Employee.rank == rank)
    if title is not None:
        where.append(Employee.title == title)
    return where


async def _about(records: Records, units: Chart, team: int | None, *wanted: str | None) -> str:
    unit = await unit_of(records, units, team)
    return " ".join([unit.name, *(part for part in wanted if part)])


def _row(person: Employee, units: Chart) -> PersonRow:
    return PersonRow(
        id=person.id,
        name=person.name,
        rank=person.rank,
        title=person.title,
        team=units.name(person.team_id),
        hired_on=person.hired_on,
    )


async def _found(records: Records, units: Chart, where: list[ColumnElement[bool]], about: str) -> PeopleFound:
    number = await records.count(Employee, *where)
    rows = await records.find(Employee, *where, order_by=[Employee.hired_on], limit=PEOPLE_MAX)
    return PeopleFound(about=about, count=number, rows=[_row(row, units) for row in rows])
