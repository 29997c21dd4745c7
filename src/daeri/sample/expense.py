"""How do people claim what they spent? Expenses (경비) with an approval table by amount (위임전결).

Who sees what: your own; those of the people you are in charge of; Finance sees all.
"""

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, String, desc, func, or_, true
from sqlalchemy.orm import Mapped, mapped_column

from daeri.errors import Refused
from daeri.operations import Catalog, Change, Line, Won, anyone, having, holder, superior
from daeri.records import WON, Actor, Clock, Record, Records, labelled
from daeri.sample.organisation import LOADER, Employee, Scope, names, only_loaded, people_under, scope_of
from daeri.sample.people import InTeam, Loaded, WhoOrMe
from daeri.sample.period import End, Period, Start, month_end, month_start, this_month
from daeri.wording import Lang, Text, day, josa, won

expense = Catalog("expense", Text("경비", "Expenses"))

Category = Literal["식비", "교통비", "출장비", "접대비", "회식비", "소모품비", "교육비", "통신비"]
CATEGORIES: dict[str, Text] = {
    "식비": Text("식비", "meals"),
    "교통비": Text("교통비", "transport"),
    "출장비": Text("출장비", "business trips"),
    "접대비": Text("접대비", "entertaining clients"),
    "회식비": Text("회식비", "team dinners"),
    "소모품비": Text("소모품비", "supplies"),
    "교육비": Text("교육비", "training"),
    "통신비": Text("통신비", "phone and internet"),
}
LEAD_DECIDES_WON = 300_000
DIRECTOR_DECIDES_WON = 2_000_000
LATE_DAYS = 90
"""Receipts older than this are settled with Finance in person."""
LISTED_MAX = 50
NAMED_MAX = 5
"""Expenses one sentence names; the rows hold the rest."""
NOT_YOURS = Text(
    "다른 사람의 경비는 본인과 상급자, 재무 담당만 볼 수 있어요",
    "Only the person, their superiors and Finance may see someone's expenses",
)

OfCategory = Annotated[
    Category | None,
    Field(
        description="항목 (category): 식비 (meals, lunch, dinner, 점심, 밥값), 교통비 (transport, taxi, 택시비), "
        "출장비 (business trip, travel, 출장), 접대비 (entertaining clients, 접대), 회식비 (team dinner, 회식), "
        "소모품비 (supplies, 소모품), 교육비 (training, course, 교육), 통신비 (phone, internet, 통신)"
    ),
]


class Expense(Record):
    """Money someone spent for the company and gets back."""

    __tablename__ = "expense"
    __label__ = Text("경비", "expense")
    __title__ = ("category", "spent_on")

    employee_id: Mapped[int] = mapped_column(index=True, info=labelled("직원", "employee"))
    team_id: Mapped[int] = mapped_column(index=True, info=labelled("팀", "team"))
    category: Mapped[str] = mapped_column(String(20), info=labelled("항목", "category"))
    amount: Mapped[int] = mapped_column(info=labelled("금액", "amount") | WON)
    spent_on: Mapped[date] = mapped_column(index=True, info=labelled("사용일", "spent on"))
    purpose: Mapped[str] = mapped_column(String(200), default="", info=labelled("내용", "purpose"))


@expense.rows(Expense)
def own_expenses(actor: Actor) -> ColumnElement[bool]:
    """Your own; those of the people you are in charge of; Finance sees all."""
    if actor.has("finance"):
        return true()
    return or_(Expense.employee_id == actor.person_id, Expense.employee_id.in_(people_under(actor)))


@expense.changes(Expense)
def claimed_by_oneself(actor: Actor) -> ColumnElement[bool]:
    """Everyone claims their own expenses, nobody another's."""
    return or_(Expense.employee_id == actor.person_id, only_loaded(actor))


def expense_line(amount: Won) -> Line:
    """Choose who decides by amount (위임전결): team lead, then head of division, then also Finance."""
    if amount <= LEAD_DECIDES_WON:
        because = Text("30만원까지는 바로 위 조직장 전결이에요", "Up to ₩300,000 the nearest lead decides alone")
        return Line(superior(1), rule="expense-lead", because=because)
    if amount <= DIRECTOR_DECIDES_WON:
        because = Text("200만원까지는 본부장까지 결재해요", "Up to ₩2,000,000 the head of division decides last")
        return Line(superior(1), superior(2), rule="expense-director", because=because)
    return Line(
        superior(1),
        holder("finance", Text("재무", "Finance")),
        superior(2),
        rule="expense-finance",
        because=Text("200만원이 넘으면 재무 담당도 결재해요", "Above ₩2,000,000 Finance decides too"),
    )


class ExpenseClaimed(BaseModel):
    """An expense that will be paid back."""

    expense_id: int
    category: str
    amount: int
    spent_on: date

    def say(self, lang: Lang) -> str:
        """Tell what was claimed."""
        amount = won(self.amount, lang)
        if lang == "ko":
            return f"{day(self.spent_on, lang)} {self.category} {josa(amount, '을/를')} 경비로 등록했어요."
        return f"Claimed: {amount} for {CATEGORIES[self.category].en}, {day(self.spent_on, lang)}."


async def expense_effect(records: Records, actor: Actor, clock: Clock, amount: Won) -> list[Change]:
    """Show what the asker has claimed this month, before and after."""
    today = clock.today()
    claimed = await records.sum(
        Expense.amount,
        Expense.employee_id == actor.person_id,
        Expense.spent_on.between(month_start(today), month_end(today)),
    )
    label = Text("이번 달 내 경비", "My expenses this month")
    return [Change(label, before=won(claimed, "ko"), after=won(claimed + amount, "ko"))]


@expense.write(
    label=Text("경비 청구", "Expense claim"),
    allow=anyone,
    approval=expense_line,
    preview=expense_effect,
    examples=[
        "어제 택시비 3만 2천원 경비 올려줘",
        "거래처 점심 식비 85,000원 청구해줘",
        "출장비 45만원 신청할게",
        "팀 회식비 38만원 경비 처리해줘",
        "교육비 120만원 경비 청구",
        "Claim 32,000 won for a taxi yesterday",
        "File an expense of 85,000 won for a client lunch",
        "Submit 450,000 won of travel expenses",
        "Expense 380,000 won for the team dinner",
    ],
    words=[
        "경비",
        "비용",
        "청구",
        "정산",
        "택시비",
        "밥값",
        "영수증",
        "법인카드",
        "expense",
        "claim",
        "reimburse",
        "receipt",
    ],
)
async def request(
    records: Records,
    actor: Actor,
    clock: Clock,
    amount: Annotated[Won, Field(gt=0, le=100_000_000, description="금액 (amount), in won, e.g. 85000")],
    category: Annotated[
        Category,
        Field(
            description="항목 (category): 식비 (meals, lunch, dinner, 점심, 밥값), 교통비 (transport, taxi, 택시비), "
            "출장비 (business trip, travel, 출장), 접대비 (entertaining clients, 접대), 회식비 (team dinner, 회식), "
            "소모품비 (supplies, 소모품), 교육비 (training, course, 교육), 통신비 (phone, internet, 통신)"
        ),
    ],
    spent_on: Annotated[date | None, Field(description="사용일 (spent on); 없으면 오늘 (missing: today)")] = None,
    purpose: Annotated[str, Field(max_length=200, description="내용 (purpose), not needed")] = "",
) -> ExpenseClaimed:
    """Claim an expense the asker paid for the company (경비 청구).

    Approval by amount: up to 300,000 won the team lead, up to 2,000,000 also the head of division, above also Finance.
    Not for things still to be bought: that is purchase.request.
    """
    today = clock.today()
    spent = spent_on or today
    if spent > today:
        raise Refused(Text("아직 쓰지 않은 돈은 청구할 수 없어요.", "Money not yet spent cannot be claimed."))
    if (today - spent).days > LATE_DAYS:
        raise Refused(
            Text(
                f"{LATE_DAYS}일이 지난 영수증은 재무팀에 직접 가져가 주세요.",
                f"Take receipts older than {LATE_DAYS} days to Finance in person.",
            )
        )
    person = await records.get(Employee, actor.person_id)
    claimed = await records.add(
        Expense(
            employee_id=person.id,
            team_id=person.team_id,
            category=category,
            amount=amount,
            spent_on=spent,
            purpose=purpose,
        )
    )
    return ExpenseClaimed(expense_id=claimed.id, category=category, amount=amount, spent_on=spent)


class ExpenseTotal(BaseModel):
    """A sum of expenses."""

    about: str
    category: str | None
    start: date
    end: date
    amount: int
    claims: int

    def say(self, lang: Lang) -> str:
        """Tell the sum."""
        when, amount = Period(self.start, self.end).say(lang), won(self.amount, lang)
        if lang == "ko":
            what = josa(self.category or "경비", "은/는")
            return f"{self.about}의 {when} {what} 모두 {josa(amount, '이에요/예요')} ({self.claims}건)."
        what = f" on {CATEGORIES[self.category].en}" if self.category else ""
        return f"Expenses of {self.about}{what}, {when}: {amount} in {self.claims} claims."


@expense.read(
    label=Text("경비 합계", "Expense total"),
    allow=anyone,
    examples=[
        "이번 달 내 경비 얼마야?",
        "우리 팀 지난달 경비 합계 알려줘",
        "영업1팀 올해 출장비 총액이 얼마지?",
        "내가 이번 달에 택시비 얼마 썼어?",
        "영업본부 이번 분기 접대비",
        "How much did I spend this month?",
        "Total expenses of my team last month",
        "Travel expenses of Sales Team 1 this year",
        "How much did the sales division spend on entertaining clients?",
    ],
    words=["경비", "비용", "지출", "합계", "총액", "얼마 썼", "expenses", "spent", "spend", "costs", "total"],
)
async def total(  # noqa: PLR0913, PLR0917 - one parameter for each way to look at expenses
    records: Records,
    actor: Actor,
    clock: Clock,
    start: Start = None,
    end: End = None,
    team: InTeam = None,
    employee: WhoOrMe = None,
    category: OfCategory = None,
) -> ExpenseTotal:
    """Add up expenses of the asker, a person or a team in a period; without one, this month (경비 합계).

    Not for sales (sales.total), and not for purchases (purchase.total).
    """
    span = this_month(start, end, clock.today())
    scope = await scope_of(records, actor, team, employee, who=NOT_YOURS, open_to=["finance"])
    where = _conditions(span, scope, category)
    return ExpenseTotal(
        about=scope.label,
        category=category,
        start=span.start,
        end=span.end,
        amount=await records.sum(Expense.amount, *where),
        claims=await records.count(Expense, *where),
    )


class CategorySum(BaseModel):
    """The expenses of one category."""

    category: str
    amount: int
    claims: int


class ExpensesByCategory(BaseModel):
    """Expenses split by category, the largest first."""

    about: str
    start: date
    end: date
    rows: list[CategorySum]

    def say(self, lang: Lang) -> str:
        """Tell each sum."""
        when = Period(self.start, self.end).say(lang)
        if not self.rows:
            return f"{self.about}의 {when} 경비가 없어요." if lang == "ko" else f"No expenses of {self.about}, {when}."
        listed = ", ".join(f"{CATEGORIES[row.category].to(lang)} {won(row.amount, lang)}" for row in self.rows)
        if lang == "ko":
            return f"{self.about}의 {when} 항목별 경비: {listed}."
        return f"Expenses of {self.about} by category, {when}: {listed}."


@expense.read(
    label=Text("항목별 경비", "Expenses by category"),
    allow=anyone,
    examples=[
        "이번 달 내 경비 항목별로 보여줘",
        "우리 팀 지난달 경비 어디에 제일 많이 썼어?",
        "영업1팀 올해 항목별 지출",
        "경비 종류별 합계 알려줘",
        "My expenses by category this month",
        "What did my team spend most on last month?",
        "Break down the expenses of Sales Team 1 this year",
        "Expense totals per category",
    ],
    words=["항목별", "종류별", "어디에", "내역별", "by category", "break down", "breakdown", "per category"],
)
async def by_category(
    records: Records,
    actor: Actor,
    clock: Clock,
    start: Start = None,
    end: End = None,
    team: InTeam = None,
    employee: WhoOrMe = None,
) -> ExpensesByCategory:
    """Split expenses of the asker, a person or a team by category; without a period, this month (항목별 경비)."""
    span = this_month(start, end, clock.today())
    scope = await scope_of(records, actor, team, employee, who=NOT_YOURS, open_to=["finance"])
    amount = func.sum(Expense.amount)
    rows = await records.group(
        Expense.category,
        measures={"amount": amount, "claims": func.count(Expense.id)},
        where=_conditions(span, scope, None),
        order_by=[desc(amount)],
    )
    return ExpensesByCategory(
        about=scope.label,
        start=span.start,
        end=span.end,
        rows=[CategorySum(category=row.category, amount=row.amount, claims=row.claims) for row in rows],
    )


class ExpenseItem(BaseModel):
    """One expense."""

    id: int
    name: str
    category: str
    amount: int
    spent_on: date
    purpose: str


class ExpensesFound(BaseModel):
    """Expenses of a period, the newest first."""

    about: str
    start: date
    end: date
    count: int
    rows: list[ExpenseItem]

    def say(self, lang: Lang) -> str:
        """Tell how many, and the newest ones."""
        when = Period(self.start, self.end).say(lang)
        if not self.rows:
            return f"{self.about}의 {when} 경비가 없어요." if lang == "ko" else f"No expenses of {self.about}, {when}."
        newest = self.rows[:NAMED_MAX]
        listed = ", ".join(
            f"{day(row.spent_on, lang)} {CATEGORIES[row.category].to(lang)} {won(row.amount, lang)}" for row in newest
        )
        if lang == "ko":
            return f"{self.about}의 {when} 경비는 {self.count}건이에요. 최근 것부터: {listed}."
        return f"{self.count} expenses of {self.about}, {when}. Newest first: {listed}."


@expense.read(
    label=Text("경비 내역", "Expense list"),
    allow=anyone,
    examples=[
        "이번 달 내 경비 내역 보여줘",
        "우리 팀 지난달 출장비 내역",
        "최근에 내가 청구한 경비 목록",
        "김하은 대리 이번 달 경비 뭐 썼어?",
        "List my expenses this month",
        "Show my team's travel expenses last month",
        "Which expenses did I claim recently?",
        "Expense details of Kim Haeun this month",
    ],
    words=["내역", "목록", "명세", "리스트", "list", "details", "history", "items"],
)
async def history(  # noqa: PLR0913, PLR0917 - as above
    records: Records,
    actor: Actor,
    clock: Clock,
    start: Start = None,
    end: End = None,
    team: InTeam = None,
    employee: WhoOrMe = None,
    category: OfCategory = None,
) -> ExpensesFound:
    """List single expenses of the asker, a person or a team; without a period, this month (경비 내역).

    For sums use expense.total.
    """
    span = this_month(start, end, clock.today())
    scope = await scope_of(records, actor, team, employee, who=NOT_YOURS, open_to=["finance"])
    where = _conditions(span, scope, category)
    rows = await records.find(Expense, *where, order_by=[desc(Expense.spent_on)], limit=LISTED_MAX)
    named = await names(records, [row.employee_id for row in rows])
    return ExpensesFound(
        about=scope.label,
        start=span.start,
        end=span.end,
        count=await records.count(Expense, *where),
        rows=[
            ExpenseItem(
                id=row.id,
                name=named.get(row.employee_id, ""),
                category=row.category,
                amount=row.amount,
                spent_on=row.spent_on,
                purpose=row.purpose,
            )
            for row in rows
        ],
    )


class ExpenseRow(BaseModel):
    """An expense as the old finance system exports it."""

    employee_id: int
    team_id: int
    category: Category
    amount: int
    spent_on: date
    purpose: str


@expense.write(label=Text("경비 자료 이관", "Load expenses"), allow=having(LOADER))
async def load(
    records: Records, rows: Annotated[list[ExpenseRow], Field(max_length=500, description="경비 (expenses)")]
) -> Loaded:
    """Bring in expenses of the old finance system, once (경비 자료 이관)."""
    return Loaded(rows=await records.add_all([Expense(**row.model_dump()) for row in rows]))


def _conditions(span: Period, scope: Scope, category: str | None) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = [Expense.spent_on.between(span.start, span.end)]
    if scope.teams is not None:
        where.append(Expense.team_id.in_(scope.teams))
    if scope.employee_id is not None:
        where.append(Expense.employee_id == scope.employee_id)
    if category is not None:
        where.append(Expense.category == category)
    return where
