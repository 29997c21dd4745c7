"""What do all commands share? The common options, and how a command is declared, run and fails.

A command is a function whose first parameter is a `Desk`; the options every command takes are added to its signature
here, so that they are written once and work before and after the command's name.
"""

import inspect
import os
import sys
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar, get_args

from typer import Context, Exit, Option, Typer

from daeri.cli.client import Api, Line
from daeri.cli.place import Place
from daeri.cli.terminal import Terminal
from daeri.cli.trouble import Trouble
from daeri.cli.words import both, language

Function = TypeVar("Function", bound=Callable[..., None])

PANEL: Final = both("공통 옵션", "Common options")

DirOption = Annotated[
    Path | None,
    Option("--dir", metavar="DIR", rich_help_panel=PANEL, help=both("데이터 폴더", "Folder of the data")),
]
DatabaseOption = Annotated[
    str | None,
    Option(
        "--database",
        metavar="URL",
        rich_help_panel=PANEL,
        help=both(
            "데이터베이스 (DAERI_DATABASE_URL), 없으면 폴더의 파일",
            "Database (DAERI_DATABASE_URL); a file in the folder where none is named",
        ),
    ),
]
ServerOption = Annotated[
    str | None,
    Option("--server", metavar="URL", rich_help_panel=PANEL, help=both("서버 주소", "Address of the server")),
]
KeyOption = Annotated[
    str | None,
    Option(
        "--key",
        metavar="KEY",
        rich_help_panel=PANEL,
        help=both("API 키 (DAERI_KEY 로 주는 것이 안전해요)", "API key (safer by DAERI_KEY)"),
    ),
]
AsOption = Annotated[
    str | None,
    Option(
        "--as",
        metavar="LOGIN",
        rich_help_panel=PANEL,
        help=both("데모 계정: deputy, lead, director, hr, admin", "Demo account: deputy, lead, director, hr, admin"),
    ),
]
JsonOption = Annotated[
    bool,
    Option("--json", rich_help_panel=PANEL, help=both("API와 같은 모양의 JSON", "JSON, in the shapes of the API")),
]
LangOption = Annotated[
    str | None,
    Option("--lang", metavar="ko|en", rich_help_panel=PANEL, help=both("말하는 언어", "Language to speak")),
]
QuietOption = Annotated[
    bool,
    Option("--quiet", "-q", rich_help_panel=PANEL, help=both("결과만 보여 줘요", "Nothing but the result")),
]

WHO: Final[Mapping[str, Any]] = {"server": ServerOption, "key": KeyOption, "login": AsOption}
"""Options of commands that speak with a server as someone."""
ALWAYS: Final[Mapping[str, Any]] = {
    "dir": DirOption,
    "database": DatabaseOption,
    "json": JsonOption,
    "lang": LangOption,
    "quiet": QuietOption,
}


class Desk:
    """What a command works with: where to speak, where the data is, and the API."""

    def __init__(self, terminal: Terminal, place: Place) -> None:
        """Take where to speak, and where and who."""
        self.terminal = terminal
        self.place = place

    @cached_property
    def api(self) -> Api:
        """The server's API."""
        return Api(self.place, self.terminal, _local)

    def close(self) -> None:
        """Let go of what was opened."""
        self.terminal.close_line()
        if "api" in self.__dict__:
            self.api.close()


def command(
    app: Typer, name: str, words: str, *, speaks: bool = True, epilog: str | None = None
) -> Callable[[Function], Function]:
    """Declare a command: its name, its help (from `both`), and whether it speaks with a server."""
    common = {**(WHO if speaks else {}), **ALWAYS}

    def declare(function: Function) -> Function:
        own = inspect.signature(function, eval_str=True)
        _, *parameters = own.parameters.values()

        def run(context: Context, **given: Any) -> None:
            shared = {key: given.pop(key) or (context.obj or {}).get(key) for key in common}
            desk = desk_of(shared)
            try:
                function(desk, **given)
            except Trouble as trouble:
                desk.terminal.fail(trouble)
                raise Exit(trouble.code) from None
            finally:
                desk.close()

        shown = [
            inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Context),
            *(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in parameters),
            *(_option(key, kind) for key, kind in common.items()),
        ]
        _sign(run, shown)
        app.command(name, help=words, epilog=epilog)(run)
        return function

    return declare


def group(app: Typer, name: str, words: str) -> Typer:
    """Declare a group of commands; return where its commands are declared."""
    below = Typer(invoke_without_command=True)
    _stand_before(below, {})
    app.add_typer(below, name=name, help=words)
    return below


def declare_root(app: Typer, version: str) -> None:
    """Let `daeri` alone show the help and `--version` the version."""

    def show(asked: bool) -> None:
        if asked:
            sys.stdout.write(f"daeri {version}\n")
            raise Exit

    option = Option("--version", is_eager=True, callback=show, help=both("버전", "Show the version"))
    _stand_before(app, {"version": Annotated[bool, option]})


def _stand_before(app: Typer, more: Mapping[str, Any]) -> None:
    """Let common options stand before the command's name too, and no name at all show the help."""
    common = {**WHO, **ALWAYS}

    def callback(context: Context, **given: Any) -> None:
        above = context.parent.obj if context.parent is not None else {}
        context.obj = {key: given.get(key) or (above or {}).get(key) for key in common}
        if context.invoked_subcommand is None:
            sys.stdout.write(context.get_help())
            raise Exit

    shown = [
        inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Context),
        *(_option(key, kind) for key, kind in {**more, **common}.items()),
    ]
    _sign(callback, shown)
    app.callback()(callback)


def desk_of(shared: Mapping[str, Any]) -> Desk:
    """Make the desk of a command from its common options."""
    named = shared.get("lang")
    lang = language(["--lang", named] if named else [], os.environ)
    terminal = Terminal(lang, as_json=bool(shared.get("json")), quiet=bool(shared.get("quiet")))
    where = {name: shared.get(name) for name in ("dir", "server", "key", "login")}
    return Desk(terminal, Place(**where, url=shared.get("database")))


def utf8_streams() -> None:
    """Let a terminal that cannot show a character show a question mark instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


def _sign(function: Callable[..., None], shown: list[inspect.Parameter]) -> None:
    """Give a function the signature that typer reads."""
    function.__dict__["__signature__"] = inspect.Signature(shown)
    function.__annotations__ = {parameter.name: parameter.annotation for parameter in shown}


def _option(name: str, kind: Any) -> inspect.Parameter:
    default = False if get_args(kind)[0] is bool else None
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=kind, default=default)


def _local(place: Place) -> Line:
    from daeri.cli.local import Local  # noqa: PLC0415 - the server loads only where no server answers

    return Local(place)
