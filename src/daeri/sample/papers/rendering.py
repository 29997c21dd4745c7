"""How does a paper become a file? One function for each format; workbooks are made by `sheets.py`.

The libraries that write are imported when the first paper of their format is rendered: only who builds the sample
company needs them.
"""

import csv
import io
from collections.abc import Callable
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from html import escape
from typing import Any, Final

from daeri.clock import SEOUL
from daeri.sample.papers import hangul, portable
from daeri.sample.papers.paper import Paper

WRITTEN_AT: Final = datetime(2026, 1, 2, 9, 0, tzinfo=SEOUL)
LINES_A_SLIDE: Final = 6


def rendered(paper: Paper) -> bytes:
    """Return a paper as the file that its name says."""
    return _WRITERS[paper.suffix](paper)


def _pdf(paper: Paper) -> bytes:
    columns = 2 if "매뉴얼" in paper.name else 1
    mark = "대외비" if paper.level == "confidential" else ""
    return portable.Writer(paper, columns, mark).written()


def _docx(paper: Paper) -> bytes:
    from docx import Document  # noqa: PLC0415 - see above

    document: Any = Document()
    document.core_properties.created = WRITTEN_AT.replace(tzinfo=None)
    document.add_heading(paper.title, 0)
    if paper.note:
        document.sections[0].header.paragraphs[0].text = paper.note
    for piece in paper.pieces():
        if piece.kind == "heading":
            document.add_heading(piece.text, piece.depth)
        elif piece.kind == "text":
            document.add_paragraph(piece.text)
        else:
            table = document.add_table(len(piece.rows), max(map(len, piece.rows)))
            table.style = "Table Grid"
            for row, cells in zip(table.rows, piece.rows, strict=True):
                for cell, text in zip(row.cells, cells, strict=False):
                    cell.text = text
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def _pptx(paper: Paper) -> bytes:
    from pptx import Presentation  # noqa: PLC0415 - see above
    from pptx.util import Inches  # noqa: PLC0415 - same

    deck: Any = Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[0])
    slide.shapes.title.text = paper.title
    slide.placeholders[1].text = paper.note
    body = None
    for piece in paper.pieces():
        if piece.kind == "heading":
            slide = deck.slides.add_slide(deck.slide_layouts[1])
            slide.shapes.title.text = piece.text
            body = slide.placeholders[1].text_frame
            body.text = ""
        elif piece.kind == "text" and piece.text.startswith("메모:"):
            slide.notes_slide.notes_text_frame.text = piece.text.removeprefix("메모:").strip()
        elif piece.kind == "text" and body is not None:
            paragraph = body.paragraphs[0] if not body.paragraphs[0].text else body.add_paragraph()
            paragraph.text = piece.text
        elif piece.kind == "table":
            rows, columns = len(piece.rows), max(map(len, piece.rows))
            shape = slide.shapes.add_table(rows, columns, Inches(0.6), Inches(4.2), Inches(8.8), Inches(0.4 * rows))
            for row, cells in enumerate(piece.rows):
                for column, text in enumerate(cells):
                    shape.table.cell(row, column).text = text
    out = io.BytesIO()
    deck.save(out)
    return out.getvalue()


def _html(paper: Paper) -> bytes:
    body = [f"<h1>{escape(paper.title)}</h1>"]
    for piece in paper.pieces():
        if piece.kind == "heading":
            body.append(f"<h{piece.depth + 1}>{escape(piece.text)}</h{piece.depth + 1}>")
        elif piece.kind == "text":
            body.append(f"<p>{escape(piece.text)}</p>")
        else:
            first, *rows = piece.rows
            body.append("<table><thead><tr>" + "".join(f"<th>{escape(cell)}</th>" for cell in first) + "</tr></thead>")
            body += ["<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows]
            body.append("</table>")
    opening = f'<!doctype html><html lang="ko"><head><meta charset="utf-8"><title>{escape(paper.title)}</title></head>'
    nav = "<body><script>document.title</script><nav>한빛상사 사내 포털</nav>"
    return f"{opening}{nav}{''.join(body)}</body></html>".encode()


def _md(paper: Paper) -> bytes:
    lines = [f"# {paper.title}", ""]
    for piece in paper.pieces():
        if piece.kind == "heading":
            lines += [f"{'#' * (piece.depth + 1)} {piece.text}", ""]
        elif piece.kind == "text":
            lines += [piece.text, ""]
        else:
            told = ["| " + " | ".join(row) + " |" for row in piece.rows]
            lines += [told[0], "|" + " --- |" * len(piece.rows[0]), *told[1:], ""]
    return "\n".join(lines).encode()


def _txt(paper: Paper) -> bytes:
    lines = [paper.title, "=" * 20, ""]
    for piece in paper.pieces():
        lines += ["\t".join(row) for row in piece.rows] if piece.kind == "table" else [piece.text]
        lines.append("")
    return "\n".join(lines).encode("cp949")


def _csv(paper: Paper) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out)
    for piece in paper.pieces():
        writer.writerows(piece.rows)
    return out.getvalue().encode("utf-8-sig")


def _eml(paper: Paper) -> bytes:
    """Write a mail; what stands under the heading 첨부 goes into an attached text."""
    message = EmailMessage()
    sender, _, receiver = paper.note.partition(" → ")
    message["Subject"], message["From"], message["To"] = paper.title, sender, receiver
    message["Date"] = format_datetime(WRITTEN_AT)
    body, _, attached = paper.text.strip().partition("# 첨부 ")
    message.set_content(body)
    if attached:
        name, _, content = attached.partition("\n")
        message.add_attachment(content.strip().encode(), maintype="text", subtype="plain", filename=name.strip())
    return message.as_bytes()


_WRITERS: Final[dict[str, Callable[[Paper], bytes]]] = {
    "pdf": _pdf,
    "docx": _docx,
    "pptx": _pptx,
    "hwpx": hangul.written,
    "html": _html,
    "md": _md,
    "txt": _txt,
    "csv": _csv,
    "eml": _eml,
}
