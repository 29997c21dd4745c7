"""Is each format read as a person reads it? One small file for each thing that goes wrong in real ones."""

import io
from email.message import EmailMessage

import pytest
from docx import Document
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from daeri.library.blocks import Block, Limits, Problem, Unreadable
from daeri.library.cut import Passage, passages_of
from daeri.library.kinds import format_of, read
from daeri.sample.papers import hangul, portable
from daeri.sample.papers.paper import Paper
from daeri.sample.papers.portable import Sheet
from library.compound import hwp
from library.hostile_files import packed, workbook

LONG = "이 문장은 한 단의 너비를 넉넉히 채우도록 길게 쓴 것이며 다음 줄로 이어집니다. " * 12


def blocks(data: bytes, name: str) -> list[Block]:
    return [found for found in read(data, name, Limits()) if isinstance(found, Block)]


def texts(data: bytes, name: str) -> list[str]:
    return [block.text for block in blocks(data, name)]


def problems(data: bytes, name: str) -> list[str]:
    return [found.why for found in read(data, name, Limits()) if isinstance(found, Problem)]


def passages(data: bytes, name: str) -> list[Passage]:
    return [found for found in passages_of(read(data, name, Limits())) if isinstance(found, Passage)]


def pdf_of(*sheets: Sheet) -> bytes:
    return portable._file(sheet.commands for sheet in sheets)


def docx_of(document: object) -> bytes:
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


# PDF


def test_columns_of_a_pdf_are_read_one_after_the_other() -> None:
    paper = Paper("두단.pdf", "", f"# 왼쪽 제목\n{LONG}{LONG}{LONG}\n# 오른쪽 제목\n오른쪽 단에서 끝나는 글입니다.")
    said = " ".join(texts(portable.Writer(paper, 2).written(), "두단.pdf"))
    assert (
        said.index("왼쪽 제목")
        < said.index("다음 줄로 이어집니다")
        < said.index("오른쪽 제목")
        < said.index("끝나는 글")
    )
    assert "이 문장은 한 단의 너비를" in said


def test_a_table_over_two_pages_keeps_its_header_and_tells_it_once() -> None:
    rows = "\n".join(f"| 품목{n} | {n}개 |" for n in range(60))
    found = blocks(portable.Writer(Paper("표.pdf", "", f"| 이름 | 수량 |\n{rows}")).written(), "표.pdf")
    table = [block for block in found if block.kind == "row"]
    assert [block.text for block in table].count("이름 | 수량") == 1
    last = next(block for block in table if block.text == "품목59 | 59개")
    assert (last.header, last.place.page) == ("이름 | 수량", 2)
    assert len({block.table for block in table}) == 1


def test_running_heads_page_numbers_and_watermarks_do_not_stand_in_the_text() -> None:
    paper = Paper("여비.pdf", "", "\n".join(f"{n}번째 문단입니다. {LONG}" for n in range(12)), note="머리글 견본")
    said = texts(portable.Writer(paper, mark="대외비").written(), "여비.pdf")
    assert sum("머리글 견본" in text for text in said) == 1
    assert not any("대외비" in text or text.startswith("- 2") for text in said)


def test_a_table_within_a_cell_is_a_table_of_its_own() -> None:
    sheet = Sheet()
    for x in (60, 300, 540):
        sheet.line(x, 600, x, 700)
    for y in (600, 680, 700):
        sheet.line(60, y, 540, y)
    for x in (320, 400, 480):
        sheet.line(x, 615, x, 665)
    for y in (615, 640, 665):
        sheet.line(320, y, 480, y)
    for x, y, words in ((70, 685, "구분"), (310, 685, "내용"), (70, 630, "본사"), (330, 645, "층"), (410, 645, "부서")):
        sheet.text(x, y, words)
    sheet.text(330, 622, "3층")
    sheet.text(410, 622, "인사팀")
    said = texts(pdf_of(sheet), "겹표.pdf")
    assert "층 | 부서" in said
    assert "3층 | 인사팀" in said
    assert "구분 | 내용" in said


def test_a_scanned_page_is_named_and_the_others_are_read() -> None:
    sheet = Sheet()
    sheet.text(60, 700, "글자가 있는 쪽입니다. 이 쪽은 읽을 수 있어야 합니다.")
    scanned = pdf_of(sheet, Sheet(["q 500 0 0 700 40 40 cm BI /W 2 /H 2 /CS /G /BPC 8 ID \x01\x02\x03\x04 EI Q"]))
    found = list(read(scanned, "스캔.pdf", Limits()))
    assert any(isinstance(each, Block) and "읽을 수 있어야" in each.text for each in found)
    assert [(each.why, each.place.page) for each in found if isinstance(each, Problem)] == [("scanned", 2)]


# Word


def test_word_tells_automatic_numbers_merged_cells_and_no_deleted_text() -> None:
    document = Document()
    document.add_heading("제1장 총칙", 1)
    for words in ("첫째 항목", "둘째 항목"):
        document.add_paragraph(words, style="List Number")
    table = document.add_table(3, 2)
    table.cell(0, 0).merge(table.cell(1, 0)).text = "구분"
    table.cell(0, 1).text, table.cell(1, 1).text = "금액", "(원)"
    table.cell(2, 0).text, table.cell(2, 1).text = "식비", "40,000"
    paragraph = document.add_paragraph("남은 글")
    deleted, run, text = OxmlElement("w:del"), OxmlElement("w:r"), OxmlElement("w:delText")
    text.text = "지운 글"
    run.append(text)
    deleted.append(run)
    paragraph._p.append(deleted)
    found = blocks(docx_of(document), "규정.docx")
    said = [block.text for block in found]
    assert "1. 첫째 항목" in said
    assert "2. 둘째 항목" in said
    row = next(block for block in found if block.text == "식비 | 40,000")
    assert row.header == "구분 | 금액 (원)"
    assert "남은 글" in said
    assert not any("지운" in each for each in said)


def test_a_text_box_and_a_nested_table_of_word_are_read() -> None:
    document = Document()
    outer = document.add_table(1, 2)
    outer.cell(0, 0).text = "바깥"
    inner = outer.cell(0, 1).add_table(2, 2)
    inner.cell(0, 0).text, inner.cell(0, 1).text = "층", "부서"
    inner.cell(1, 0).text, inner.cell(1, 1).text = "3층", "인사팀"
    box = OxmlElement("w:txbxContent")
    paragraph, run, text = OxmlElement("w:p"), OxmlElement("w:r"), OxmlElement("w:t")
    text.text = "글상자 안의 글"
    run.append(text)
    paragraph.append(run)
    box.append(paragraph)
    document.add_paragraph("본문")._p.append(box)
    said = texts(docx_of(document), "상자.docx")
    assert "3층 | 인사팀" in said
    assert any("글상자 안의 글" in each for each in said)
    assert qn("w:p")


# Workbooks


def test_a_workbook_tells_values_as_shown_with_formulas_merged_headers_and_hidden_rows() -> None:
    sheet = """<worksheet><cols><col min="4" max="4" hidden="1"/></cols><sheetData>
    <row r="1"><c r="A1" t="inlineStr"><is><t>본부</t></is></c><c r="B1" t="inlineStr"><is><t>상반기</t></is></c>
      <c r="D1" t="inlineStr"><is><t>비고</t></is></c></row>
    <row r="2"><c r="B2" t="inlineStr"><is><t>1분기</t></is></c><c r="C2" t="inlineStr"><is><t>2분기</t></is></c></row>
    <row r="3"><c r="A3" t="inlineStr"><is><t>영업</t></is></c><c r="B3" s="1"><v>1234567</v></c><c r="C3" s="2"><v>0.125</v></c></row>
    <row r="4" hidden="1"><c r="A4" t="inlineStr"><is><t>물류</t></is></c><c r="B4" s="1"><v>10</v></c><c r="C4" s="3"><v>46000</v></c></row>
    <row r="5"><c r="A5" t="inlineStr"><is><t>합계</t></is></c><c r="B5" s="1"><f>SUM(B3:B4)</f><v>1234577</v></c></row>
    </sheetData><mergeCells><mergeCell ref="A1:A2"/><mergeCell ref="B1:C1"/><mergeCell ref="D1:D2"/></mergeCells></worksheet>"""
    styles = """<styleSheet><numFmts><numFmt numFmtId="200" formatCode="yyyy/mm/dd"/></numFmts><cellXfs><xf numFmtId="0"/>
    <xf numFmtId="3"/><xf numFmtId="10"/><xf numFmtId="200"/></cellXfs></styleSheet>"""
    found = blocks(workbook(sheet, **{"xl/styles.xml": styles}), "실적.xlsx")
    rows = {block.place.cells: block for block in found if block.kind == "row"}
    assert rows["A3:D3"].text == "영업 | 1,234,567 | 12.50%"
    assert rows["A3:D3"].header == "본부 | 상반기 1분기 | 상반기 2분기 | 비고 [숨긴 열]"
    assert rows["A4:D4"].text == "물류 | 10 | 2025-12-09 [숨긴 행]"
    assert rows["A5:D5"].text == "합계 | 1,234,577 [B5 =SUM(B3:B4)]"


def test_tables_that_stand_apart_on_a_sheet_are_read_apart() -> None:
    def cell(place: str, words: str) -> str:
        return f'<c r="{place}" t="inlineStr"><is><t>{words}</t></is></c>'

    sheet = f"""<worksheet><sheetData>
    <row r="1">{cell("A1", "상품")}{cell("B1", "재고")}{cell("E1", "창고")}{cell("F1", "면적")}</row>
    <row r="2">{cell("A2", "모니터")}{cell("B2", "12대")}{cell("E2", "용인")}{cell("F2", "300평")}</row>
    </sheetData></worksheet>"""
    found = [block for block in blocks(workbook(sheet), "재고.xlsx") if block.kind == "row"]
    assert {(block.text, block.header) for block in found if block.header} == {
        ("모니터 | 12대", "상품 | 재고"),
        ("용인 | 300평", "창고 | 면적"),
    }
    assert len({block.table for block in found}) == 2


def test_a_broken_sheet_loses_only_itself() -> None:
    good = '<worksheet><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>남는 글</t></is></c></row></sheetData></worksheet>'
    book = packed(
        {
            "xl/workbook.xml": '<workbook xmlns:r="r"><sheets><sheet name="가" r:id="a"/><sheet name="나" r:id="b"/></sheets></workbook>',
            "xl/_rels/workbook.xml.rels": '<R><R Id="a" Target="worksheets/a.xml"/><R Id="b" Target="worksheets/b.xml"/></R>',
            "xl/worksheets/a.xml": "<worksheet><sheetData><row",
            "xl/worksheets/b.xml": good,
        }
    )
    assert "남는 글" in texts(book, "둘.xlsx")
    assert problems(book, "둘.xlsx") == ["broken"]


# Presentations


def test_a_slide_tells_title_text_table_chart_and_notes() -> None:
    deck = Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[1])
    slide.shapes.title.text = "분기 실적"
    slide.placeholders[1].text_frame.text = "목표를 넘겼다."
    data = CategoryChartData()
    data.categories = ["1월", "2월"]
    data.add_series("매출", (10, 20))
    slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, Inches(1), Inches(4), Inches(4), Inches(2), data)
    slide.notes_slide.notes_text_frame.text = "발표 때 강조할 것"
    out = io.BytesIO()
    deck.save(out)
    found = blocks(out.getvalue(), "실적.pptx")
    assert (found[0].kind, found[0].text, found[0].place.page) == ("heading", "분기 실적", 1)
    said = [block.text for block in found]
    assert "목표를 넘겼다." in said
    assert any(text.startswith("2월 | 20") for text in said)
    assert any(block.text == "발표 때 강조할 것" and block.place.part == "발표자 메모" for block in found)


# Hangul


def test_hwpx_and_hwp_are_read_with_their_articles() -> None:
    paper = Paper(
        "규칙.hwpx", "", "# 제1장 총칙\n## 제3조(휴가)\n휴가는 사흘 전에 낸다.\n| 이름 | 일수 |\n| 결혼 | 5일 |"
    )
    found = passages(hangul.written(paper), "규칙.hwpx")
    assert any(each.section.endswith("제3조(휴가)") and "사흘 전" in each.text for each in found)
    assert any("이름 | 일수\n결혼 | 5일" in each.text for each in found)
    old = passages(hwp("제2장 여비", "제5조(숙박비) 하루 십만 원까지 지급한다.", "다음 문단"), "옛.hwp")
    assert old[0].section == "제2장 여비 › 제5조(숙박비)"
    assert "십만 원" in old[0].text


# Text


def test_html_is_read_as_its_reader_sees_it() -> None:
    page = (
        '<html><head><meta charset="euc-kr"><style>p{}</style></head><body><h2>점검 안내</h2><p>토요일에 <b>멈춥니다</b>.</p>'
        "<script>alert(1)</script><p hidden>숨은 글</p><table><tr><th rowspan=2>장비</th><th colspan=2>시간</th></tr>"
        "<tr><th>시작</th><th>끝</th></tr><tr><td>VPN</td><td>22시</td><td>06시</td></tr></table></body></html>"
    ).encode("euc-kr")
    found = blocks(page, "안내.html")
    assert [block.text for block in found if block.kind != "row"] == ["점검 안내", "토요일에 멈춥니다."]
    row = next(block for block in found if block.text == "VPN | 22시 | 06시")
    assert row.header == "장비 | 시간 시작 | 시간 끝"


def test_markdown_text_and_csv_tell_their_lines() -> None:
    mark = "---\ntitle: x\n---\n# 제목\n\n글은 **여기** 있다.\n\n| 가 | 나 |\n|---|---|\n| 1 | 2 |\n"
    found = blocks(mark.encode(), "글.md")
    assert [(block.kind, block.text, block.place.line) for block in found] == [
        ("heading", "제목", 4),
        ("text", "글은 여기 있다.", 6),
        ("row", "가 | 나", 8),
        ("row", "1 | 2", 10),
    ]
    assert texts("제1조(목적) 정한다.\n둘째 줄\n".encode("cp949"), "글.txt") == ["제1조(목적) 정한다.\n둘째 줄"]
    rows = blocks("이름;나이\n김하은;31\n".encode("utf-8-sig"), "표.csv")
    assert (rows[1].text, rows[1].header, rows[1].place.line) == ("김하은 | 31", "이름 | 나이", 2)


def test_a_mail_is_read_with_its_attachments() -> None:
    message = EmailMessage()
    message["Subject"], message["From"] = "점검 공지", "정보시스템팀 <it@hanbit.example>"
    message.set_content("토요일에 멈춥니다.")
    message.add_attachment("# 대상\n\n그룹웨어\n".encode(), maintype="text", subtype="markdown", filename="대상.md")
    found = blocks(message.as_bytes(), "공지.eml")
    assert found[0].text == "점검 공지"
    assert any("토요일에 멈춥니다." in block.text for block in found)
    assert next(block for block in found if block.text == "그룹웨어").place.part == "대상.md"


@pytest.mark.parametrize(
    ("data", "name", "why"),
    [
        (b"", "빈.pdf", "empty"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "그림.pdf", "scanned"),
        (b"PK\x03\x04xx", "x.docx", "broken"),
        (b"MZ\0\0\0\0\0", "x.exe", "unknown"),
    ],
)
def test_what_cannot_be_read_says_why(data: bytes, name: str, why: str) -> None:
    with pytest.raises(Unreadable) as error:
        list(read(data, name, Limits()))
    assert error.value.problem.why == why


def test_a_file_is_known_by_its_content_not_its_name() -> None:
    assert format_of(portable.Writer(Paper("a.pdf", "", "글")).written(), "거짓.docx") == "pdf"
    assert format_of(hwp("글"), "거짓.txt") == "hwp"


def test_a_long_article_is_cut_between_sentences_and_keeps_its_heading() -> None:
    found = passages(f"# 장\n\n## 제9조(긴 것)\n\n{LONG * 3}".encode(), "긴.md")
    assert len(found) > 3
    assert all(each.section == "장 › 제9조(긴 것)" for each in found)
    assert all(len(each.text) <= 700 and each.text.endswith(".") for each in found)
