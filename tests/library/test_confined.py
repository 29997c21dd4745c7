"""Does a process that is shut in with its threads keep one folder, and nothing else of the machine?"""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in {"x86_64", "aarch64"}, reason="the walls are Linux's"
)
BEGIN = """
import os, socket, subprocess, sys, threading
from pathlib import Path
from daeri.library.jail import confine
own, other = map(Path, sys.argv[1:])
walls = confine(own)
"""


def confined(tmp_path: Path, code: str) -> str:
    own, other = tmp_path / "own", tmp_path / "other"
    own.mkdir()
    other.write_text("somebody else's")
    command = [sys.executable, "-c", BEGIN + code, own, other]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return (ended.stdout + ended.stderr).strip()


def test_its_own_folder_and_threads_are_left_to_it(tmp_path: Path) -> None:
    code = """
written = []
thread = threading.Thread(target=lambda: written.append((own / "x").write_text("kept")))
thread.start(); thread.join()
print(walls, written, (own / "x").read_text())
"""
    said = confined(tmp_path, code)
    assert said.endswith("[4] kept")
    assert "seccomp" in said


@pytest.mark.parametrize(
    "code",
    [
        "socket.socket()",
        "socket.socketpair()",
        "os.fork() or os._exit(0)",
        "subprocess.run(['/bin/true'])",
        "os.execv('/bin/true', ['true'])",
        "os.kill(os.getppid(), 0)",
    ],
)
def test_it_has_no_network_and_no_other_process(tmp_path: Path, code: str) -> None:
    assert "PermissionError" in confined(tmp_path, code)


@pytest.mark.parametrize(
    "code", ["other.read_text()", "other.write_text('x')", "os.listdir('/etc')", "open('/etc/passwd')"]
)
def test_it_opens_no_file_of_others(tmp_path: Path, code: str) -> None:
    said = confined(tmp_path, f"print(walls)\n{code}")
    if "landlock" not in said:
        pytest.skip("this kernel has no Landlock")
    assert "PermissionError" in said
    assert (tmp_path / "other").read_text() == "somebody else's"
