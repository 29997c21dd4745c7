"""What can people ask about products? The price list for everyone, costs for Finance and executives."""

from typing import Annotated

from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, func

from daeri.operations import Ref, anyone, having
from daeri.records import Records
from daeri.sample.organisation import LOADER
from daeri.sample.people import Loaded
from daeri.sample.sales_records import GROUPS, Group, Product, product
from daeri.wording import Lang, Text, josa, won

LISTED_MAX = 50
NAMED_MAX = 8
"""Rows one sentence names; the others stand in `rows`."""


class ProductPrice(BaseModel):
    """A product on the price list."""

    id: int
    code: str
    name: str
    english_name: str
    group: str
    price: int

    def say(self, lang: Lang) -> str:
        """Tell what one costs."""
        price = won(self.price, lang)
        if lang == "ko":
            return f"{self.name}의 단가는 {josa(price, '이에요/예요')} ({self.group}, {self.code})."
        return f"{self.english_name} costs {price} ({GROUPS[self.group].en}, {self.code})."


class ProductsFound(BaseModel):
    """Products of the price list."""

    group: str | None
    count: int
    rows: list[ProductPrice]

    def say(self, lang: Lang) -> str:
        """Name products with their prices."""
        shown = self.rows[:NAMED_MAX]
        more = self.count - len(shown)
        if lang == "ko":
            listed = ", ".join(f"{row.name} {won(row.price, lang)}" for row in shown) or "없어요"
            return f"{self.group or '전체'} 상품 {self.count}개: {listed}{f' 외 {more}개' if more else ''}."
        listed = ", ".join(f"{row.english_name} {won(row.price, lang)}" for row in shown) or "none"
        about = GROUPS[self.group].en if self.group else "all groups"
        return f"{self.count} products ({about}): {listed}{f' and {more} more' if more else ''}."


@product.read(
    label=Text("상품 찾기", "Find products"),
    allow=anyone,
    examples=[
        "어떤 상품을 팔아?",
        "사무가구 상품 목록 보여줘",
        "사무기기 종류가 몇 개야?",
        "우리 회사 상품 리스트",
        "What products do we sell?",
        "List the office furniture",
        "How many computer supplies are on the price list?",
        "Show the product list",
    ],
    words=["상품", "제품", "품목", "상품 목록", "카탈로그", "products", "goods", "catalogue", "price list"],
)
async def find(
    records: Records,
    name: Annotated[str | None, Field(description="상품명 (name), or a part of it, e.g. 모니터")] = None,
    group: Annotated[
        Group | None,
        Field(
            description="분류 (group): 사무가구 (office furniture), 사무기기 (office machines), "
            "전산용품 (computer supplies), 생활가전 (home appliances), 포장자재 (packaging)"
        ),
    ] = None,
) -> ProductsFound:
    """List products by part of a name or by group, with prices (상품 찾기). For one product's price: product.price."""
    where: list[ColumnElement[bool]] = []
    if name is not None:
        wanted = name.strip()
        english = func.lower(Product.english_name).contains(wanted.lower(), autoescape=True)
        where.append(Product.name.contains(wanted, autoescape=True) | english)
    if group is not None:
        where.append(Product.group == group)
    rows = await records.find(Product, *where, order_by=[Product.code], limit=LISTED_MAX)
    count = await records.count(Product, *where)
    return ProductsFound(group=group, count=count, rows=[_price(row) for row in rows])


@product.read(
    label=Text("상품 단가", "Product price"),
    allow=anyone,
    examples=[
        "한빛 모니터 27 얼마야?",
        "높이조절 책상 가격 알려줘",
        "A4 복사지 단가가 얼마지?",
        "문서 세단기 가격 조회",
        "How much is the Hanbit Monitor 27?",
        "Price of the standing desk",
        "What does A4 copy paper cost?",
        "Unit price of the paper shredder",
    ],
    words=["가격", "단가", "값", "얼마", "price", "cost", "unit price", "how much"],
)
async def price(
    records: Records,
    product: Annotated[Ref[Product], Field(description="상품 (product): id or name, e.g. 한빛 모니터 27")],
) -> ProductPrice:
    """Tell the selling price of one product (상품 단가). Not for what was sold of it: that is sales.total."""
    return _price(await records.get(Product, product))


class ProductCost(BaseModel):
    """What a product costs the company, and what remains of its price."""

    name: str
    price: int
    cost: int

    def say(self, lang: Lang) -> str:
        """Tell cost and margin."""
        cost, margin = won(self.cost, lang), won(self.price - self.cost, lang)
        if lang == "ko":
            return f"{self.name}의 매입 원가는 {cost}, 단가에서 원가를 뺀 마진은 {josa(margin, '이에요/예요')}."
        return f"{self.name} costs us {cost}; the margin is {margin}."


@product.read(
    label=Text("매입 원가", "Product cost"),
    allow=anyone,
    examples=[
        "한빛 모니터 27 원가 얼마야?",
        "높이조절 책상 마진 알려줘",
        "A4 복사지 매입가가 얼마지?",
        "문서 세단기 원가 조회해줘",
        "What is our cost of the Hanbit Monitor 27?",
        "Margin on the standing desk",
        "Purchase price of A4 copy paper",
        "How much do we pay for the paper shredder?",
    ],
    words=["원가", "매입가", "마진", "이익", "cost price", "our cost", "margin", "profit"],
)
async def cost(
    records: Records,
    product: Annotated[Ref[Product], Field(description="상품 (product): id or name, e.g. 한빛 모니터 27")],
) -> ProductCost:
    """Tell what a product costs the company and its margin (매입 원가).

    Everyone may ask; the field's own rule answers: only Finance and executives see costs.
    """
    row = await records.get(Product, product)
    return ProductCost(name=row.name, price=row.price, cost=row.cost)


class ProductRow(BaseModel):
    """A product as the old order system exports it."""

    id: int
    code: str
    name: str
    english_name: str
    group: Group
    price: int
    cost: int


@product.write(label=Text("상품 자료 이관", "Load products"), allow=having(LOADER))
async def load(
    records: Records, rows: Annotated[list[ProductRow], Field(max_length=500, description="상품 (products), by id")]
) -> Loaded:
    """Bring in the products of the old order system, once (상품 자료 이관)."""
    return Loaded(rows=await records.add_all([Product(**row.model_dump()) for row in rows]))


def _price(row: Product) -> ProductPrice:
    return ProductPrice(
        id=row.id, code=row.code, name=row.name, english_name=row.english_name, group=row.group, price=row.price
    )
