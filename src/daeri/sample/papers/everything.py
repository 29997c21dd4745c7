"""Which files does the sample company begin with? Every paper rendered, in the order in which they are brought in."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from daeri.library.files import Level
from daeri.sample.generate import Hanbit
from daeri.sample.papers import sheets
from daeri.sample.papers.manuals import MANUALS
from daeri.sample.papers.minutes import MINUTES
from daeri.sample.papers.paper import Paper
from daeri.sample.papers.regulations import REGULATIONS
from daeri.sample.papers.rendering import rendered


@dataclass(frozen=True, slots=True)
class SampleFile:
    """A file, and who may see it; `department` by name."""

    name: str
    folder: str
    content: bytes
    level: Level = "internal"
    department: str | None = None
    in_force_from: date | None = None


def sample_files(company: Hanbit, today: date) -> Iterator[SampleFile]:
    """Yield the files; an earlier edition comes before the one that replaces it."""
    for paper in (*REGULATIONS, *MANUALS, *MINUTES, sheets.PRICES, sheets.COURSES):
        yield _file(paper)
    yield SampleFile(
        f"{today.year}_영업실적.xlsx",
        "영업/실적",
        sheets.sales_workbook(company, today),
        "confidential",
        sheets.PRICES.department,
    )
    yield SampleFile("2026_예산집행현황.xlsx", "재무/예산", sheets.budget_workbook(), "confidential", "재무팀")
    yield SampleFile("자산관리대장.xlsx", "총무/자산", sheets.equipment_workbook())


def _file(paper: Paper) -> SampleFile:
    return SampleFile(paper.name, paper.folder, rendered(paper), paper.level, paper.department, paper.in_force_from)
