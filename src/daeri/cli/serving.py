"""How is a server started and looked after? `demo`, `serve`, `doctor`, and what the codes mean: `explain`."""

import gc
import os
import time
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from typer import Argument, Exit, Option, Typer

from daeri.cli.bars import bars
from daeri.cli.command import Desk, command
from daeri.cli.place import whereabouts
from daeri.cli.terminal import Terminal, person
from daeri.cli.trouble import Code, Trouble
from daeri.cli.words import FIX, Words, both

if TYPE_CHECKING:
    from daeri.settings import Settings

PARTS: Final = {
    "조직": "Teams",
    "직원": "People",
    "휴가 계정": "Leave accounts",
    "휴가": "Leave",
    "경비": "Expenses",
    "구매": "Purchases",
    "상품": "Products",
    "거래처": "Customers",
    "주문": "Orders",
}
"""What the sample's loader says it is loading, in English."""
TRY: Final = (
    Words("휴가 며칠 남았어?", "How many leave days do I have left?"),
    Words("다음 주 목금 연차 올려줘", "Request leave next Thursday and Friday"),
    Words("지난달 영업1팀 매출 얼마야?", "What were the sales of Sales Team 1 last month?"),
)

HostOption = Annotated[str | None, Option("--host", metavar="HOST", help=both("들을 주소", "Address to listen on"))]
PortOption = Annotated[
    int | None, Option("--port", min=0, max=65535, metavar="PORT", help=both("포트 (8787)", "Port (8787)"))
]


def add_to(app: Typer) -> None:
    """Declare the commands."""
    command(app, "demo", both("가상 회사를 만들고 서버를 켜요", "Build the sample company and serve it"), speaks=False)(
        demo
    )
    command(app, "serve", both("회사의 서버를 켜요", "Serve a company"), speaks=False)(serve)
    command(app, "mcp", both("MCP 클라이언트를 서버에 이어요 (stdio)", "Connect an MCP client to the server (stdio)"))(
        mcp
    )
    command(app, "doctor", both("준비 상태를 살펴요", "Check that everything is in order"), speaks=False)(doctor)
    command(app, "explain", both("오류 코드의 뜻과 할 일", "What an error code means, and what to do"), speaks=False)(
        explain
    )


def demo(
    desk: Desk,
    host: HostOption = None,
    port: PortOption = None,
    *,
    no_serve: Annotated[bool, Option("--no-serve", help=both("만들기만 해요", "Only build it"))] = False,
) -> None:
    """Build the sample company the first time, then serve it."""
    gc.disable()  # what is imported stays: looking for garbage in it costs a tenth of the start (see running.py)
    from daeri.cli import building, running  # noqa: PLC0415 - the server; nothing else needs it
    from daeri.cli.company import settings_of  # noqa: PLC0415 - same
    from daeri.cli.place import DEMO_DIR, Place  # noqa: PLC0415 - same
    from daeri.log import set_up  # noqa: PLC0415 - same
    from daeri.sample import hanbit  # noqa: PLC0415 - same

    terminal, started = desk.terminal, time.perf_counter()
    place = Place(desk.place.dir or Path(os.environ.get("DAERI_DIR") or DEMO_DIR), url=desk.place.url)
    settings = settings_of(place, host=host, port=port, demo=True)
    set_up(settings.log_level if "log_level" in settings.model_fields_set else "WARNING")
    held = None if no_serve else running.hold_port(settings.host, settings.port)
    if building.state_of(settings) != "ready":
        _build(terminal, settings)
    people = building.people_of(settings)
    if held is None:
        _say_built(terminal, settings, people)
        return
    _warn_of_others(terminal, settings)
    ready = partial(_say_ready, terminal, settings, people)
    running.run(hanbit(), settings, held, lambda url: ready((url, started)), building.bring_documents)
    _say_stopped(terminal, f"daeri demo --dir {settings.dir}", settings)


def serve(
    desk: Desk,
    company: Annotated[
        str | None,
        Option(
            "--company",
            metavar="MODULE:CALLABLE",
            help=both("회사 정의 (DAERI_COMPANY)", "The company (DAERI_COMPANY)"),
        ),
    ] = None,
    host: HostOption = None,
    port: PortOption = None,
    mcp_extras: Annotated[
        str | None,
        Option(
            "--mcp-extras",
            metavar="MODULE:CALLABLE",
            help=both("MCP에만 내놓을 것 (DAERI_MCP_EXTRAS)", "What is offered over MCP besides (DAERI_MCP_EXTRAS)"),
        ),
    ] = None,
) -> None:
    """Serve a company from its data folder."""
    gc.disable()  # as above
    from daeri.cli import running  # noqa: PLC0415 - the server; nothing else needs it
    from daeri.cli.company import company_of, extras_of, settings_of  # noqa: PLC0415 - same
    from daeri.log import set_up  # noqa: PLC0415 - same

    terminal = desk.terminal
    served, extras = company_of(company), extras_of(mcp_extras)
    settings = settings_of(desk.place, host=host, port=port)
    set_up(settings.log_level)
    held = running.hold_port(settings.host, settings.port)
    _warn_of_others(terminal, settings)
    origins = running.origins_of(settings, {"dir": desk.place.dir, "host": host, "port": port})
    model = running.planner_of(settings)

    def begun(url: str) -> None:
        if terminal.as_json:
            terminal.data({"url": url, "pid": os.getpid(), "company": served.name.en, "model": model or "keyless"})
            return
        terminal.tell(f"{terminal.word(Words(served.name.ko, served.name.en))}  {url}")
        terminal.talk(
            Words(f"  API 안내 {url}/docs · 데이터 {_where(settings)}", f"  API {url}/docs · data {_where(settings)}")
        )
        terminal.talk(Words("  모델: ", "  Model: ").to(terminal.lang) + _planner(terminal, model))
        if origins:
            came = " · ".join(f"{name} ← {where}" for name, where in origins)
            terminal.talk(Words("  설정: ", "  Settings: ").to(terminal.lang) + came)
        terminal.talk(Words("  끄기: Ctrl-C", "  Stop: Ctrl-C"))

    running.run(served, settings, held, begun, extras=extras)
    _say_stopped(terminal, f"daeri serve --dir {settings.dir}", settings)


def mcp(desk: Desk) -> None:
    """Carry MCP between standard streams and the running server, as the person of the key (DAERI_KEY)."""
    from daeri.cli import bridge  # noqa: PLC0415 - HTTP and threads load only for commands that speak

    bridge.carry(desk)


def doctor(
    desk: Desk,
    *,
    prepare: Annotated[
        bool,
        Option(
            "--prepare",
            help=both("numpy를 쓰는 코드를 미리 준비해요 (몇 분)", "Compile now what code with numpy needs (minutes)"),
        ),
    ] = False,
) -> None:
    """Check what a server needs, one line each."""
    from daeri.cli.checks import check_all  # noqa: PLC0415 - the server; nothing else needs it

    terminal = desk.terminal
    findings = check_all(desk.place, prepare=prepare)
    if terminal.as_json:
        terminal.data(
            {
                "data": [
                    {"sign": item.sign, "text": terminal.word(item.words), "fix": terminal.word(item.fix)}
                    for item in findings
                ]
            }
        )
    else:
        for item in findings:
            style = {"✓": "green", "!": "yellow", "✗": "red"}[item.sign]
            terminal.tell(f"{item.sign} {terminal.word(item.words)}", style)
            if item.sign != "✓" and terminal.word(item.fix):
                terminal.tell(f"    {terminal.word(FIX)}: {terminal.word(item.fix)}")
    if any(item.sign == "✗" for item in findings):
        raise Exit(Code.FAILED)


def explain(
    desk: Desk,
    code: Annotated[
        str | None, Argument(metavar="[CODE]", help=both("오류 코드 (없으면 목록)", "An error code (none: list them)"))
    ] = None,
) -> None:
    """Say what an error code means and what to do."""
    from daeri.cli.explaining import meanings  # noqa: PLC0415 - loads the error tree; errors are rare

    terminal = desk.terminal
    known = meanings()
    if code is None:
        if terminal.as_json:
            terminal.data({"data": [item.body(terminal.lang) for item in known.values()]})
            return
        rows = [[item.code, terminal.word(item.title)] for item in known.values()]
        terminal.table([terminal.word(Words("코드", "code")), terminal.word(Words("뜻", "meaning"))], rows)
        return
    meaning = known.get(code.strip().lower())
    if meaning is None:
        near = get_close_matches(code, known, n=3, cutoff=0.4)
        maybe = ", ".join(near)
        raise Trouble(
            "not-found",
            Words(f"'{code}' 라는 코드는 없어요", f"There is no code '{code}'"),
            why=Words(f"혹시 {maybe}?", f"Did you mean {maybe}?") if near else None,
            fix=Words("목록 보기:  daeri explain", "See the list:  daeri explain"),
        )
    if terminal.as_json:
        terminal.data(meaning.body(terminal.lang))
        return
    terminal.tell(f"{meaning.code}: {terminal.word(meaning.title)}", "bold")
    terminal.tell(terminal.word(meaning.help))
    if meaning.protocols:
        terminal.tell(meaning.protocols, "dim")


def _build(terminal: Terminal, settings: "Settings") -> None:
    from daeri.cli import building  # noqa: PLC0415 - the server; nothing else needs it
    from daeri.clock import Clock  # noqa: PLC0415 - same

    if building.state_of(settings) == "building":
        terminal.talk(
            Words("지난번에 만들다 멈췄네요. 처음부터 다시 만들게요", "The last build was interrupted: starting over")
        )
    terminal.talk(
        Words(
            "가상 회사를 만들고 서버를 켜요 (키와 인터넷이 필요 없어요)",
            "Building the sample company (no key and no internet needed)",
        )
    )
    with bars(terminal) as advance:

        def progress(part: str, done: int, total: int) -> None:
            advance(part if terminal.lang == "ko" else PARTS.get(part, part), done, total)

        building.build_demo(settings, Clock(), progress)


def _say_ready(
    terminal: Terminal, settings: "Settings", people: Sequence[Mapping[str, Any]], served: tuple[str, float]
) -> None:
    url, started = served
    seconds = time.perf_counter() - started
    if terminal.as_json:
        terminal.data({"url": url, "pid": os.getpid(), "dir": str(settings.dir), "people": list(people)})
        return
    terminal.tell(
        terminal.word(Words(f"준비됐어요 ({seconds:.1f}초)  {url}", f"Ready ({seconds:.1f} s)  {url}")), "bold"
    )
    terminal.tell(
        terminal.word(Words("  로그인 (화면에서 고르기): ", "  Sign in as (pick on the page): ")) + _called(people)
    )
    where = "" if settings.dir == Path("daeri-demo") else f" --dir {settings.dir}"
    terminal.tell(terminal.word(Words("  해 보기:", "  Try:")))
    for request in TRY:
        terminal.tell(f'    daeri ask "{terminal.word(request)}"{where}')
    terminal.tell(f"    daeri approve list --as lead{where}")
    terminal.tell(
        terminal.word(
            Words(
                f"  끄기: Ctrl-C (데이터는 {_where(settings)}, 지우려면 {_what(settings).ko} 삭제)",
                f"  Stop: Ctrl-C (the data is in {_where(settings)}; delete {_what(settings).en} to be rid of it)",
            )
        )
    )


def _say_built(terminal: Terminal, settings: "Settings", people: Sequence[Mapping[str, Any]]) -> None:
    if terminal.as_json:
        terminal.data({"dir": str(settings.dir), "people": list(people)})
        return
    terminal.tell(terminal.word(Words(f"만들었어요: {_where(settings)}", f"Built: {_where(settings)}")))
    terminal.talk(_called(people))
    terminal.next(f"daeri demo --dir {settings.dir}")


def _where(settings: "Settings") -> str:
    """Say where the data is, without a password."""
    return whereabouts(settings.store_url) if settings.is_on_server else str(settings.dir)


def _what(settings: "Settings") -> Words:
    return (
        Words("그 데이터베이스와 폴더", "that database and the folder")
        if settings.is_on_server
        else Words("폴더", "the folder")
    )


def _say_stopped(terminal: Terminal, again: str, settings: "Settings") -> None:
    terminal.talk(
        Words(
            f"껐어요. 데이터는 {_where(settings)} 에 그대로 있어요. 다시 켜기: {again}",
            f"Stopped. The data stays in {_where(settings)}. Start again: {again}",
        )
    )


def _warn_of_others(terminal: Terminal, settings: "Settings") -> None:
    from daeri.cli.running import is_open_to_others  # noqa: PLC0415 - the server; nothing else needs it

    if not is_open_to_others(settings):
        return
    terminal.warn(
        Words(
            f"{settings.host} 로 TLS 없이 열려요. 앞에 TLS 프록시를 두고 DAERI_SECURE_COOKIES=true 로 해 주세요",
            f"Open on {settings.host} without TLS: put a TLS proxy in front and set DAERI_SECURE_COOKIES=true",
        )
    )
    if settings.demo:
        terminal.warn(
            Words(
                "데모는 비밀번호 없이 들어올 수 있어요. 믿을 수 있는 망에서만 여세요",
                "Anyone can sign in to a demo without a password: open it on a trusted network only",
            )
        )


def _planner(terminal: Terminal, model: str | None) -> str:
    return model or terminal.word(
        Words(
            "키 없이 동작 중 (OPENROUTER_API_KEY 를 넣으면 모델을 써요)",
            "keyless (set OPENROUTER_API_KEY to use a model)",
        )
    )


def _called(people: Sequence[Mapping[str, Any]]) -> str:
    return " · ".join(f"{person(each)} ({each['login']})" for each in people)
