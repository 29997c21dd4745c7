"""The README is the product's first screen: each command in it runs, in both languages alike."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from databases import POSTGRES, copied
from servers import Server

ROOT = Path(__file__).parents[2]
READMES = ("README.md", "README.ko.md")


def blocks(readme: str, language: str = "sh") -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / readme).read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def demo(read_demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """What `make demo` runs, where the README says it puts its data, on another port."""
    server = Server(copied(read_demo, tmp_path_factory.mktemp("readme") / "daeri-demo"), "demo").start()
    yield server
    server.stop()


@pytest.mark.parametrize("readme", READMES)
def test_every_command_works_as_it_is_printed(readme: str, demo: Server) -> None:
    commands = [line for block in blocks(readme) for line in block.splitlines() if line.startswith(("daeri ", "curl "))]
    elsewhere = ("serve", "sqlite:///") if POSTGRES else ("serve",)
    commands = [line for line in commands if not any(word in line for word in elsewhere)]
    assert len(commands) >= 10
    key = next(line for block in blocks(readme) for line in block.splitlines() if line.startswith("KEY="))
    environment = {**os.environ, "PATH": f"{ROOT / '.venv/bin'}:{os.environ['PATH']}"}
    for command in commands:
        line = command.replace("http://127.0.0.1:8787", demo.url)
        ran = subprocess.run(
            ["bash", "-c", f"{key}\n{line}"],
            cwd=demo.folder.parent,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        expected = 4 if "반차" in line else 0
        assert ran.returncode == expected, f"{line}\n{ran.stdout}\n{ran.stderr}"
        assert ran.stdout.strip(), line
        assert '"code"' not in ran.stdout, ran.stdout


def test_the_two_readmes_show_the_same_commands_and_the_same_code() -> None:
    english, korean = ([re.sub(r"#.*", "", block) for block in blocks(readme)] for readme in READMES)
    assert english == korean
    words = [
        re.sub(r'""".*?"""', "", block, flags=re.DOTALL) for readme in READMES for block in blocks(readme, "python")
    ]
    assert words[0] == words[1]


def test_the_two_readmes_have_the_same_headings() -> None:
    levels = [re.findall(r"^(#+) ", (ROOT / readme).read_text(), re.MULTILINE) for readme in READMES]
    assert levels[0] == levels[1]


def test_make_targets_of_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for readme in READMES:
        for target in re.findall(r"make (\w+)", (ROOT / readme).read_text()):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_code_of_the_readme_declares_a_working_catalog() -> None:
    head = (
        "from datetime import date\nfrom pydantic import BaseModel\nfrom sqlalchemy import ColumnElement, true\n"
        "from sqlalchemy.orm import Mapped\nfrom daeri.operations import Catalog, Line, anyone, superior\n"
        "from daeri.records import Actor, Record, Records\nfrom daeri.wording import Text\n"
    )
    code = head + blocks("README.md", "python")[0] + "\nassert 'leave.request' in leave.operations\n"
    subprocess.run([str(ROOT / ".venv/bin/python"), "-c", code], check=True)
