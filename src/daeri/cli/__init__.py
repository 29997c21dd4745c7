"""What does `daeri` do when it is typed? The commands, for people and for scripts (UX: data on stdout, talk on stderr).

How fast a command starts is felt at each use, so the modules that declare commands import only typer, rich and the
standard library. The server's own modules are imported inside the functions that need them: the one place of the
project where that is allowed, each with its reason.
"""

import os
import sys
from collections.abc import Sequence

from typer import Typer, TyperException

from daeri import __version__
from daeri.cli import (
    acts,
    adopting,
    asking,
    conversing,
    costs,
    deciding,
    keys,
    migrating,
    office,
    operating,
    papers,
    policies,
    proving,
    sealing,
    services,
    serving,
)
from daeri.cli.command import declare_root, utf8_streams
from daeri.cli.terminal import Terminal
from daeri.cli.trouble import Code, Trouble
from daeri.cli.words import Words, both, command_line, language, usage

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 ok, 1 failed, 2 usage, 3 not allowed, 4 waiting, 5, 6, 130.

    Args:
        arguments: what follows the program's name; what was typed, if None.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    lang = language(given, os.environ)
    utf8_streams()
    try:
        code = command_line(application(), lang).main(given, prog_name="daeri", standalone_mode=False)
    except TyperException as error:
        return _misused(error, Terminal(lang, as_json="--json" in given))
    except Exception as error:
        if os.environ.get("DAERI_LOG_LEVEL", "").upper() == "DEBUG":
            raise
        return _broken(error, Terminal(lang, as_json="--json" in given))
    return int(code or 0)


def application() -> Typer:
    """Put the commands together, in the order in which the help tells of them."""
    app = Typer(
        name="daeri",
        help=both(
            "회사 시스템과 AI 에이전트 사이의 서버: 권한, 결재, 기록",
            "The governed server between a company's systems and its AI agents",
        ),
        add_completion=False,
        pretty_exceptions_enable=False,
        no_args_is_help=False,
        invoke_without_command=True,
        epilog=both(
            "처음이라면: daeri demo   ·   종료 코드: 0 됨, 1 실패, 2 사용법, 3 권한 없음, 4 결재 대기, "
            "5 검증 실패, 6 서버 없음, 130 멈춤",
            "New here: daeri demo   ·   exit codes: 0 ok, 1 failed, 2 usage, 3 not allowed, 4 waiting for approval, "
            "5 not verified, 6 no server, 130 stopped",
        ),
    )
    declare_root(app, __version__)
    serving.add_to(app)
    adopting.add_to(app)
    services.add_to(app)
    asking.add_to(app)
    conversing.add_to(app)
    acts.add_to(deciding.add_to(app))
    office.add_to(app)
    operating.add_to(app)
    papers.add_to(app)
    policies.add_to(app)
    costs.add_to(app)
    sealing.add_to(proving.add_to(app))
    keys.add_to(app)
    migrating.add_to(app)
    return app


def _broken(error: Exception, terminal: Terminal) -> int:
    """Say that the program itself failed, in one line; the traceback comes with DAERI_LOG_LEVEL=DEBUG."""
    said = f"{type(error).__name__}: {error}".splitlines()[0][:200]
    terminal.fail(
        Trouble(
            "internal",
            Words("뜻밖의 문제로 멈췄어요", "It stopped at something unexpected"),
            why=Words(said, said),
            fix=Words(
                "daeri doctor 로 살펴보세요. 자세한 기록: DAERI_LOG_LEVEL=DEBUG",
                "Look with daeri doctor. For the details: DAERI_LOG_LEVEL=DEBUG",
            ),
        )
    )
    return int(Code.FAILED)


def _misused(error: TyperException, terminal: Terminal) -> int:
    """Say what is wrong with the command line."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "daeri"
    said = error.format_message()
    terminal.fail(
        Trouble(
            "usage",
            Words(usage(said, "ko"), said),
            fix=Words(f"쓰는 법:  {path} --help", f"How to use it:  {path} --help"),
            code=Code.USAGE,
        )
    )
    return error.exit_code
