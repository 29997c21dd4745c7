"""What can people ask about customers? Open to the sales division, Finance and executives."""

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement

from daeri.operations import Line, Offer, Ref, having, superior
from daeri.records import Records
from daeri.sample.organisation import LOADER, Chart, chart, unit_of
from daeri.sample.people import InTeam, Loaded
from daeri.sample.sales_records import Customer, customer, sees_sales
from daeri.wording import Lang, Text, day, fit_josa

LISTED_MAX = 50
KEPT = ("name", "english_name", "region", "grade", "team_id", "credit_limit")
"""The fields of a customer that Finance keeps."""
NAMED_MAX = 8
"""Rows one sentence names; the others stand in `rows`."""

Region = Literal["서울", "경기", "인천", "대전", "광주", "대구", "부산"]
Grade = Literal["A등급", "B등급", "C등급"]


class CustomerProfile(BaseModel):
    """A customer as the sales division knows it."""

    id: int
    name: str
    english_name: str
    region: str
    grade: str
    team: str
    since: date

    def say(self, lang: Lang) -> str:
        """Introduce the customer."""
        since = day(self.since, lang)
        if lang == "ko":
            return fit_josa(
                f"{self.name}은(는) {self.region}에 있는 {self.grade} 거래처예요. "
                f"담당은 {self.team}, {since}부터 거래했어요."
            )
        known = f"{self.english_name} ({self.name}), {self.region}, grade {self.grade[0]}"
        return f"{known}; looked after by {self.team}, customer since {since}."


class CustomersFound(BaseModel):
    """Customers of a team, region or grade."""

    about: str
    count: int
    rows: list[CustomerProfile]

    def say(self, lang: Lang) -> str:
        """Tell how many and name some."""
        shown = self.rows[:NAMED_MAX]
        more = self.count - len(shown)
        if lang == "ko":
            listed = ", ".join(row.name for row in shown) or "없어요"
            return f"{self.about} 거래처 {self.count}곳: {listed}{f' 외 {more}곳' if more else ''}."
        listed = ", ".join(row.english_name for row in shown) or "none"
        return f"{self.count} customers ({self.about}): {listed}{f' and {more} more' if more else ''}."


@customer.read(
    label=Text("거래처 찾기", "Find customers"),
    allow=sees_sales,
    examples=[
        "우리 팀 거래처 어디어디야?",
        "영업2팀 거래처 목록 보여줘",
        "부산에 있는 거래처 알려줘",
        "A등급 거래처가 몇 곳이야?",
        "Which customers does my team have?",
        "List the customers of Sales Team 2",
        "Customers in Busan",
        "How many grade A customers are there?",
    ],
    words=["거래처", "고객사", "고객", "업체", "거래처 목록", "customers", "clients", "accounts"],
)
async def find(
    records: Records,
    team: InTeam = None,
    region: Annotated[
        Region | None,
        Field(
            description="지역 (region): 서울 (Seoul), 경기 (Gyeonggi), 인천 (Incheon), 대전 (Daejeon), "
            "광주 (Gwangju), 대구 (Daegu), 부산 (Busan)"
        ),
    ] = None,
    grade: Annotated[
        Grade | None, Field(description="등급 (grade): A등급 (grade A), B등급 (grade B), C등급 (grade C)")
    ] = None,
) -> CustomersFound:
    """List customers of a team, region or grade (거래처 찾기). For who buys most use sales.top_customers."""
    units = await chart(records)
    where: list[ColumnElement[bool]] = []
    if team is not None:
        where.append(Customer.team_id.in_(units.below(team)))
    if region is not None:
        where.append(Customer.region == region)
    if grade is not None:
        where.append(Customer.grade == grade)
    scope = await unit_of(records, units, team)
    rows = await records.find(Customer, *where, order_by=[Customer.name], limit=LISTED_MAX)
    return CustomersFound(
        about=" ".join(part for part in (scope.name, region, grade) if part),
        count=await records.count(Customer, *where),
        rows=[_profile(row, units) for row in rows],
    )


@customer.read(
    label=Text("거래처 정보", "Customer details"),
    allow=sees_sales,
    examples=[
        "가온유통 담당 팀이 어디야?",
        "나루물산 어떤 거래처야?",
        "다솔테크랑 언제부터 거래했어?",
        "마루상사 등급이 뭐지?",
        "Which team looks after Gaon Retail?",
        "Tell me about Naru Trading",
        "Since when has Dasol Tech been our customer?",
        "What grade is Maru Corporation?",
    ],
    words=[
        "거래처 정보",
        "담당 팀",
        "거래 시작",
        "등급",
        "customer details",
        "account team",
        "grade",
        "customer since",
    ],
)
async def profile(
    records: Records,
    customer: Annotated[Ref[Customer], Field(description="거래처 (customer): id or name, e.g. 가온유통")],
) -> CustomerProfile:
    """Tell a customer's region, grade, account team and since when it buys (거래처 정보). For sums: sales.total."""
    units = await chart(records)
    return _profile(await records.get(Customer, customer), units)


def removal(id: Ref[Customer]) -> Line:  # noqa: A002 - the generated parameter's own name
    """A customer goes only when the lead of who asks for it agrees."""
    del id
    return Line(superior(1), rule="customer-removal", because=Text("거래처 삭제는 팀장이 결재해요", "The lead decides"))


# Written without an operation of their own: the rules of Customer say on which rows, the fields here what of them.
customer.records(
    Customer,
    create=Offer(
        having("finance"),
        fields=(*KEPT, "since"),
        examples=(
            "새 거래처를 등록해줘",
            "거래처 하나 추가할게",
            "신규 거래처 등록하고 싶어",
            "거래처 대장에 새 업체 올려줘",
            "Add a new customer",
            "Register a new customer",
            "I want to add a new account",
            "Put a new customer on file",
        ),
        words=("거래처 등록", "신규 거래처", "거래처 추가", "new customer", "add customer", "register customer"),
    ),
    update=Offer(
        having("finance"),
        fields=KEPT,
        examples=(
            "가온유통 등급을 B등급으로 바꿔줘",
            "나루물산 지역을 부산으로 고쳐줘",
            "다솔테크 거래처명을 수정해줘",
            "마루상사 거래처 정보 고치고 싶어",
            "Change Boram Retail to grade B",
            "Correct the region of Boram Trading",
            "Rename the customer Boram Tech",
            "Update the details of Boram Electronics",
        ),
        words=(
            "거래처 수정",
            "거래처 정보 변경",
            "등급 변경",
            "change customer",
            "update customer",
            "correct customer",
        ),
    ),
    delete=Offer(
        having("finance"),
        approval=removal,
        examples=(
            "가온유통 거래처를 삭제해줘",
            "나루물산을 거래처 대장에서 지워줘",
            "다솔테크 거래처 삭제 올려줘",
            "이제 거래 안 하는 거래처를 지우고 싶어",
            "Delete the customer Aram Retail",
            "Remove Aram Trading from our customers",
            "Take Aram Tech off the customer list",
            "I want to delete a customer",
        ),
        words=("거래처 삭제", "거래처 지우기", "delete customer", "remove customer"),
    ),
)


class CustomerRow(BaseModel):
    """A customer as the old order system exports it."""

    id: int
    name: str
    english_name: str
    region: Region
    grade: Grade
    team_id: int
    since: date
    credit_limit: int


@customer.write(label=Text("거래처 자료 이관", "Load customers"), allow=having(LOADER))
async def load(
    records: Records, rows: Annotated[list[CustomerRow], Field(max_length=500, description="거래처 (customers), by id")]
) -> Loaded:
    """Bring in the customers of the old order system, once (거래처 자료 이관)."""
    return Loaded(rows=await records.add_all([Customer(**row.model_dump()) for row in rows]))


def _profile(row: Customer, units: Chart) -> CustomerProfile:
    return CustomerProfile(
        id=row.id,
        name=row.name,
        english_name=row.english_name,
        region=row.region,
        grade=row.grade,
        team=units.name(row.team_id),
        since=row.since,
    )
