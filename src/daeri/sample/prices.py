"""What does a customer pay? Prices agreed with one customer (거래처 단가), changed by a document.

The table of delegated decisions (위임전결규정, 거래처 단가) says who decides finally by the new price. Finance agrees
(합의) beside the line, may do so before its turn, and upper approvers may decide first (선결): whoever was passed over
keeps it in their box for three days (후결).
"""

from collections.abc import Callable
from datetime import date
from typing import Annotated

from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement
from sqlalchemy.orm import Mapped, mapped_column

from daeri.operations import (
    Change,
    Delegation,
    Form,
    Line,
    Ref,
    Won,
    agree,
    band,
    department,
    edition,
    holder,
    receive,
    superior,
)
from daeri.operations.form import Deadline
from daeri.records import WON, Actor, Clock, Record, Records, labelled
from daeri.sample.sales_records import Customer, Product, customer, customers_of_the_division, sees_sales
from daeri.wording import Lang, Text, fit_josa, won

TABLE = Delegation(
    "customer-price",
    Text("거래처 단가", "customer prices"),
    edition(date(2026, 1, 1), band("팀장", upto=100_000), band("본부장", upto=1_000_000), band(None)),
)
FINANCE = holder("finance", Text("재무", "Finance"))


class CustomerPrice(Record):
    """What one customer pays for one product from a day on."""

    __tablename__ = "customer_price"
    __label__ = Text("거래처 단가", "customer price")
    __title__ = ("since",)

    customer_id: Mapped[int] = mapped_column(index=True, info=labelled("거래처", "customer"))
    product_id: Mapped[int] = mapped_column(index=True, info=labelled("상품", "product"))
    price: Mapped[int] = mapped_column(info=labelled("단가", "price") | WON)
    since: Mapped[date] = mapped_column(info=labelled("적용일", "holds from"))


@customer.rows(CustomerPrice)
def prices_of_the_division(actor: Actor) -> ColumnElement[bool]:
    """Whoever sees customers sees what they pay."""
    return customers_of_the_division(actor)


@customer.changes(CustomerPrice)
def prices_by_document(actor: Actor) -> ColumnElement[bool]:
    """The sales division sets prices; the one operation that does so is held for approval."""
    return customers_of_the_division(actor)


def price_line(since: date) -> Callable[[Won], Line]:
    """Return the line under the edition of a day: the ladder to the chief executive, which the table ends earlier."""

    def line(price: Won) -> Line:
        """Let Finance agree after the lead; the company's lawyers keep the outcome (수신)."""
        return Line(
            superior(1),
            agree(FINANCE, why=Text("마진을 확인해요", "looks at the margin")),
            superior(2),
            superior(3),
            receive(department("법무팀", role=Text("계약 보관", "contract files"))),
            rule="customer-price",
            because=Text("새 단가에 따라 위임전결규정대로 결재해요", "The table goes by the new price"),
            delegated=TABLE.at(since, amount=price),
        )

    return line


class PriceAgreed(BaseModel):
    """A price that holds for a customer."""

    customer: str
    product: str
    price: int
    since: date

    def say(self, lang: Lang) -> str:
        """Tell the price."""
        amount = won(self.price, lang)
        if lang == "ko":
            return fit_josa(f"{self.customer}의 {self.product} 단가를 {amount}(으)로 바꿨어요.")
        return f"{self.customer} now pays {amount} for {self.product}."


async def _price_now(records: Records, customer: int, product: int) -> int:
    """Return what the customer pays today: the price agreed last, else the list price."""
    agreed = await records.first(
        CustomerPrice,
        CustomerPrice.customer_id == customer,
        CustomerPrice.product_id == product,
        order_by=[CustomerPrice.since.desc(), CustomerPrice.id.desc()],
    )
    return agreed.price if agreed is not None else (await records.get(Product, product)).price


async def price_effect(records: Records, customer: Ref[Customer], product: Ref[Product], price: Won) -> list[Change]:
    """Show what the customer pays now and would pay."""
    named = await records.get(Product, product)
    before = await _price_now(records, customer, product)
    return [Change(Text(f"{named.name} 단가", f"Price of {named.english_name}"), won(before, "ko"), won(price, "ko"))]


@customer.write(
    label=Text("단가 변경", "Change a unit price"),
    allow=sees_sales,
    approval=Form(
        {each.since: price_line(each.since) for each in TABLE.editions},
        prefix="PC",
        early=True,
        after_days=3,
        agree_early=True,
        change_line=True,
        recall="in_progress",
        deadline=Deadline(2),
        delegation=TABLE,
    ),
    preview=price_effect,
    examples=[
        "온새유통 모니터 암 단가를 4만 5천원으로 변경 올려줘",
        "온새물산 라벨 프린터 납품 단가 2만원으로 조정해줘",
        "온새테크 공기청정기 납품 단가 6만원으로 바꿔줘",
        "온새전자 가습기 단가 변경 5만 8천원으로 올려줘",
        "Change the unit price of the Monitor Arm for Onsae Retail to 45,000 won",
        "Set the price that Onsae Trading pays for the Label Printer to 20,000 won",
        "Request a price change for Onsae Tech: Air Purifier at 60,000 won",
        "Adjust the unit price of the Humidifier for Onsae Electronics to 58,000 won",
    ],
    words=["단가 변경", "납품 단가", "단가 조정", "단가", "price change", "unit price"],
)
async def reprice(
    records: Records,
    clock: Clock,
    customer: Annotated[Ref[Customer], Field(description="거래처 (customer): id or name, e.g. 가온유통")],
    product: Annotated[Ref[Product], Field(description="상품 (product): id or name, e.g. 한빛 모니터 27")],
    price: Annotated[Won, Field(gt=0, le=1_000_000_000, description="새 단가 (new price), in won, e.g. 250000")],
) -> PriceAgreed:
    """Change what one customer pays for a product (거래처 단가 변경); decided by the new price, Finance agrees."""
    named = await records.get(Customer, customer)
    sold = await records.get(Product, product)
    since = clock.today()
    await records.add(CustomerPrice(customer_id=customer, product_id=product, price=price, since=since))
    return PriceAgreed(customer=named.name, product=sold.name, price=price, since=since)
