"""What does the company sell, to whom, and what was sold? The records of sales and who may see them.

Who sees what:

- products and prices: everyone; what a product costs us: Finance and executives;
- customers and orders: the whole sales division (teams compare their figures every week), Finance and executives;
- a customer's credit limit: Finance.

An order keeps the team, the person, the product and the customer it belongs to on one line, so that sums by any of
them need no join; `month` stands beside the day for the same reason.
"""

from datetime import date
from typing import ClassVar, Literal

from sqlalchemy import ColumnElement, String, false, true
from sqlalchemy.orm import Mapped, mapped_column

from daeri.operations import Catalog
from daeri.records import WON, Actor, Record, labelled, visible_to
from daeri.sample.organisation import only_loaded
from daeri.wording import Text

sales = Catalog("sales", Text("매출", "Sales"))
product = Catalog("product", Text("상품", "Products"))
customer = Catalog("customer", Text("거래처", "Customers"))

Group = Literal["사무가구", "사무기기", "전산용품", "생활가전", "포장자재"]
GROUPS: dict[str, Text] = {
    "사무가구": Text("사무가구", "office furniture"),
    "사무기기": Text("사무기기", "office machines"),
    "전산용품": Text("전산용품", "computer supplies"),
    "생활가전": Text("생활가전", "home appliances"),
    "포장자재": Text("포장자재", "packaging"),
}


class Product(Record):
    """A thing the company sells."""

    __tablename__ = "product"
    __label__ = Text("상품", "product")
    __title__ = ("name",)
    __also__: ClassVar[tuple[str, ...]] = ("english_name", "code")

    code: Mapped[str] = mapped_column(String(20), unique=True, info=labelled("상품 코드", "product code"))
    name: Mapped[str] = mapped_column(String(100), info=labelled("상품명", "name"))
    english_name: Mapped[str] = mapped_column(String(100), info=labelled("영문 이름", "English name"))
    group: Mapped[str] = mapped_column(String(20), index=True, info=labelled("분류", "group"))
    price: Mapped[int] = mapped_column(info=labelled("단가", "price") | WON)
    cost: Mapped[int] = mapped_column(
        info=labelled("매입 원가", "the cost") | WON | visible_to("finance", "executive", data_class="secret")
    )


class Customer(Record):
    """A company that buys from us."""

    __tablename__ = "customer"
    __label__ = Text("거래처", "customer")
    __title__ = ("name",)
    __also__: ClassVar[tuple[str, ...]] = ("english_name",)

    name: Mapped[str] = mapped_column(String(100), index=True, info=labelled("거래처명", "name"))
    english_name: Mapped[str] = mapped_column(String(100), info=labelled("영문 이름", "English name"))
    region: Mapped[str] = mapped_column(String(20), info=labelled("지역", "region"))
    grade: Mapped[str] = mapped_column(String(2), info=labelled("등급", "grade"))
    team_id: Mapped[int] = mapped_column(index=True, info=labelled("담당 팀", "team"))
    since: Mapped[date] = mapped_column(info=labelled("거래 시작일", "customer since"))
    credit_limit: Mapped[int] = mapped_column(
        default=0, info=labelled("여신 한도", "the credit limit") | visible_to("finance", data_class="secret")
    )


class Order(Record):
    """One line of an order: so many of one product to one customer."""

    __tablename__ = "sales_order"
    __label__ = Text("주문", "order")
    __title__ = ("number",)

    number: Mapped[str] = mapped_column(String(20), unique=True, info=labelled("주문 번호", "order number"))
    ordered_on: Mapped[date] = mapped_column(index=True, info=labelled("주문일", "ordered on"))
    month: Mapped[str] = mapped_column(String(7), index=True, info=labelled("월", "month"))
    team_id: Mapped[int] = mapped_column(index=True, info=labelled("팀", "team"))
    employee_id: Mapped[int] = mapped_column(index=True, info=labelled("담당자", "sold by"))
    product_id: Mapped[int] = mapped_column(index=True, info=labelled("상품", "product"))
    customer_id: Mapped[int] = mapped_column(index=True, info=labelled("거래처", "customer"))
    quantity: Mapped[int] = mapped_column(info=labelled("수량", "quantity"))
    amount: Mapped[int] = mapped_column(info=labelled("금액", "amount") | WON)


def sees_sales(actor: Actor) -> bool:
    """The sales division, Finance and executives (영업본부, 재무 담당, 임원)."""
    return any(actor.has(role) for role in ("sales", "finance", "executive"))


@product.rows(Product)
def price_list(actor: Actor) -> ColumnElement[bool]:
    """Everyone sees every product."""
    del actor
    return true()


@customer.rows(Customer)
def customers_of_the_division(actor: Actor) -> ColumnElement[bool]:
    """The sales division, Finance and executives see every customer; nobody else any."""
    return true() if sees_sales(actor) else false()


@sales.rows(Order)
def orders_of_the_division(actor: Actor) -> ColumnElement[bool]:
    """The sales division, Finance and executives see every order; nobody else any."""
    return true() if sees_sales(actor) else false()


@product.changes(Product)
@sales.changes(Order)
def kept_by_the_order_system(actor: Actor) -> ColumnElement[bool]:
    """The order system keeps products and orders; they are only brought in."""
    return only_loaded(actor)


@customer.changes(Customer)
def kept_by_finance(actor: Actor) -> ColumnElement[bool]:
    """Finance keeps customers and what they may owe us."""
    return true() if actor.has("finance") else only_loaded(actor)
