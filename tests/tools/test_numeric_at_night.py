"""Does code with numpy and pandas stay within its sandbox and its caller's authority? The real interpreter, compiled.

It is an extra of 100 MB that `make night` installs, and it is compiled once for an environment, which takes minutes.
"""

import asyncio
import json
import os
import resource
import shutil
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from cli.processes import daeri
from daeri.operations.outcome import Done
from daeri.tools.code import Coding, Worked, code_catalog
from daeri.tools.numeric import NUMERIC_BOUNDS, Numeric, is_installed
from daeri.tools.query import query_catalog
from daeri.tools.sandbox import Answered, Bounds, Sandbox
from tools.hostile_code import CANARY, PROGRAMS
from tools.test_code import papers
from worlds import COLLEAGUE, OWNER, SALARIES, STRANGER, World, open_world

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.night,
    pytest.mark.skipif(not is_installed(), reason="daeri[numpy] is not installed; make night installs it"),
]
COMPILED: Final = Path(sys.prefix) / "var" / "daeri-compiled"
HERE: Final = "if 0: import numpy\n"
"""What sends a program to this sandbox without the quarter of a second that the import takes."""
BRIEF: Final = Bounds(seconds=1.5, wall=30.0, memory=256 * 2**20, printed=10_000, calls=20)
FORGERIES: Final = [
    "import _host\n_host.call(b'')",
    "import _host\n_host.call(b'r{}')",
    "import _host\n_host.call(b'c' + b'[' * 100_000)",
    "import _host\n_host.call(b'c' + b'x' * 10**8)",
    "import _host\n_host.call(b'c{}\\nr{\"ready\": true}\\nc{}')",
    "import _host\n_host.call(b'e' + b'x' * 10**8)",
    "import _host, os\n_host.call(b'e{\"value\": 1e999}')\nos._exit(0)",
    'import _host, os\n_host.call(b\'e{"error": {"a": []}}\')\nos._exit(0)',
    "import _host\nwhile True: _host.call(b'c{}')",
    "import _host\nwhile True: _host.call(b'e{}')",
    'import _host\n_host.call(b\'c{"name": "vault__read", "positional": [], "named": {}}\')',
    "import os\nos._exit(3)",
    "import os\nos.abort()",
    "import sys\nsys.setrecursionlimit(10**9)\ndef f(): f()\nf()",
    "import ctypes\nctypes.string_at(0)",
    "import faulthandler\nfaulthandler._sigsegv()",
    "import __main__\n__main__.Told.__call__ = None\n1",
    "import builtins\nbuiltins.dict = builtins.print = None\n1",
    "import threading\nthreading.Thread(target=print).start()",
    "import socket\nsocket.create_connection(('127.0.0.1', 80))",
    "import numpy as np\nnp.ones(10**9)",
    "import numpy as np\na = np.ones(10**6)\nwhile True: a = np.concatenate([a, a])",
    "import numpy as np\nnp.random.rand(2000, 2000) @ np.random.rand(2000, 2000)\nnp.linalg.svd(np.ones((3000, 3000)))",
    "import numpy as np\nnp.fromfile('/etc/passwd')",
    "import numpy as np\nnp.load('{canary}', allow_pickle=True)",
]


@pytest.fixture
async def numeric() -> AsyncIterator[Numeric]:
    opened = Numeric(COMPILED, BRIEF)
    assert await opened.works()
    yield opened
    await opened.close()


@pytest.fixture
async def world(furnished: Path, tmp_path: Path, numeric: Numeric) -> AsyncIterator[World]:
    sandbox = Sandbox()
    async with open_world(furnished, tmp_path, query_catalog(), code_catalog(), papers) as opened:
        opened.door.parts[Worked] = Coding(sandbox, opened.door, numeric)
        yield opened
    await sandbox.close()


async def ran(world: World, person: int, code: str) -> Done:
    return await world.done(await world.actor(person), "code.run", {"code": code})


async def test_a_table_of_pandas_is_made_of_what_an_operation_tells(world: World, numeric: Numeric) -> None:
    numeric.bounds = NUMERIC_BOUNDS
    code = """
import pandas as pd
told = query__run(sql="SELECT id, name FROM w_employee ORDER BY id")
people = pd.DataFrame(told["rows"], columns=["id", "name"])
print(len(people))
people[people.id < 3]
"""
    done = await ran(world, OWNER, code)
    assert done.result["error"] == ""
    assert done.result["value"]["columns"] == ["id", "name"]
    assert [row[0] for row in done.result["value"]["rows"]] == [OWNER, COLLEAGUE]
    assert done.result["printed"] == "4\n"
    assert [source["operation"] for source in done.sources] == ["code.run", "query.run"]


async def test_labels_groups_and_missing_values_come_back_plainly(numeric: Numeric) -> None:
    numeric.bounds = NUMERIC_BOUNDS
    code = """
import pandas as pd
days = pd.DataFrame({"team": ["a", "b", "a"], "n": [1, 2, None], "on": pd.to_datetime(["2026-01-01", None, None])})
[days, days.groupby("team").n.sum(), days.groupby("team")[["n"]].max(), pd.NaT, days.columns]
"""
    came = await numeric.run(code, refused, frozenset())
    assert came.value == [
        {"columns": ["team", "n", "on"], "rows": [["a", 1, "2026-01-01T00:00:00"], ["b", 2, None], ["a", None, None]]},
        {"a": 1.0, "b": 2.0},
        {"columns": ["team", "n"], "rows": [["a", 1.0], ["b", 2.0]]},
        None,
        ["team", "n", "on"],
    ]


async def test_owner_colleague_and_stranger_see_by_numpy_what_they_see_without(world: World) -> None:
    code = f"import numpy as np\nstr(work__salary(np.int64({OWNER})))"
    assert str(SALARIES[OWNER]) in json.dumps((await ran(world, OWNER, code)).result).replace(",", "")
    for other in (COLLEAGUE, STRANGER):
        done = await ran(world, other, code)
        assert done.result["calls"][0]["refused"] in {"permission-denied", "not-found"}
        assert str(SALARIES[OWNER]) not in json.dumps(done.body()).replace(",", "")


async def test_what_numpy_makes_of_a_text_from_outside_is_untrusted(world: World) -> None:
    clean = await ran(world, OWNER, f"{HERE}work__find({OWNER})")
    tainted = await ran(world, OWNER, f"{HERE}papers__read()\n1 + 1")
    assert "untrusted" not in clean.sources[0]
    assert tainted.sources[0]["untrusted"] is True


async def test_nothing_can_be_changed_by_it(world: World) -> None:
    before = await world.sql("SELECT count(*) AS n FROM w_project")
    done = await ran(world, OWNER, f"{HERE}work__add_project(name='몰래')")
    assert "NameError" in done.result["error"]
    forged = 'import _host\n_host.call(b\'c{"name": "work__add_project", "positional": [], "named": {"name": "x"}}\')'
    await ran(world, OWNER, HERE + forged)
    assert await world.sql("SELECT count(*) AS n FROM w_project") == before


async def test_one_piece_of_code_leaves_nothing_to_the_next(numeric: Numeric) -> None:
    await numeric.run("import numpy, builtins\nnumpy.kept = builtins.kept = 1", refused, frozenset())
    came = await numeric.run(
        "import numpy, builtins\n[hasattr(numpy, 'kept'), hasattr(builtins, 'kept')]", refused, frozenset()
    )
    assert came.value == [False, False]


async def test_an_endless_loop_ends_by_what_it_computed_and_tells_what_it_printed(numeric: Numeric) -> None:
    came = await numeric.run("print('so far', flush=True)\nwhile True: pass", refused, frozenset())
    assert came.error == "TimeoutError: the code computed for more than 1.5 s"
    assert came.printed == "so far\n"


async def test_hostile_programs_leave_the_server_as_it_was(
    world: World, numeric: Numeric, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret"
    secret.write_text(CANARY)
    monkeypatch.setenv("DAERI_CANARY", CANARY)
    counted = "SELECT (SELECT count(*) FROM w_project) + (SELECT count(*) FROM approval) AS n"
    before = await world.sql(counted)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for program in [*FORGERIES, *PROGRAMS]:
        code, began = HERE + program.replace("{canary}", str(secret)), time.monotonic()
        done = await ran(world, OWNER, code)
        assert time.monotonic() - began < BRIEF.wall, program
        told = json.dumps(done.body(), ensure_ascii=False)
        assert CANARY not in told, program
        assert "root:" not in told, program
        assert len(told) < 400_000, program
    numeric.bounds = NUMERIC_BOUNDS
    assert (await ran(world, OWNER, "import numpy\nint(numpy.arange(4).sum())")).result["value"] == 6
    assert secret.read_text() == CANARY
    assert await world.sql(counted) == before
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
    assert grown < 100_000, f"the server grew by {grown} KiB"


async def test_its_process_ends_with_the_server() -> None:
    closing = Numeric(COMPILED, BRIEF)
    came = await closing.run("import numpy\n1", refused, frozenset())
    assert came.value == 1
    assert closing._resting is not None
    pid = closing._resting._process.pid
    await closing.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def refused(name: str, positional: object, named: object) -> None:
    del positional, named
    raise Answered("LookupError", name)


def test_the_doctor_prepares_it_and_says_that_it_runs(tmp_path: Path) -> None:
    asyncio.run(_compiled())
    kept = tmp_path / "compiled"
    kept.mkdir(mode=0o700)
    for each in COMPILED.glob("*.cwasm"):
        shutil.copy2(each, kept)
    for arguments in (["--prepare"], []):
        ended = daeri("doctor", "--dir", tmp_path, "--lang", "en", *arguments)
        assert "✓ Code with numpy can run" in ended.stdout
    assert not list((kept / "scratch").iterdir())


async def _compiled() -> None:
    opened = Numeric(COMPILED)
    assert await opened.works()
    await opened.close()
