"""Is an export the same rows as the list, whole, bounded, and harmless to whoever opens it?"""

import csv
import io
import re
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daeri.errors import Unauthenticated
from daeri.gateway import sheets
from daeri.operations.listing import ListQuery
from gateway.gateway_house import Keys
from shelf.shelf_house import declared, served
from worlds import HR

pytestmark = pytest.mark.anyio
CSV = "/v1/records/s_card/export?format=csv"


def lines(response):
    return list(csv.reader(io.StringIO(response.content.decode("utf-8-sig"), newline="")))


async def test_csv_opens_with_korean_and_holds_what_the_list_holds(house):
    response = await house.get("owner", f"{CSV}&fields=name,phone,note,age&sort=-age")
    assert response.content.startswith(b"\xef\xbb\xbf")
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["content-disposition"] == "attachment; filename*=UTF-8''s_card.csv"
    assert lines(response) == [
        ["이름", "전화", "메모", "나이"],
        ["강지호", "010-****-2009", "", "29"],
        ["박서연", "010-****-2004", "", "24"],
        ["김민준", "010-****-2002", "", "22"],
        ["김하은", "010-1001-2001", "비밀1", "21"],
    ]


async def test_a_hidden_field_has_no_column(house):
    assert "평가" not in lines(await house.get("owner", CSV))[0]


async def test_a_data_class_that_stays_inside_goes_into_no_file(carded: Keys, tmp_path: Path):
    shutil.copy(carded.path, tmp_path / "daeri.db")
    company = replace(declared(), stays_inside=frozenset({"secret"}))
    async with served(tmp_path / "daeri.db", carded, company) as house:
        shown = (await house.get("owner", "/v1/records/s_card?fields=name,note&id=1")).json()["data"]
        assert "note" in shown[0]
        for query in ("", "&fields=name,note"):
            told = lines(await house.get("owner", CSV + query))
            assert "이름" in told[0]
            assert "메모" not in told[0]
            assert not any("비밀" in cell for row in told for cell in row)


async def test_filters_searches_and_refusals_are_those_of_the_list(house):
    assert len(lines(await house.get("owner", f"{CSV}&city=서울&q=ㄱㅎㅇ"))) == 2
    for query in ("phone=x", "sort=grade", "nothing=1", "fields=nothing", "limit=3"):
        assert (await house.get("owner", f"{CSV}&{query}")).status_code in (403, 422)
    assert (await house.get("owner", "/v1/records/s_card/export?format=pdf")).status_code == 422
    assert (await house.get("owner", "/v1/records/w_vault/export")).status_code == 404


def cells(response):
    with zipfile.ZipFile(io.BytesIO(response.content)) as book:
        assert book.testzip() is None
        return book.read("xl/worksheets/sheet1.xml").decode()


async def test_a_workbook_holds_numbers_as_numbers_and_no_formula(house):
    await house.world.sql("UPDATE s_card SET city = '=1+1' WHERE id = 1")
    accept = {"Accept": sheets.FORMATS["xlsx"]}
    response = await house.get("owner", "/v1/records/s_card/export?fields=name,city,age", headers=accept)
    assert response.headers["content-type"] == sheets.FORMATS["xlsx"]
    sheet = cells(response)
    assert "<f>" not in sheet
    assert re.search(r'<c r="C2"><v>21</v></c>', sheet)
    assert "=1+1" in sheet
    assert "김하은" in sheet


async def test_an_export_has_a_limit_that_the_company_sets(carded: Keys, tmp_path: Path):
    shutil.copy(carded.path, tmp_path / "daeri.db")
    async with served(tmp_path / "daeri.db", carded, declared(export_max=3)) as house:
        response = await house.get("owner", CSV)
        assert (len(lines(response)), response.headers["x-row-limit"]) == (4, "3")


@pytest.mark.parametrize("batch", [1, 2, 3])
async def test_every_row_comes_once_over_the_batches(house, monkeypatch, batch):
    monkeypatch.setattr("daeri.operations.listing.EXPORT_BATCH", batch)
    rows = lines(await house.get("owner", f"{CSV}&fields=id&sort=-city"))[1:]
    assert sorted(int(row[0]) for row in rows) == [1, 2, 4, 9]


async def test_a_key_that_is_revoked_stops_an_export(house, monkeypatch):
    monkeypatch.setattr("daeri.operations.listing.EXPORT_BATCH", 1)
    world = house.world
    actor = await world.actor(HR)

    async def still():
        raise Unauthenticated

    batches = world.shelf.export(actor, "s_card", ListQuery(), "ko", still)
    assert len(await anext(batches)) == 1
    with pytest.raises(Unauthenticated):
        await anext(batches)


async def test_every_batch_is_audited_with_its_rows(house):
    await house.get("owner", f"{CSV}&fields=name,phone")
    entry = (await house.world.audited())[-1]
    told = {"rows": 4, "personal": ["s_card.phone"], "people": [1], "from": "127.0.0.1"}
    assert (entry["action"], entry["detail"]) == ("s_card.export", told)
    assert entry["records"] == [["s_card", 1], ["s_card", 2], ["s_card", 4], ["s_card", 9]]


@given(st.text(min_size=1))
def test_no_text_begins_as_a_formula(text):
    cell = sheets._text_cell(text)
    assert not cell.startswith(sheets.FORMULA) or sheets._is_number(cell)
    assert text[: sheets.CELL_MAX] in cell


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (-5, "-5"),
        ("-5.25", "-5.25"),
        ("-2+3", "'-2+3"),
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("+821012345678", "'+821012345678"),
        ("\t=1", "'\t=1"),
        ("＝1", "'＝1"),
        (True, "TRUE"),
        (None, ""),
        (["가", "나"], "가, 나"),
    ],
)
def test_a_cell_is_only_ever_text_or_a_number(value, cell):
    assert sheets._text_cell(value) == cell


def test_two_fields_with_one_label_are_told_apart():
    fields = [{"name": "a", "label": "이름"}, {"name": "b", "label": "이름"}, {"name": "c", "label": "=1"}]
    assert sheets.headings(fields) == ["이름 (a)", "이름 (b)", "'=1"]


@pytest.mark.parametrize("text", ["\x00\x01\x0b\x1f", "\ufffe\uffff", "]]><f>1</f>", "가" * 40_000])
async def test_a_workbook_stays_readable_whatever_a_cell_holds(text):
    async def rows():
        yield [{"a": text, "b": 10**18, "c": True}]

    fields = [{"name": name, "label": name} for name in "abc"]
    book = b"".join([chunk async for chunk in sheets.xlsx_of(fields, rows())])
    with zipfile.ZipFile(io.BytesIO(book)) as opened:
        sheet = opened.read("xl/worksheets/sheet1.xml").decode()
    fromstring(sheet)  # noqa: S314 - our own file
    assert "<f>" not in sheet
    assert "1000000000000000000" in sheet
