"""The company's workbooks and tables: sales of the year as the records say, the budget, equipment, prices.

A workbook is made here and not in `rendering.py`, because what matters in it is where things stand: merged headers,
several sheets, tables beside each other, hidden rows, formulas with their values.
"""

import io
from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Any, Final

from daeri.sample.generate import Hanbit
from daeri.sample.papers.paper import Paper

MONTHS: Final = 12

EQUIPMENT: Final = (
    ("자산번호", "품목", "사용 부서", "취득일", "취득가(원)", "상태"),
    ("IT-2023-014", "서버 R740", "정보시스템팀", "2023-03-15", 12_400_000, "사용"),
    ("IT-2024-101", "노트북 15인치", "영업1팀", "2024-07-01", 1_850_000, "사용"),
    ("IT-2025-033", "복합기 C450", "총무팀", "2025-02-10", 3_200_000, "수리"),
    ("LG-2022-007", "전동지게차 2.5톤", "물류1팀", "2022-05-20", 31_000_000, "사용"),
    ("LG-2024-002", "핸드스캐너 20대", "배송관리팀", "2024-11-05", 9_600_000, "사용"),
    ("OF-2021-055", "회의실 프로젝터", "총무팀", "2021-09-01", 1_100_000, "폐기 예정"),
)
BUDGET: Final = (
    ("영업본부", 1_200_000_000, 1_031_000_000),
    ("경영지원본부", 640_000_000, 588_000_000),
    ("기술본부", 980_000_000, 702_000_000),
    ("마케팅본부", 860_000_000, 845_000_000),
    ("물류본부", 1_450_000_000, 1_262_000_000),
)
PRICES: Final = Paper(
    "대리점단가표.csv",
    "영업/단가",
    """
| 상품 | 소비자가 | 대리점가 | 최소 주문 |
| 한빛 모니터 27 | 329000 | 276000 | 5대 |
| 한빛 모니터 24 | 219000 | 186000 | 5대 |
| 무선 마우스 M2 | 29000 | 21500 | 20개 |
| 기계식 키보드 K8 | 89000 | 68000 | 10개 |
| 인체공학 의자 E5 | 389000 | 312000 | 2개 |
""",
    level="confidential",
    department="영업본부",
)
COURSES: Final = Paper(
    "법정교육이수현황.csv",
    "인사/교육",
    """
| 본부 | 대상 | 이수 | 미이수 |
| 영업본부 | 63 | 58 | 5 |
| 경영지원본부 | 41 | 41 | 0 |
| 기술본부 | 39 | 37 | 2 |
| 마케팅본부 | 33 | 29 | 4 |
| 물류본부 | 58 | 44 | 14 |
""",
)


def sales_workbook(company: Hanbit, today: date) -> bytes:
    """Return the sales of this year by month and team, as the orders say; a sheet for teams, one for products."""
    from openpyxl import Workbook  # noqa: PLC0415 - only who builds the sample company writes workbooks

    teams = {team.id: team.name for team in company.teams}
    orders = [order for order in company.orders if order.ordered_on.year == today.year]
    by_team: Counter[tuple[str, int]] = Counter()
    by_product: Counter[int] = Counter()
    for order in orders:
        by_team[teams[order.team_id], order.ordered_on.month] += order.amount
        by_product[order.product_id] += order.amount
    names = sorted({team for team, _ in by_team})
    book: Any = Workbook()
    sheet = book.active
    sheet.title = "팀별 실적"
    sheet.append([f"{today.year}년 팀별 월 매출 (단위: 원)"])
    sheet.merge_cells(start_row=1, end_row=1, start_column=1, end_column=len(names) + 2)
    sheet.append(["월", "영업본부", *[""] * (len(names) - 1), "합계"])
    sheet.append(["", *names, ""])
    sheet.merge_cells(start_row=2, end_row=2, start_column=2, end_column=len(names) + 1)
    sheet.merge_cells(start_row=2, end_row=3, start_column=1, end_column=1)
    sheet.merge_cells(start_row=2, end_row=3, start_column=len(names) + 2, end_column=len(names) + 2)
    for month in range(1, today.month + 1):
        amounts = [by_team[name, month] for name in names]
        sheet.append([f"{month}월", *amounts, sum(amounts)])
    for row in sheet.iter_rows(min_row=4, min_col=2):
        for cell in row:
            cell.number_format = "#,##0"
    products = dict(enumerate(company.products, 1))
    second = book.create_sheet("상품별 실적")
    second.append(["순위", "상품", "매출(원)"])
    for rank, (product, amount) in enumerate(by_product.most_common(), 1):
        second.append([rank, products[product].name, amount])
        second.cell(rank + 1, 3).number_format = "#,##0"
    return _saved(book)


def budget_workbook() -> bytes:
    """Return the budget: two tables beside each other on one sheet, formulas, a hidden row."""
    from openpyxl import Workbook  # noqa: PLC0415 - as above

    book: Any = Workbook()
    sheet = book.active
    sheet.title = "예산집행"
    _put(sheet, 1, 1, [("2026년 본부별 예산 집행 현황",)])
    _put(sheet, 3, 1, [("본부", "예산", "집행", "집행률")])
    for at, (name, planned, used) in enumerate(BUDGET, 4):
        _put(sheet, at, 1, [(name, planned, used, used / planned)])
        sheet.cell(at, 2).number_format = sheet.cell(at, 3).number_format = "#,##0"
        sheet.cell(at, 4).number_format = "0.0%"
    last = 4 + len(BUDGET)
    totals = (sum(row[1] for row in BUDGET), sum(row[2] for row in BUDGET))
    _put(sheet, last, 1, [("합계", *totals, totals[1] / totals[0])])
    sheet.cell(last, 2).number_format = sheet.cell(last, 3).number_format = "#,##0"
    sheet.cell(last, 4).number_format = "0.0%"
    _put(
        sheet,
        3,
        7,
        [("계정과목", "12월 예상"), ("광고선전비", 41_000_000), ("여비교통비", 18_500_000), ("소모품비", 7_200_000)],
    )
    _put(sheet, last + 2, 1, [("예비비", 90_000_000, 12_000_000, 12 / 90)])
    sheet.row_dimensions[last + 2].hidden = True
    return _saved(book)


def equipment_workbook() -> bytes:
    """Return the list of equipment; what was sold stands on a hidden sheet."""
    from openpyxl import Workbook  # noqa: PLC0415 - as above

    book: Any = Workbook()
    sheet = book.active
    sheet.title = "자산목록"
    _put(sheet, 1, 1, EQUIPMENT)
    hidden = book.create_sheet("매각")
    _put(hidden, 1, 1, [("자산번호", "매각일", "매각가(원)"), ("IT-2019-002", "2026-06-30", 150_000)])
    hidden.sheet_state = "hidden"
    return _saved(book)


def _put(sheet: Any, row: int, column: int, rows: Sequence[Sequence[Any]]) -> None:
    for down, values in enumerate(rows):
        for right, value in enumerate(values):
            sheet.cell(row + down, column + right).value = value


def _saved(book: Any) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
