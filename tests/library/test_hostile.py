"""Do files that are made to harm cost little, say what is wrong, and lose nothing else?"""

import time
from pathlib import Path

import pytest

from daeri.library.blocks import Limits
from daeri.library.cells import Bounds, Cells
from daeri.library.editions import in_folder, named
from library.hostile_files import hostile, sound

FILES = list(hostile())
SECONDS = 30
"""Of the clock, for one file; most take a hundredth of a second."""


@pytest.mark.parametrize("files", [FILES[::5], pytest.param(FILES, marks=pytest.mark.night)], ids=["some", "all"])
def test_three_hundred_hostile_files_end_in_a_clear_word_and_leave_the_next_file_alone(
    files: list[tuple[str, bytes]], tmp_path: Path
) -> None:
    assert len(FILES) >= 300
    limits = Limits(characters_max=200_000, cells_max=20_000)
    bounds = Bounds(seconds=10, memory=512 * 1024 * 1024, talk=200 * 1024 * 1024)
    slow, silent = [], []
    path = tmp_path / "file"
    with Cells(1, limits, bounds) as cells:
        for name, content in files:
            path.write_bytes(content)
            began = time.monotonic()
            reading = cells.read(path, name)
            if time.monotonic() - began > SECONDS:
                slow.append(name)
            if not reading.is_readable and not reading.problems and content.strip(b"\0 \n"):
                silent.append(name)
            assert set(reading.walls) >= {"limits"} or reading.problems
            assert not any("root:" in item.passage.text for item in reading.passages), name
        path.write_bytes(sound("docx"))
        last = cells.read(path, "마지막.docx").passages
    assert "비둘기는 오후 두 시에 난다." in " ".join(item.passage.text for item in last)
    assert slow == []
    assert silent == []


def test_a_gigabyte_is_refused_by_its_size_alone(tmp_path: Path) -> None:
    path = tmp_path / "큰.txt"
    with path.open("wb") as file:
        file.truncate(1024**3)
    began = time.monotonic()
    with Cells() as cells:
        reading = cells.read(path, "큰.txt")
    assert [problem.why for problem in reading.problems] == ["too_large"]
    assert time.monotonic() - began < 1


def test_text_that_a_page_hides_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "x.html"
    path.write_bytes(dict(FILES)["안보이는.html"])
    with Cells() as cells:
        said = " ".join(item.passage.text for item in cells.read(path, "x.html").passages)
    assert "보이는 글" in said
    assert "무시하라" not in said


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\windows\\system32\\x.docx", "x.docx"),
        ("이름\0\n.pdf", "이름.pdf"),
        ("...", ""),
        ("가" * 400 + ".pdf", "가" * 255),
        ("\u202egnp.exe", "gnp.exe"),
    ],
)
def test_a_name_is_never_a_path(name: str, kept: str) -> None:
    assert named(name) == kept


def test_a_folder_has_no_steps_upwards() -> None:
    assert in_folder("../규정//인사/./x\\y/..") == "규정/인사/x/y"


def test_a_process_that_reads_while_its_cells_are_closed_ends_with_its_file(tmp_path: Path) -> None:
    path = tmp_path / "조항.md"
    path.write_text("## 제1조\n\n비둘기는 오후 두 시에 난다.", encoding="utf-8")
    cells = Cells(1)
    assert cells.read(path, "조항.md", told=lambda _: cells.close()).is_readable
    assert cells._free == []
