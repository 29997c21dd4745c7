"""What is typed: help in two languages, mistakes that are understood, nothing heavy loaded."""

import subprocess
import sys
from pathlib import Path

import pytest

from daeri.cli import main
from daeri.cli.finding import _fits
from daeri.cli.operating import _show_result, arguments_of, filter_of
from daeri.cli.place import Place
from daeri.cli.remote import events_of
from daeri.cli.terminal import Terminal, clean
from daeri.cli.trouble import Trouble
from daeri.cli.words import language
from daeri.errors import ALL_ERRORS


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("DAERI_DIR", "DAERI_KEY", "DAERI_SERVER", "DAERI_LANG", "LANG", "LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def test_help_speaks_korean_and_english(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "대리에게 묻거나 일을 맡겨요" in capsys.readouterr().out
    assert main(["--lang", "en", "--help"]) == 0
    assert "Ask, or have something done" in capsys.readouterr().out
    assert main(["approve", "--help", "--lang", "en"]) == 0
    assert "Reject (a comment is needed)" in capsys.readouterr().out


def test_a_remembered_answer_says_how_old_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    body = {"say": "3건", "result": {}, "masked": []}
    _show_result(Terminal("ko"), body)
    assert "초 전" not in "".join(capsys.readouterr())
    _show_result(Terminal("ko"), body | {"age": 7})
    assert "7초 전에 읽은 답이에요" in "".join(capsys.readouterr())


@pytest.mark.parametrize(
    ("line", "ko", "en"),
    [
        (["aks", "hi"], "'aks'라는 명령은 없어요. 혹시 'ask'?", "Did you mean 'ask'?"),
        (["approve", "yess", "x"], "혹시 'yes'", "Did you mean 'yes'?"),
        (["run", "list", "--jsn"], "--jsn 옵션은 없어요", "No such option"),
        (["ask"], "TEXT 자리에 값을 적어 주세요", "Missing argument"),
        (["run", "list", "--limit", "many"], "--limit", "--limit"),
    ],
)
def test_a_mistyped_line_is_understood(capsys: pytest.CaptureFixture[str], line: list[str], ko: str, en: str) -> None:
    assert main(line) == 2
    assert ko in capsys.readouterr().err
    assert main([*line, "--lang", "en"]) == 2
    assert en in capsys.readouterr().err


def test_every_code_is_explained_in_both_languages(capsys: pytest.CaptureFixture[str]) -> None:
    for error in ALL_ERRORS:
        assert main(["explain", error.code]) == 0
        assert error.title.ko in capsys.readouterr().out
        assert main(["--lang", "en", "explain", error.code]) == 0
        assert error.help.en in capsys.readouterr().out
    assert main(["explain", "server-unreachabel"]) == 1
    assert "server-unreachable" in capsys.readouterr().err


def test_the_codes_that_commands_raise_are_all_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain"]) == 0
    table = capsys.readouterr().out
    for code in ("port-taken", "no-data", "no-key", "audit-broken", "not-a-demo", "bad-setting", "usage"):
        assert code in table


def test_talking_commands_load_nothing_of_the_server() -> None:
    heavy = ("sqlalchemy", "pydantic", "fastapi", "uvicorn", "babel", "asyncio", "daeri.app", "daeri.sample")
    program = f"import sys, daeri.cli; print([name for name in {heavy!r} if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"


def test_the_language_is_the_option_then_the_environment_then_korean() -> None:
    assert language([], {}) == "ko"
    assert language([], {"LANG": "C.UTF-8"}) == "ko"
    assert language([], {"LANG": "en_US.UTF-8"}) == "en"
    assert language([], {"LANG": "en_US.UTF-8", "DAERI_LANG": "ko"}) == "ko"
    assert language(["ask", "--lang=en"], {"DAERI_LANG": "ko"}) == "en"
    assert language(["ask", "--", "--lang", "en"], {}) == "ko"


def test_arguments_are_text_unless_they_say_that_they_are_json() -> None:
    assert arguments_of(["start=2026-11-26", "n=3", "items:=[1, 2]", "why=a=b"]) == {
        "start": "2026-11-26",
        "n": "3",
        "items": [1, 2],
        "why": "a=b",
    }
    for wrong in ("alone", "=value", "items:=[1,"):
        with pytest.raises(Trouble):
            arguments_of([wrong])


@pytest.mark.parametrize(
    ("condition", "parameter"),
    [
        ("rank=대리", ("rank", "대리")),
        ("hired_on>=2024-01-01", ("hired_on.gte", "2024-01-01")),
        ("amount < 5", ("amount.lt", "5")),
        ("status!=done", ("status.ne", "done")),
        ("name~김", ("name.contains", "김")),
        ("amount.gte=5", ("amount.gte", "5")),
    ],
)
def test_conditions_become_parameters_of_the_api(condition: str, parameter: tuple[str, str]) -> None:
    assert filter_of(condition) == parameter


def test_a_shortened_id_fits_by_its_beginning_its_end_or_what_lists_show() -> None:
    whole = "apr_01M805MW0F7Y8Z555AHGCHV6YY"
    for part in (whole, "apr_01M8", "01M805", "01m805", "HGCHV6YY", "hgch", "V6YY"):
        assert _fits(part, whole)
    for part in ("V6Y", "", "805M", "zzzz"):
        assert not _fits(part, whole)


def test_events_are_read_across_comments_and_split_data() -> None:
    lines = [b"retry: 1000\n", b"\n", b": ping\n", b"\n", b"id: 1\n", b'data: {"seq":\n', b"data: 1}\n", b"\n"]
    assert list(events_of(lines)) == [{"seq": 1}]


def test_text_from_records_cannot_steer_the_terminal() -> None:
    assert clean("\x1b[2J김하은\x07\x9b31m") == "[2J김하은31m"


def test_where_and_who_are_the_option_then_the_environment_then_the_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    demo = tmp_path / "daeri-demo"
    demo.mkdir()
    (demo / "demo-keys.json").write_text('{"deputy": "dk_d", "lead": "dk_l"}')
    (demo / "server.json").write_text('{"url": "http://127.0.0.1:1234"}')
    assert Place().folder() == Path("daeri-demo")
    assert Place().address() == "http://127.0.0.1:1234"
    assert Place().credential() == "dk_d"
    assert Place(login="lead").credential() == "dk_l"
    monkeypatch.setenv("DAERI_KEY", "dk_env")
    monkeypatch.setenv("DAERI_SERVER", "https://daeri.example.com/")
    assert Place().credential() == "dk_env"
    assert Place(login="lead").credential() == "dk_l"
    assert Place(key="dk_given", login="lead").credential() == "dk_given"
    assert Place().address() == "https://daeri.example.com"
    assert Place(server="http://127.0.0.1:9").address() == "http://127.0.0.1:9"
    with pytest.raises(Trouble, match="Not the address"):
        Place(server="file:///etc/passwd").address()


def test_a_half_written_note_of_a_server_is_no_note(tmp_path: Path) -> None:
    (tmp_path / "server.json").write_text('{"url": "http')
    assert Place(dir=tmp_path).address() == "http://127.0.0.1:8787"
