"""How is an HWPX file written? A packed folder of XML (OWPML): one section of paragraphs and tables."""

import io
import zipfile
from collections.abc import Sequence
from typing import Final
from xml.sax.saxutils import escape

from daeri.sample.papers.paper import Paper

_SPACES: Final = (
    'xmlns:hp="http://www.hancom.co.kr/hwpml/2011/paragraph" xmlns:hs="http://www.hancom.co.kr/hwpml/2011/section" '
    'xmlns:hh="http://www.hancom.co.kr/hwpml/2011/head" xmlns:hc="http://www.hancom.co.kr/hwpml/2011/core"'
)
_MOMENT: Final = (2026, 1, 2, 9, 0, 0)
_CONTAINER: Final = (
    '<ocf:container xmlns:ocf="urn:oasis:names:tc:opendocument:xmlns:container"><ocf:rootfiles>'
    '<ocf:rootfile full-path="Contents/content.hpf" media-type="application/hwpml-package+xml"/>'
    "</ocf:rootfiles></ocf:container>"
)
_PACKAGE: Final = (
    '<opf:package xmlns:opf="http://www.idpf.org/2007/opf/" version="1.4"><opf:metadata><opf:title>{title}</opf:title>'
    '</opf:metadata><opf:manifest><opf:item id="header" href="Contents/header.xml" media-type="application/xml"/>'
    '<opf:item id="section0" href="Contents/section0.xml" media-type="application/xml"/></opf:manifest>'
    '<opf:spine><opf:itemref idref="section0"/></opf:spine></opf:package>'
)


def written(paper: Paper) -> bytes:
    """Return a paper as HWPX."""
    told = (_table(piece.rows) if piece.kind == "table" else _paragraph(piece.text) for piece in paper.pieces())
    body = [_paragraph(paper.title), *told]
    parts = {
        "mimetype": "application/hwp+zip",
        "version.xml": '<hv:HCFVersion xmlns:hv="http://www.hancom.co.kr/hwpml/2011/version" major="5" minor="1"/>',
        "META-INF/container.xml": _CONTAINER,
        "Contents/content.hpf": _PACKAGE.format(title=escape(paper.title)),
        "Contents/header.xml": f'<hh:head {_SPACES} version="1.4" secCnt="1"/>',
        "Contents/section0.xml": f"<hs:sec {_SPACES}>{''.join(body)}</hs:sec>",
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in parts.items():
            kind = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
            package.writestr(zipfile.ZipInfo(name, _MOMENT), content.encode(), compress_type=kind)
    return out.getvalue()


def _paragraph(text: str) -> str:
    run = f'<hp:run charPrIDRef="0"><hp:t>{escape(text)}</hp:t></hp:run>'
    return f'<hp:p id="0" paraPrIDRef="0" styleIDRef="0">{run}</hp:p>'


def _table(rows: Sequence[Sequence[str]]) -> str:
    lines = []
    for row, cells in enumerate(rows):
        made = [
            f'<hp:tc><hp:subList>{_paragraph(text)}</hp:subList><hp:cellAddr colAddr="{column}" rowAddr="{row}"/>'
            '<hp:cellSpan colSpan="1" rowSpan="1"/></hp:tc>'
            for column, text in enumerate(cells)
        ]
        lines.append(f"<hp:tr>{''.join(made)}</hp:tr>")
    table = f'<hp:tbl rowCnt="{len(rows)}" colCnt="{len(rows[0])}">{"".join(lines)}</hp:tbl>'
    return f'<hp:p id="0" paraPrIDRef="0" styleIDRef="0"><hp:run charPrIDRef="0">{table}</hp:run></hp:p>'
