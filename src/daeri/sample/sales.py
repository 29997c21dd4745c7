"""What can people ask about sales? Sums by period, month, team, person, product group and customer; single orders."""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, desc, func

from daeri.operations import Ref, having
from daeri.records import Clock, Records
from daeri.sample.organisation import LOADER, Chart, Employee, called, chart, names, unit_of
from daeri.sample.people import InTeam, Loaded
from daeri.sample.period import End, Period, Start, month_of, this_month, this_year
from daeri.sample.sales_records import Customer, Order, Product, sales, sees_sales
from daeri.wording import Lang, Text, day, josa, won

TOP_MAX = 50
ORDERS_MAX = 50
NAMED_MAX = 5
"""Entries one sentence names; the rows hold the rest."""

SoldBy = Annotated[Ref[Employee] | None, Field(description="담당자 (sold by): id or name, e.g. 김하은")]
OfProduct = Annotated[Ref[Product] | None, Field(description="상품 (product): id or name, e.g. 한빛 모니터 27")]
ToCustomer = Annotated[Ref[Customer] | None, Field(description="거래처 (customer): id or name, e.g. 가온유통")]
HowMany = Annotated[int, Field(ge=1, le=TOP_MAX, description="몇 개 (how many), e.g. 5")]


class SalesTotal(BaseModel):
    """A sum of sales."""

    about: str
    start: date
    end: date
    amount: int
    orders: int

    def say(self, lang: Lang) -> str:
        """Tell the sum."""
        when, amount = Period(self.start, self.end).say(lang), won(self.amount, lang)
        if lang == "ko":
            return f"{self.about}의 {when} 매출은 {josa(amount, '이에요/예요')} (주문 {self.orders}건)."
        return f"Sales of {self.about}, {when}: {amount} ({self.orders} orders)."


@sales.read(
    label=Text("매출 합계", "Sales total"),
    allow=sees_sales,
    examples=[
        "우리 팀 이번 달 매출 얼마야?",
        "지난달 영업1팀 매출 알려줘",
        "올해 회사 전체 매출이 얼마지?",
        "김하은 대리 이번 달 실적 얼마야?",
        "가온유통 올해 매출액",
        "한빛 모니터 27 지난달에 얼마나 팔렸어?",
        "작년 매출 총액 알려줘",
        "What are my team's sales this month?",
        "Sales of Sales Team 1 last month",
        "How much did the company sell this year?",
        "Revenue from Gaon Retail this year",
        "How much did Kim Haeun sell this month?",
    ],
    words=[
        "매출",
        "매출액",
        "판매액",
        "실적",
        "수주",
        "얼마나 팔",
        "팔렸",
        "합계",
        "sales",
        "revenue",
        "sold",
        "turnover",
        "total",
    ],
)
async def total(  # noqa: PLR0913, PLR0917 - one parameter for each way to look at sales
    records: Records,
    clock: Clock,
    start: Start = None,
    end: End = None,
    team: InTeam = None,
    employee: SoldBy = None,
    product: OfProduct = None,
    customer: ToCustomer = None,
) -> SalesTotal:
    """Add up sales in a period, of a team, person, product or customer; without a period, this month (매출 합계).

    For several months at once use sales.by_month, to compare teams sales.by_team. Not for expenses.
    """
    span = this_month(start, end, clock.today())
    units = await chart(records)
    where = _conditions(units, span, team, employee, product, customer)
    return SalesTotal(
        about=await _about(records, units, team, employee, product, customer),
        start=span.start,
        end=span.end,
        amount=await records.sum(Order.amount, *where),
        orders=await records.count(Order, *where),
    )


class MonthSum(BaseModel):
    """The sales of one month, e.g. "2026-11"."""

    month: str
    amount: int
    orders: int


class SalesByMonth(BaseModel):
    """Sales month by month, in order."""

    about: str
    start: date
    end: date
    amount: int
    rows: list[MonthSum]

    def say(self, lang: Lang) -> str:
        """Tell each month."""
        if not self.rows:
            return _nothing(self.about, Period(self.start, self.end), lang)
        listed = ", ".join(f"{_month(row.month, lang)} {won(row.amount, lang)}" for row in self.rows)
        if lang == "ko":
            return f"{self.about}의 월별 매출: {listed}. 합계는 {josa(won(self.amount, lang), '이에요/예요')}."
        return f"Sales of {self.about} by month: {listed}. In all {won(self.amount, lang)}."


@sales.read(
    label=Text("월별 매출", "Sales by month"),
    allow=sees_sales,
    examples=[
        "올해 월별 매출 보여줘",
        "우리 팀 월별 매출 추이",
        "영업2팀 상반기 매출 월별로 알려줘",
        "작년 매출을 달마다 보여줘",
        "Show monthly sales this year",
        "Monthly revenue of my team",
        "How did sales of Sales Team 2 develop by month?",
        "Sales trend per month last year",
    ],
    words=["월별", "달마다", "추이", "매달", "변화", "by month", "monthly", "trend", "per month", "each month"],
)
async def by_month(  # noqa: PLR0913, PLR0917 - one parameter for each way to look at sales
    records: Records,
    clock: Clock,
    start: Start = None,
    end: End = None,
    team: InTeam = None,
    employee: SoldBy = None,
    product: OfProduct = None,
    customer: ToCustomer = None,
) -> SalesByMonth:
    """Add up sales for each month of a period; without a period, this year so far (월별 매출)."""
    span = this_year(start, end, clock.today())
    units = await chart(records)
    where = _conditions(units, span, team, employee, product, customer)
    rows = await _summed(records, Order.month, where, order_by=[Order.month])
    return SalesByMonth(
        about=await _about(records, units, team, employee, product, customer),
        start=span.start,
        end=span.end,
        amount=sum(row.amount for row in rows),
        rows=[MonthSum(month=row.month, amount=row.amount, orders=row.orders) for row in rows],
    )


class NamedSum(BaseModel):
    """The sales of one team, person, product or customer."""

    id: int
    name: str
    amount: int
    orders: int


class SalesRanking(BaseModel):
    """Sales of several teams, people, products or customers, the largest first."""

    what: Literal["team", "employee", "product", "customer"]
    about: str
    start: date
    end: date
    rows: list[NamedSum]

    def say(self, lang: Lang) -> str:
        """Name the largest ones."""
        when = Period(self.start, self.end)
        if not self.rows:
            return _nothing(self.about, when, lang)
        shown = self.rows[: max(NAMED_MAX, 10 if self.what == "team" else NAMED_MAX)]
        listed = ", ".join(f"{place}. {row.name} {won(row.amount, lang)}" for place, row in enumerate(shown, 1))
        if lang == "ko":
            by = {"team": "팀별", "employee": "담당자별", "product": "상품별", "customer": "거래처별"}[self.what]
            return f"{self.about}의 {when.say(lang)} {by} 매출 순위: {listed}."
        return f"Sales of {self.about} by {self.what}, {when.say(lang)}: {listed}."


@sales.read(
    label=Text("팀별 매출", "Sales by team"),
    allow=sees_sales,
    examples=[
        "이번 달 팀별 매출 보여줘",
        "어느 팀이 제일 많이 팔았어?",
        "지난달 매출 1등 팀은 어디야?",
        "올해 영업팀 매출 순위 알려줘",
        "Sales by team this month",
        "Which team sold the most?",
        "Rank the sales teams by revenue last month",
        "Compare the teams' sales this year",
    ],
    words=[
        "팀별",
        "어느 팀",
        "팀 순위",
        "팀 비교",
        "1등 팀",
        "by team",
        "which team",
        "teams compared",
        "team ranking",
    ],
)
async def by_team(
    records: Records,
    clock: Clock,
    start: Start = None,
    end: End = None,
    product: OfProduct = None,
    customer: ToCustomer = None,
) -> SalesRanking:
    """Compare the sales of all teams in a period, the largest first; without a period, this month (팀별 매출)."""
    span = this_month(start, end, clock.today())
    units = await chart(records)
    where = _conditions(units, span, None, None, product, customer)
    rows = await _summed(records, Order.team_id, where)
    return SalesRanking(
        what="team",
        about=await _about(records, units, None, None, product, customer),
        start=span.start,
        end=span.end,
        rows=[_named(row, row.team_id, units.name(row.team_id)) for row in rows],
    )


@sales.read(
    label=Text("담당자별 매출", "Sales by person"),
    allow=sees_sales,
    examples=[
        "이번 달 누가 제일 많이 팔았어?",
        "영업1팀 담당자별 매출 보여줘",
        "우리 팀 올해 실적 순위",
        "지난달 판매왕 누구야?",
        "Who sold the most this month?",
        "Sales by person in Sales Team 1",
        "Rank my team members by revenue this year",
        "Top seller last month",
    ],
    words=[
        "담당자별",
        "직원별",
        "누가 제일",
        "판매왕",
        "실적 순위",
        "사람별",
        "who sold",
        "by person",
        "top seller",
        "best seller",
    ],
)
async def by_employee(
    records: Records, clock: Clock, start: Start = None, end: End = None, team: InTeam = None, limit: HowMany = 10
) -> SalesRanking:
    """Rank people by what they sold in a period, in a team or everywhere; else this month (담당자별 매출)."""
    span = this_month(start, end, clock.today())
    units = await chart(records)
    rows = await _summed(records, Order.employee_id, _conditions(units, span, team), limit=limit)
    named = await names(records, [row.employee_id for row in rows])
    return SalesRanking(
        what="employee",
        about=await _about(records, units, team),
        start=span.start,
        end=span.end,
        rows=[_named(row, row.employee_id, named.get(row.employee_id, "퇴사자")) for row in rows],
    )


@sales.read(
    label=Text("상품별 매출", "Top products"),
    allow=sees_sales,
    examples=[
        "올해 제일 많이 팔린 상품이 뭐야?",
        "지난달 상품별 매출 순위",
        "영업1팀 인기 상품 5개 알려줘",
        "이번 달 베스트셀러 상품",
        "Which products sold best this year?",
        "Top 5 products last month",
        "Sales by product of Sales Team 1",
        "Best-selling products this month",
    ],
    words=["상품별", "제품별", "인기 상품", "많이 팔린", "베스트셀러", "top products", "best-selling", "by product"],
)
async def top_products(
    records: Records, clock: Clock, start: Start = None, end: End = None, team: InTeam = None, limit: HowMany = 5
) -> SalesRanking:
    """Rank products by sales in a period, of a team or everywhere; without a period, this month (상품별 매출)."""
    span = this_month(start, end, clock.today())
    units = await chart(records)
    rows = await _summed(records, Order.product_id, _conditions(units, span, team), limit=limit)
    titles = await _titles(records, Product, [row.product_id for row in rows])
    return SalesRanking(
        what="product",
        about=await _about(records, units, team),
        start=span.start,
        end=span.end,
        rows=[_named(row, row.product_id, titles[row.product_id]) for row in rows],
    )


@sales.read(
    label=Text("거래처별 매출", "Top customers"),
    allow=sees_sales,
    examples=[
        "올해 매출 상위 거래처 알려줘",
        "우리 팀 제일 큰 거래처 어디야?",
        "지난달 거래처별 매출 순위",
        "영업2팀 주요 고객 5곳",
        "Top customers this year",
        "Who is my team's biggest customer?",
        "Sales by customer last month",
        "The five largest customers of Sales Team 2",
    ],
    words=[
        "거래처별",
        "고객별",
        "주요 거래처",
        "큰 거래처",
        "상위 거래처",
        "top customers",
        "biggest customer",
        "by customer",
    ],
)
async def top_customers(
    records: Records, clock: Clock, start: Start = None, end: End = None, team: InTeam = None, limit: HowMany = 5
) -> SalesRanking:
    """Rank customers by sales in a period, of a team or everywhere; without a period, this month (거래처별 매출)."""
    span = this_month(start, end, clock.today())
    units = await chart(records)
    rows = await _summed(records, Order.customer_id, _conditions(units, span, team), limit=limit)
    titles = await _titles(records, Customer, [row.customer_id for row in rows])
    return SalesRanking(
        what="customer",
        about=await _about(records, units, team),
        start=span.start,
        end=span.end,
        rows=[_named(row, row.customer_id, titles[row.customer_id]) for row in rows],
    )


class OrderItem(BaseModel):
    """One order."""

    id: int
    number: str
    ordered_on: date
    customer: str
    product: str
    quantity: int
    amount: int
    sold_by: str


class OrdersFound(BaseModel):
    """Orders of a period, the newest first."""

    about: str
    start: date
    end: date
    count: int
    rows: list[OrderItem]

    def say(self, lang: Lang) -> str:
        """Tell how many, and the newest ones."""
        when = Period(self.start, self.end).say(lang)
        if not self.rows:
            return f"{self.about}의 {when} 주문이 없어요." if lang == "ko" else f"No orders of {self.about}, {when}."
        listed = " / ".join(
            f"{day(row.ordered_on, lang)} {row.customer} {row.product} × {row.quantity}, {won(row.amount, lang)}"
            for row in self.rows[:NAMED_MAX]
        )
        if lang == "ko":
            return f"{self.about}의 {when} 주문은 {self.count}건이에요. 최근 것부터: {listed}."
        return f"{self.count} orders of {self.about}, {when}. Newest first: {listed}."


@sales.read(
    label=Text("주문 내역", "Orders"),
    allow=sees_sales,
    examples=[
        "이번 주 주문 내역 보여줘",
        "가온유통 최근 주문 뭐야?",
        "내가 이번 달에 받은 주문 목록",
        "영업1팀 어제 주문 몇 건이야?",
        "Show this week's orders",
        "What did Gaon Retail order recently?",
        "List the orders I took this month",
        "How many orders did Sales Team 1 get yesterday?",
    ],
    words=["주문", "주문 내역", "수주 내역", "오더", "몇 건", "orders", "order list", "order history", "deals"],
)
async def orders(  # noqa: PLR0913, PLR0917 - one parameter for each way to look at sales
    records: Records,
    clock: Clock,
    start: Start = None,
    end: End = None,
    team: InTeam = None,
    employee: SoldBy = None,
    product: OfProduct = None,
    customer: ToCustomer = None,
    limit: Annotated[int, Field(ge=1, le=ORDERS_MAX, description="몇 건 (how many), e.g. 20")] = 20,
) -> OrdersFound:
    """List single orders of a period, the newest first; without a period, this month (주문 내역).

    For sums use sales.total.
    """
    span = this_month(start, end, clock.today())
    units = await chart(records)
    where = _conditions(units, span, team, employee, product, customer)
    rows = await records.find(Order, *where, order_by=[desc(Order.ordered_on), desc(Order.id)], limit=limit)
    products = await _titles(records, Product, [row.product_id for row in rows])
    customers = await _titles(records, Customer, [row.customer_id for row in rows])
    people = await names(records, [row.employee_id for row in rows])
    return OrdersFound(
        about=await _about(records, units, team, employee, product, customer),
        start=span.start,
        end=span.end,
        count=await records.count(Order, *where),
        rows=[
            OrderItem(
                id=row.id,
                number=row.number,
                ordered_on=row.ordered_on,
                customer=customers[row.customer_id],
                product=products[row.product_id],
                quantity=row.quantity,
                amount=row.amount,
                sold_by=people.get(row.employee_id, "퇴사자"),
            )
            for row in rows
        ],
    )


class OrderRow(BaseModel):
    """An order as the old order system exports it."""

    number: str
    ordered_on: date
    team_id: int
    employee_id: int
    product_id: int
    customer_id: int
    quantity: int
    amount: int


@sales.write(label=Text("주문 자료 이관", "Load orders"), allow=having(LOADER))
async def load(
    records: Records, rows: Annotated[list[OrderRow], Field(max_length=500, description="주문 (orders)")]
) -> Loaded:
    """Bring in orders of the old order system, once (주문 자료 이관)."""
    return Loaded(
        rows=await records.add_all([Order(**row.model_dump(), month=month_of(row.ordered_on)) for row in rows])
    )


def _conditions(
    units: Chart,
    span: Period,
    team: int | None = None,
    employee: int | None = None,
    product: int | None = None,
    customer: int | None = None,
) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = [Order.ordered_on.between(span.start, span.end)]
    if team is not None:
        where.append(Order.team_id.in_(units.below(team)))
    pairs = ((Order.employee_id, employee), (Order.product_id, product), (Order.customer_id, customer))
    return where + [column == wanted for column, wanted in pairs if wanted is not None]


async def _about(
    records: Records,
    units: Chart,
    team: int | None = None,
    employee: int | None = None,
    product: int | None = None,
    customer: int | None = None,
) -> str:
    """Word what a figure is about: "영업1팀 가온유통"; the whole company where nothing is named.

    Raises:
        NotFound: what is named is not there, or the asker may not see it.
    """
    parts = [(await unit_of(records, units, team)).name] if team is not None else []
    if employee is not None:
        parts.append(called(await records.get(Employee, employee)))
    if product is not None:
        parts.append((await records.get(Product, product)).name)
    if customer is not None:
        parts.append((await records.get(Customer, customer)).name)
    return " ".join(parts) or (await unit_of(records, units, None)).name


async def _summed(
    records: Records, key: Any, where: list[ColumnElement[bool]], *, order_by: list[Any] | None = None, limit: int = 200
) -> list[Any]:
    """Add amounts up by a key, the largest first unless ordered otherwise."""
    amount = func.sum(Order.amount)
    return await records.group(
        key,
        measures={"amount": amount, "orders": func.count(Order.id)},
        where=where,
        order_by=order_by or [desc(amount), key],
        limit=limit,
    )


async def _titles(records: Records, kind: type[Product] | type[Customer], ids: list[int]) -> dict[int, str]:
    """Name products or customers by id, without making each of them a source of the answer."""
    wanted = sorted(set(ids))
    rows = await records.group(kind.id, kind.name, measures={}, where=[kind.id.in_(wanted)], limit=max(1, len(wanted)))
    return {row.id: row.name for row in rows}


def _named(row: Any, key: int, name: str) -> NamedSum:
    return NamedSum(id=key, name=name, amount=row.amount, orders=row.orders)


def _nothing(about: str, span: Period, lang: Lang) -> str:
    when = span.say(lang)
    return f"{about}의 {when} 매출이 없어요." if lang == "ko" else f"No sales of {about}, {when}."


def _month(month: str, lang: Lang) -> str:
    first = date.fromisoformat(f"{month}-01")
    return f"{first.year}년 {first.month}월" if lang == "ko" else f"{first:%b %Y}"
