"""How does the company buy things for itself? Purchase requests (구매 품의) under the table of delegated decisions.

The table (위임전결규정, 구매): up to 500,000 won the team lead; up to 5,000,000 also Finance and the head of division;
above, the chief executive last.

Who sees what: your own; those of the people you are in charge of; Finance sees all.
"""

from datetime import date
from typing import Annotated

from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, String, desc, or_, true
from sqlalchemy.orm import Mapped, mapped_column

from daeri.operations import Catalog, Change, Line, Won, anyone, having, holder, superior
from daeri.records import WON, Actor, Clock, Record, Records, labelled
from daeri.sample.organisation import LOADER, Employee, Scope, names, only_loaded, people_under, scope_of
from daeri.sample.people import InTeam, Loaded, WhoOrMe
from daeri.sample.period import End, Period, Start, this_year
from daeri.wording import Lang, Text, day, josa, won

purchase = Catalog("purchase", Text("구매", "Purchases"))

LEAD_DECIDES_WON = 500_000
DIRECTOR_DECIDES_WON = 5_000_000
LISTED_MAX = 50
NAMED_MAX = 5
"""Purchases one sentence names; the rows hold the rest."""
FINANCE = holder("finance", Text("재무", "Finance"))
NOT_YOURS = Text(
    "다른 사람의 구매 품의는 본인과 상급자, 재무 담당만 볼 수 있어요",
    "Only the person, their superiors and Finance may see someone's purchases",
)


class Purchase(Record):
    """A thing the company decided to buy for itself."""

    __tablename__ = "purchase"
    __label__ = Text("구매", "purchase")
    __title__ = ("item",)

    employee_id: Mapped[int] = mapped_column(index=True, info=labelled("직원", "employee"))
    team_id: Mapped[int] = mapped_column(index=True, info=labelled("팀", "team"))
    item: Mapped[str] = mapped_column(String(100), info=labelled("품목", "item"))
    amount: Mapped[int] = mapped_column(info=labelled("금액", "amount") | WON)
    decided_on: Mapped[date] = mapped_column(index=True, info=labelled("결정일", "decided on"))
    reason: Mapped[str] = mapped_column(String(200), default="", info=labelled("사유", "reason"))


@purchase.rows(Purchase)
def own_purchases(actor: Actor) -> ColumnElement[bool]:
    """Your own; those of the people you are in charge of; Finance sees all."""
    if actor.has("finance"):
        return true()
    return or_(Purchase.employee_id == actor.person_id, Purchase.employee_id.in_(people_under(actor)))


@purchase.changes(Purchase)
def asked_for_by_oneself(actor: Actor) -> ColumnElement[bool]:
    """Everyone asks in their own name only."""
    return or_(Purchase.employee_id == actor.person_id, only_loaded(actor))


def purchase_line(amount: Won) -> Line:
    """Choose who decides by amount, as the table of delegated decisions says (위임전결규정)."""
    if amount <= LEAD_DECIDES_WON:
        because = Text("50만원까지는 바로 위 조직장 전결이에요", "Up to ₩500,000 the nearest lead decides alone")
        return Line(superior(1), rule="purchase-lead", because=because)
    if amount <= DIRECTOR_DECIDES_WON:
        because = Text(
            "500만원까지는 재무 담당을 거쳐 본부장 전결이에요",
            "Up to ₩5,000,000 the head of division decides, after Finance",
        )
        return Line(superior(1), FINANCE, superior(2), rule="purchase-director", because=because)
    return Line(
        superior(1),
        FINANCE,
        superior(2),
        superior(3),
        rule="purchase-ceo",
        because=Text("500만원이 넘으면 대표이사까지 결재해요", "Above ₩5,000,000 the chief executive decides"),
    )


class PurchaseDecided(BaseModel):
    """A purchase that may now be made."""

    purchase_id: int
    item: str
    amount: int

    def say(self, lang: Lang) -> str:
        """Tell what may be bought."""
        amount = won(self.amount, lang)
        if lang == "ko":
            return f"{self.item} {amount} 구매 품의가 끝났어요. 구매팀이 주문해요."
        return f"{self.item} for {amount} is decided; the purchasing team orders it."


async def purchase_effect(records: Records, actor: Actor, clock: Clock, item: str, amount: Won) -> list[Change]:
    """Show the purchase, and what the asker has bought this year before and after."""
    span = this_year(None, None, clock.today())
    bought = await records.sum(
        Purchase.amount,
        Purchase.employee_id == actor.person_id,
        Purchase.decided_on.between(span.start, span.end),
    )
    return [
        Change(Text("구매 품목", "Purchase"), before=Text("없음", "none"), after=f"{item} {won(amount, 'ko')}"),
        Change(
            Text("올해 내 구매 금액", "My purchases this year"),
            before=won(bought, "ko"),
            after=won(bought + amount, "ko"),
        ),
    ]


@purchase.write(
    label=Text("구매 품의", "Purchase request"),
    allow=anyone,
    approval=purchase_line,
    preview=purchase_effect,
    examples=[
        "노트북 250만원 구매 품의 올려줘",
        "모니터 2대 60만원에 사고 싶어, 품의 올려줘",
        "회의실 의자 300만원 구매 신청해줘",
        "서버 1,200만원 구매 요청",
        "Request to buy a laptop for 2,500,000 won",
        "I want to purchase two monitors for 600,000 won",
        "File a purchase request: meeting room chairs, 3 million won",
        "Buy a server for 12,000,000 won",
    ],
    words=["구매", "품의", "구입", "사고 싶어", "사줘", "주문", "발주", "buy", "purchase", "order", "procure"],
)
async def request(
    records: Records,
    actor: Actor,
    clock: Clock,
    item: Annotated[
        str, Field(min_length=1, max_length=100, description="품목 (item), what to buy, e.g. 노트북 (laptop)")
    ],
    amount: Annotated[Won, Field(gt=0, le=1_000_000_000, description="금액 (amount), in won, e.g. 2500000")],
    reason: Annotated[str, Field(max_length=200, description="사유 (reason), not needed")] = "",
) -> PurchaseDecided:
    """Request that the company buys something (구매 품의).

    Approval by amount: up to 500,000 won the team lead, up to 5,000,000 also Finance and the head of division, above
    also the chief executive. Not for money already spent: that is expense.request.
    """
    person = await records.get(Employee, actor.person_id)
    decided = await records.add(
        Purchase(
            employee_id=person.id,
            team_id=person.team_id,
            item=item,
            amount=amount,
            decided_on=clock.today(),
            reason=reason,
        )
    )
    return PurchaseDecided(purchase_id=decided.id, item=item, amount=amount)


class PurchaseTotal(BaseModel):
    """A sum of purchases."""

    about: str
    start: date
    end: date
    amount: int
    count: int

    def say(self, lang: Lang) -> str:
        """Tell the sum."""
        when, amount = Period(self.start, self.end).say(lang), won(self.amount, lang)
        if lang == "ko":
            return f"{self.about}의 {when} 구매 금액은 모두 {josa(amount, '이에요/예요')} ({self.count}건)."
        return f"Purchases of {self.about}, {when}: {amount} in {self.count} requests."


@purchase.read(
    label=Text("구매 합계", "Purchase total"),
    allow=anyone,
    examples=[
        "올해 내가 구매한 금액 얼마야?",
        "우리 팀 올해 구매 총액 알려줘",
        "영업본부 지난달 구매 금액 합계",
        "이번 달 구매 품의 총 얼마지?",
        "How much have I bought this year?",
        "Total purchases of my team this year",
        "Purchase amount of the sales division last month",
        "Sum of my purchase requests this month",
    ],
    words=["구매 금액", "구매액", "구매 총액", "품의 금액", "purchases", "bought", "purchase amount"],
)
async def total(
    records: Records,
    actor: Actor,
    clock: Clock,
    start: Start = None,
    end: End = None,
    team: InTeam = None,
    employee: WhoOrMe = None,
) -> PurchaseTotal:
    """Add up what the asker, a person or a team bought for the company; without a period, this year (구매 합계)."""
    span = this_year(start, end, clock.today())
    scope = await scope_of(records, actor, team, employee, who=NOT_YOURS, open_to=["finance"])
    where = _conditions(span, scope)
    return PurchaseTotal(
        about=scope.label,
        start=span.start,
        end=span.end,
        amount=await records.sum(Purchase.amount, *where),
        count=await records.count(Purchase, *where),
    )


class PurchaseItem(BaseModel):
    """One purchase."""

    id: int
    name: str
    item: str
    amount: int
    decided_on: date
    reason: str


class PurchasesFound(BaseModel):
    """Purchases of a period, the newest first."""

    about: str
    start: date
    end: date
    count: int
    rows: list[PurchaseItem]

    def say(self, lang: Lang) -> str:
        """Tell how many, and the newest ones."""
        when = Period(self.start, self.end).say(lang)
        if not self.rows:
            return f"{self.about}의 {when} 구매가 없어요." if lang == "ko" else f"No purchases of {self.about}, {when}."
        listed = ", ".join(
            f"{row.item} {won(row.amount, lang)} ({day(row.decided_on, lang)})" for row in self.rows[:NAMED_MAX]
        )
        if lang == "ko":
            return f"{self.about}의 {when} 구매는 {self.count}건이에요. 최근 것부터: {listed}."
        return f"{self.count} purchases of {self.about}, {when}. Newest first: {listed}."


@purchase.read(
    label=Text("구매 내역", "Purchase list"),
    allow=anyone,
    examples=[
        "우리 팀 올해 구매 내역 보여줘",
        "내가 올린 구매 품의 목록",
        "지난달에 우리 팀이 뭐 샀어?",
        "영업2팀 구매한 물건 알려줘",
        "List my team's purchases this year",
        "Which purchases did I request?",
        "What did my team buy last month?",
        "Purchase history of Sales Team 2",
    ],
    words=[
        "구매 내역",
        "구매 목록",
        "산 물건",
        "샀어",
        "품의 목록",
        "purchase list",
        "purchase history",
        "what was bought",
    ],
)
async def history(
    records: Records,
    actor: Actor,
    clock: Clock,
    start: Start = None,
    end: End = None,
    team: InTeam = None,
    employee: WhoOrMe = None,
) -> PurchasesFound:
    """List what the asker, a person or a team bought for the company; without a period, this year (구매 내역)."""
    span = this_year(start, end, clock.today())
    scope = await scope_of(records, actor, team, employee, who=NOT_YOURS, open_to=["finance"])
    where = _conditions(span, scope)
    rows = await records.find(Purchase, *where, order_by=[desc(Purchase.decided_on)], limit=LISTED_MAX)
    named = await names(records, [row.employee_id for row in rows])
    return PurchasesFound(
        about=scope.label,
        start=span.start,
        end=span.end,
        count=await records.count(Purchase, *where),
        rows=[
            PurchaseItem(
                id=row.id,
                name=named.get(row.employee_id, ""),
                item=row.item,
                amount=row.amount,
                decided_on=row.decided_on,
                reason=row.reason,
            )
            for row in rows
        ],
    )


class PurchaseRow(BaseModel):
    """A purchase as the old finance system exports it."""

    employee_id: int
    team_id: int
    item: str
    amount: int
    decided_on: date
    reason: str


@purchase.write(label=Text("구매 자료 이관", "Load purchases"), allow=having(LOADER))
async def load(
    records: Records, rows: Annotated[list[PurchaseRow], Field(max_length=500, description="구매 (purchases)")]
) -> Loaded:
    """Bring in purchases of the old finance system, once (구매 자료 이관)."""
    return Loaded(rows=await records.add_all([Purchase(**row.model_dump()) for row in rows]))


def _conditions(span: Period, scope: Scope) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = [Purchase.decided_on.between(span.start, span.end)]
    if scope.teams is not None:
        where.append(Purchase.team_id.in_(scope.teams))
    if scope.employee_id is not None:
        where.append(Purchase.employee_id == scope.employee_id)
    return where
