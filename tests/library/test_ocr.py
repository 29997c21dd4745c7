"""What becomes of a scan? Its text where the optional engine is there; otherwise it is said to be unreadable."""

import zlib
from pathlib import Path

import pypdfium2 as pdfium
import pytest

from daeri.library.blocks import Block, Limits, Problem
from daeri.library.cells import Cells, Reading
from daeri.library.formats import pdf
from daeri.library.ocr import recogniser
from daeri.sample.papers.paper import Paper
from daeri.sample.papers.portable import Sheet
from daeri.sample.papers.rendering import rendered
from library.test_formats import pdf_of

WRITTEN = "# 제1조(목적)\n이 규정은 출장 여비의 지급 기준을 정한다. Travel expenses are 110,000 won.\n"
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(50)


def scanned() -> bytes:
    """A page as a picture of what is written."""
    with pdfium.PdfDocument(rendered(Paper("x.pdf", "", WRITTEN))) as document:
        image = document[0].render(scale=300 / 72, grayscale=True)
        array, size = bytes(image.buffer), f"/W {image.width} /H {image.height}"
        rows = b"".join(array[row * image.stride :][: image.width] for row in range(image.height))
    pixels = zlib.compress(rows).hex()
    return pdf_of(Sheet([f"q 595 0 0 842 0 0 cm BI {size} /CS /G /BPC 8 /F [/AHx /Fl] ID {pixels}> EI Q"]))


def _read(place: Path, content: bytes, name: str) -> Reading:
    path = place / name
    path.write_bytes(content)
    with Cells() as cells:
        return cells.read(path, name)


@pytest.mark.skipif(recogniser() is not None, reason="the engine is installed: the test below reads the scan")
def test_a_scan_is_said_to_be_unreadable_and_why(tmp_path: Path) -> None:
    reading = _read(tmp_path, scanned(), "스캔.pdf")
    assert reading.passages == []
    (problem,) = reading.problems
    assert (problem.why, problem.place.page) == ("scanned", 1)
    assert problem.to_text().ko == "p.1: 스캔한 그림이라 글자를 읽을 수 없어요"
    assert problem.to_text().en == "p.1: It is a scanned picture, so its text cannot be read"


def test_a_picture_is_said_to_be_unreadable(tmp_path: Path) -> None:
    reading = _read(tmp_path, PICTURE, "사진.pdf")
    assert ([each.why for each in reading.problems], reading.passages) == (["scanned"], [])


@pytest.mark.skipif(recogniser() is None, reason="the extra `ocr` or the language data is not installed")
def test_a_scan_is_read_by_the_engine_inside_the_jail(tmp_path: Path) -> None:
    reading = _read(tmp_path, scanned(), "스캔.pdf")
    assert reading.problems == []
    said = " ".join(item.passage.text for item in reading.passages)
    assert "여비의 지급 기준을 정한다" in said
    assert "110,000 won" in said
    assert {"limits", "seccomp"} <= set(reading.walls)


def test_what_an_engine_recognises_is_the_pages_text_and_a_page_without_any_is_said_to_be_a_scan() -> None:
    seen: list[tuple[int, int, int]] = []

    def recognise(pixels: bytes, width: int, height: int) -> str:
        seen.append((len(pixels), width, height))
        return "출장 여비의 지급 기준\n" if len(seen) == 1 else " \n"

    found = list(pdf.read(scanned(), Limits(), recognise))
    assert [(each.text, each.place.page) for each in found if isinstance(each, Block)] == [("출장 여비의 지급 기준", 1)]
    assert seen[0][0] == seen[0][1] * seen[0][2]
    again = list(pdf.read(scanned(), Limits(), recognise))
    assert [each.why for each in again if isinstance(each, Problem)] == ["scanned"]
