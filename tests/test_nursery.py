"""Is a server of the nursery like one that was typed? The same answers and ends, in a process of its own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nursery import Born, Nursery, nursery


def born(folder: Path, *arguments: str) -> tuple[Born, Path]:
    log = folder / "log"
    with log.open("ab") as file:
        return nursery().born(arguments, os.environ, file), log


@pytest.mark.parametrize("arguments", [["explain", "approval_required"], ["--nonsense"]])
def test_what_is_born_says_and_returns_what_a_typed_command_does(tmp_path: Path, arguments: list[str]) -> None:
    typed = subprocess.run([sys.executable, "-m", "daeri.cli", *arguments], capture_output=True, check=False)
    one, log = born(tmp_path, *arguments)
    assert one.wait(30) == typed.returncode
    assert log.read_bytes() == typed.stdout + typed.stderr


COMPANY = """
import os, sys
def company():
    files = sorted(int(each) for each in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{each}"))
    print(os.environ["TOLD"], "HOME" in os.environ, os.getcwd(), files, os.getppid())
    raise TypeError("enough")
"""


def test_what_is_born_has_an_environment_a_folder_and_files_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own_company.py").write_text(COMPANY)
    log = tmp_path / "log"
    with log.open("ab") as file:
        one = nursery().born(["serve", "--company", "own_company:company"], {"TOLD": "yes"}, file)
    assert one.wait(30) == 2
    assert f"yes False {tmp_path} [0, 1, 2] " in log.read_text()


def test_what_is_born_is_killed_and_waited_for_like_any_process(tmp_path: Path) -> None:
    one, log = born(tmp_path, "serve", "--dir", str(tmp_path / "data"), "--port", "0")
    with pytest.raises(subprocess.TimeoutExpired):
        one.wait(0.05)
    assert one.poll() is None
    one.send_signal(signal.SIGKILL)
    assert one.wait(30) == one.poll() == -signal.SIGKILL, log.read_text()
    one.send_signal(signal.SIGKILL)  # to one that is gone it is nothing
    assert not Path(f"/proc/{one.pid}").exists()


@pytest.mark.night
def test_what_was_born_ends_with_its_nursery(tmp_path: Path) -> None:
    own = Nursery()
    with (tmp_path / "log").open("ab") as file:
        one = own.born(["serve", "--dir", str(tmp_path / "data"), "--port", "0"], os.environ, file)
    own.close()
    assert not Path(f"/proc/{one.pid}").exists() or "zombie" in Path(f"/proc/{one.pid}/status").read_text()
