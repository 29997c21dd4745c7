"""Does code that imports numpy or pandas go where it may, and is the process that runs it believed in nothing?

What the interpreter in WebAssembly itself does is tried in test_numeric_at_night.py; here its process is played.
"""

import importlib
import os
import sys
import textwrap
import types
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from daeri.cli import checks
from daeri.errors import NotReady, Timeout
from daeri.tools import numeric
from daeri.tools.code import Coding, Worked, code_catalog
from daeri.tools.numeric import Numeric, packages_of
from daeri.tools.sandbox import Answered, Bounds, Sandbox
from worlds import OWNER, World, open_world

pytestmark = pytest.mark.anyio
QUICK = Bounds(seconds=0.5, wall=5.0, memory=16 * 2**20, printed=100, calls=3)
NAMES = frozenset({"f"})
HEAD = """
import json, os, sys, time
from pathlib import Path
def say(line): print(line, flush=True)
def end(value=None, error="", **more):
    say("r" + json.dumps({"end": json.dumps({"value": value, "error": error}), **more}))
folder = Path(sys.argv[1])
"""


@pytest.fixture
async def played(tmp_path, monkeypatch):
    """Let a program of the test's own play the process that runs code."""
    monkeypatch.setattr(numeric, "is_installed", lambda: True)
    opened: list[Numeric] = []

    def play(program: str, *, ready: bool = True) -> Numeric:
        script = tmp_path / "played.py"
        begin = "say('r' + json.dumps({'ready': True}))\n" if ready else ""
        script.write_text(HEAD + begin + textwrap.dedent(program), encoding="utf-8")
        monkeypatch.setattr(numeric, "PROGRAM", (str(script),))
        opened.append(Numeric(tmp_path / "compiled", QUICK))
        return opened[-1]

    yield play
    for each in opened:
        await each.close()


@pytest.fixture
async def world(furnished: Path, tmp_path: Path) -> AsyncIterator[World]:
    sandbox = Sandbox()
    async with open_world(furnished, tmp_path, code_catalog()) as opened:
        opened.door.parts[Worked] = Coding(sandbox, opened.door, Numeric(tmp_path / "compiled"))
        yield opened
    await sandbox.close()


async def doubled(name: str, positional: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
    del name, named
    if positional == ("no",):
        raise Answered("PermissionError", "not yours")
    return positional[0] * 2


@pytest.mark.parametrize(
    ("code", "packages"),
    [
        ("import numpy", ["numpy"]),
        ("import json, pandas as pd", ["pandas"]),
        ("from scipy.stats import norm", ["scipy"]),
        ("x = 1; import numpy.linalg as la", ["numpy"]),
        ("def f():\n\timport pandas, numpy\n", ["numpy", "pandas"]),
        ("if True: from sklearn import linear_model", ["sklearn"]),
        ("import json", []),
        ("import numpyro", []),
        ("# import numpy", []),
        ("from numbers import Number", []),
        ("numpy = 1\nnumpy", []),
        ("from .numpy import x", []),
        ("import ,", []),
        ("from\nimport\n", []),
    ],
)
def test_what_code_imports_decides_where_it_runs(code, packages):
    assert packages_of(code) == packages


async def test_code_without_such_an_import_runs_as_before(world: World) -> None:
    done = await world.done(await world.actor(OWNER), "code.run", {"code": "6 * 7"})
    assert done.result["value"] == 42


@pytest.mark.parametrize(
    ("lang", "words"), [("ko", "이 서버에는 pandas 패키지가"), ("en", "This server has no pandas")]
)
async def test_where_the_extra_is_missing_the_answer_says_what_to_install(
    world: World, monkeypatch, lang, words
) -> None:
    monkeypatch.setattr(numeric, "is_installed", lambda: False)
    with pytest.raises(NotReady) as refused:
        await world.done(await world.actor(OWNER), "code.run", {"code": "import pandas\nwork__find(1)"})
    said = refused.value.detail.to(lang)
    assert words in said
    assert "pip install 'daeri[numpy]'" in said
    assert [row["action"] for row in await world.audited()][-1:] == ["code.run"]


async def test_calls_are_answered_and_refusals_are_exceptions_there(played) -> None:
    here = played(
        """
        asked = json.loads(input())
        say("c" + json.dumps({"name": "f", "positional": [21], "named": {}}))
        value = json.loads(input())["value"]
        say("c" + json.dumps({"name": "f", "positional": ["no"], "named": {}}))
        end([asked["code"], asked["names"], value, json.loads(input())])
        """
    )
    came = await here.run("import numpy", doubled, NAMES)
    assert came.value == ["import numpy", ["f"], 42, {"kind": "PermissionError", "message": "not yours"}]


@pytest.mark.parametrize(
    ("says", "told"),
    [
        ("sys.exit(1)", "the worker crashed"),
        ("say('r')", "the interpreter ended"),
        ("say('r' + '[' * 100_000)", "the interpreter ended"),
        ("say('r[]')", "the interpreter ended"),
        ("say('r' + json.dumps({'end': '[' * 100_000}))", "the interpreter ended"),
        ("say('r' + json.dumps({'end': '', 'stderr': 'x\\nMemoryError'}))", "MemoryError"),
        ("say('r' + json.dumps({'end': '', 'trapped': 'stack overflow'}))", "stack overflow"),
        ("say('r' + json.dumps({'trapped': 'cancelled'}))", "TimeoutError: the code computed for more than 0.5 s"),
        ("end(1, more=True)", "printed more than 100 bytes"),
        ("end('x' * 300_000)", "the last value cannot be returned"),
        ("say('r{\"end\": ' + json.dumps('{\"value\": ' + '9' * 5000 + '}') + '}')", "the interpreter ended"),
        ("say('x' * 5_000_000); end(1)", "the worker crashed"),
        ("while True: say('c{}')", "more than 3 calls"),
        ("say('c{\"name\": \"g\"}'); end(error=json.loads(input())['kind'])", "NameError"),
        ("say('c{\"name\": [1]}'); end(error=json.loads(input())['kind'])", "NameError"),
        ('say(\'c{"name": "f", "positional": {}}\'); end(error=json.loads(input())[\'kind\'])', "TypeError"),
        ("say('c' + '[' * 100_000); end(error=json.loads(input())['kind'])", "NameError"),
    ],
)
async def test_what_the_process_says_is_checked(played, says, told) -> None:
    here = played(f"input()\n{says}\n")
    came = await here.run("import numpy", doubled, NAMES)
    assert told in came.error
    assert came.value is None


async def test_what_was_printed_is_told_without_what_no_database_keeps(played) -> None:
    here = played("input(); end(printed='a\\0' + 'b' * 1000, error='ValueError: x')")
    came = await here.run("import numpy", doubled, NAMES)
    assert came.printed.startswith("a\N{REPLACEMENT CHARACTER}b")
    assert len(came.printed) == QUICK.printed


async def test_a_process_serves_one_piece_of_code_after_another(played) -> None:
    here = played("for _ in sys.stdin: end(os.getpid())")
    first, second = [await here.run("import numpy", doubled, NAMES) for _ in range(2)]
    assert first.value == second.value


async def test_a_process_that_crashed_is_replaced(played) -> None:
    here = played("asked = json.loads(input())\nif asked['code'] == 'die': sys.exit(1)\nend(os.getpid())")
    assert (await here.run("die", doubled, NAMES)).error
    assert isinstance((await here.run("import numpy", doubled, NAMES)).value, int)


async def test_code_that_does_not_end_is_ended_with_its_process(played, tmp_path) -> None:
    here = played("(folder / 'pid').write_text(str(os.getpid())); input(); time.sleep(60)")
    here.bounds = Bounds(wall=0.3)
    with pytest.raises(Timeout):
        await here.run("import numpy", doubled, NAMES)
    pid = int((tmp_path / "compiled" / "pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_while_it_is_being_prepared_callers_are_told_so_and_then_served(played, monkeypatch) -> None:
    monkeypatch.setattr(numeric, "PATIENCE", 0.2)
    here = played(
        """
        while not (folder / "go").exists(): time.sleep(0.01)
        made = (folder / "made").exists()
        (folder / "made").touch()
        say("r" + json.dumps({"ready": True} if made else {"made": True}))
        for _ in sys.stdin: end(42)
        """,
        ready=False,
    )
    with pytest.raises(NotReady, match="being prepared"):
        await here.run("import numpy", doubled, NAMES)
    starting = here._starting
    assert starting is not None
    (here._folder / "go").touch()
    await starting
    assert (await here.run("import numpy", doubled, NAMES)).value == 42


async def test_a_process_that_cannot_be_started_says_so_and_is_not_tried_again_at_once(played) -> None:
    here = played("(folder / 'tries').open('a').write('x'); sys.exit(1)", ready=False)
    for _ in range(3):
        with pytest.raises(NotReady, match="cannot be started"):
            await here.run("import numpy", doubled, NAMES)
    assert (here._folder / "tries").read_text() == "x"
    assert not await here.works()


async def test_the_process_has_no_environment_of_the_servers(played, monkeypatch) -> None:
    monkeypatch.setenv("DAERI_CANARY", "canary")
    here = played("input(); end(sorted(os.environ))")
    assert "DAERI_CANARY" not in (await here.run("import numpy", doubled, NAMES)).value


async def test_what_is_compiled_is_kept_for_this_account_alone(played) -> None:
    here = played("input(); end(1)")
    await here.run("import numpy", doubled, NAMES)
    assert here._folder.stat().st_mode & 0o777 == 0o700


@pytest.fixture
def guest(monkeypatch):
    """The text that runs in WebAssembly, imported here, its way out being a list."""
    out: list[bytes] = []
    door = types.ModuleType("_host")
    door.call = lambda said: out.append(said) or b'{"value": 1}'  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "_host", door)
    monkeypatch.delitem(sys.modules, "daeri.tools.numeric_guest", raising=False)
    module: Any = importlib.import_module("daeri.tools.numeric_guest")
    monkeypatch.delitem(sys.modules, "daeri.tools.numeric_guest")
    return types.SimpleNamespace(ran=module.ran, out=out)


def test_numbers_and_arrays_of_numpy_come_back_as_plain_ones(guest) -> None:
    code = "import numpy as np\n{'n': np.int64(3), np.int64(2): np.arange(3), 's': {1}, 'b': b'a', 'c': 1j}"
    assert guest.ran(code, []) == {"value": {"n": 3, "2": [0, 1, 2], "s": [1], "b": "61", "c": "1j"}, "error": ""}


def test_arguments_of_calls_may_be_numbers_of_numpy(guest) -> None:
    came = guest.ran("import numpy as np\nf(np.float64(1.5), x=np.arange(2))", ["f"])
    assert came["value"] == 1
    assert guest.out == [b'c{"name": "f", "positional": [1.5], "named": {"x": [0, 1]}}']
    assert np.arange(2).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("x = 1\n1 / 0", "line 2, in <module>\n    1 / 0"),
        ("x = = 1", "SyntaxError"),
        ("import sys\nsys.exit(3)", "SystemExit: 3"),
        ("a = [1]\na.append(a)\na", "the last value cannot be returned"),
        ("list(range(30_000))", "more than 20,000 values"),
        ("class A:\n    tolist = property(lambda self: 1 / 0)\nA()", "division by zero"),
    ],
)
def test_an_error_is_worded_by_the_codes_own_lines(guest, code, told) -> None:
    came = guest.ran(code, [])
    assert told in came["error"]
    assert "numeric_guest" not in came["error"]
    assert came["value"] is None


@pytest.mark.parametrize(
    ("installed", "prepare", "said"),
    [(False, False, ""), (False, True, 'pip install "daeri[numpy]"'), (True, False, "daeri doctor --prepare")],
)
def test_the_doctor_says_what_is_missing_and_how_to_prepare_it(tmp_path, monkeypatch, installed, prepare, said) -> None:
    monkeypatch.setattr(numeric, "is_installed", lambda: installed)
    found = list(checks._numpy(tmp_path, prepare=prepare))
    assert [finding.fix.en.removeprefix("Beforehand: ") for finding in found] == ([said] if said else [])
