"""How does an operator adopt a service outside? `daeri service`: look at it, pin it, see what is adopted."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Exit, Option, Typer

from daeri.cli.command import Desk, command, group
from daeri.cli.terminal import Terminal
from daeri.cli.trouble import Code, Trouble
from daeri.cli.words import Words, both

if TYPE_CHECKING:
    from daeri.operations import Company
    from daeri.upstream.operations import Selection
    from daeri.upstream.pins import Pin
    from daeri.upstream.shape import Shape
    from daeri.upstream.table import Entry

FileOption = Annotated[
    Path | None,
    Option("--file", metavar="FILE", help=both("서비스 표 (DAERI_SERVICES)", "The table of services (DAERI_SERVICES)")),
]
LOCAL = "http://127.0.0.1"
"""Stands for the addresses of a document that is only looked at."""


def add_to(app: Typer) -> None:
    """Declare the commands."""
    services = group(app, "service", both("밖의 서비스를 작업으로 들여와요", "Adopt services outside as operations"))
    command(
        services,
        "inspect",
        both("들여올 것과 빠지는 것을 보여요 (바꾸지 않아요)", "What would be adopted, and what not and why"),
        speaks=False,
    )(inspect)
    command(
        services,
        "pin",
        both("지금 설명을 고정해요", "Pin services as they describe themselves now"),
        speaks=False,
    )(pin)


def inspect(
    desk: Desk,
    what: Annotated[
        str | None,
        Argument(
            metavar="[NAME|FILE|URL]",
            help=both(
                "표의 서비스 이름, 또는 OpenAPI 문서의 파일이나 주소 (없으면 표 전체)",
                "A service of the table, or an OpenAPI document's file or address (none: the whole table)",
            ),
        ),
    ] = None,
    file: FileOption = None,
) -> None:
    """Show each operation, how it would be governed, and what changed since it was pinned; nothing is written."""
    terminal = desk.terminal
    is_document = what is not None and ("/" in what or what.endswith(".json"))
    if what is not None and is_document:
        from daeri.upstream.table import Address, Entry  # noqa: PLC0415 - the server's own; nothing else needs it

        path = what if "://" in what else str(Path(what).resolve())
        looked_at = Entry(document=path, addresses=(Address(url=LOCAL),), adopt=("*",), roles=("*",))
        told = {"service": told_of("service", looked_at, None, None, file)}
    else:
        entries, pins, company = table_of(file, what)
        told = {name: told_of(name, entry, pins.get(name), company, file) for name, entry in entries.items()}
    if terminal.as_json:
        terminal.data({"data": list(told.values())})
    else:
        for each in told.values():
            _show(terminal, each)
        if is_document:
            named = Words("표에 이름을 적어야 들여와요 (adopt, roles)", "Nothing is adopted before a table names it")
            terminal.talk(named)
    if any(each["changed"] for each in told.values()):
        raise Exit(Code.NOT_VERIFIED)


def pin(
    desk: Desk,
    name: Annotated[
        str | None, Argument(metavar="[NAME]", help=both("서비스 (없으면 모두)", "The service (none: all)"))
    ] = None,
    file: FileOption = None,
) -> None:
    """Write down the operations of services that the table names, as they are described now."""
    from daeri.upstream.pins import changes, file_of, pin_of, write_pins  # noqa: PLC0415 - as above

    terminal, table = desk.terminal, _file(file)
    entries, pins, company = table_of(file, name, anew=name is None)
    kept = dict(pins)
    for each, entry in entries.items():
        found, left_out = _found(each, entry, table)
        made = pin_of([shape for shape in found if entry.wants(*shape.keys)])
        chosen = _selection(each, entry, made, company)
        for key, lines in changes(pins[each].operations, found).items() if each in pins else ():
            terminal.tell(f"! {each}.{key}: {'; '.join(lines)}", "yellow")
        for key, reason in (left_out | chosen.left_out).items():
            if entry.wants(key):
                terminal.warn(Words(f"{each}: {key} 은(는) 빠져요: {reason}", f"{each}: {key} is left out: {reason}"))
        kept[each] = made
        said = f"{each}: {len(chosen.adopted)} operations, {made.digest[:16]}"
        terminal.tell(terminal.word(Words(f"{each}: 작업 {len(chosen.adopted)}개, {made.digest[:16]}", said)))
    write_pins(table, kept)
    restart = Words("서버를 다시 켜면 쓰여요", "It takes effect when the server is started again")
    terminal.talk(Words(f"적었어요: {file_of(table)}. {restart.ko}", f"Written: {file_of(table)}. {restart.en}"))


def _file(file: Path | None) -> Path:
    from daeri.settings import environment  # noqa: PLC0415 - as above

    named = file or (Path(environment()["DAERI_SERVICES"]) if environment().get("DAERI_SERVICES") else None)
    if named is None:
        raise Trouble(
            "no-services",
            Words("서비스 표가 없어요", "There is no table of services"),
            fix=Words(
                "--file services.toml 을 주거나 DAERI_SERVICES 를 넣어 주세요",
                "Give --file services.toml, or set DAERI_SERVICES",
            ),
            code=Code.USAGE,
        )
    return named


def table_of(
    file: Path | None, name: str | None = None, *, anew: bool = False
) -> "tuple[Mapping[str, Entry], dict[str, Pin], Company]":
    """Return the services of a table, or the one of that name, what is pinned of all, and the company.

    With `anew` all of them are going to be pinned, so pins that were changed by hand do not matter.

    Raises:
        Trouble: the table cannot be used, or names no such service.
    """
    from daeri.cli.company import company_of  # noqa: PLC0415 - as above
    from daeri.errors import DeclarationError  # noqa: PLC0415 - as above
    from daeri.upstream.pins import file_of, pins_of  # noqa: PLC0415 - as above
    from daeri.upstream.table import table_in  # noqa: PLC0415 - as above

    table = _file(file)
    pins: dict[str, Pin] = {}
    try:
        services = table_in(table).services
        pins = pins_of(table)
    except DeclarationError as error:
        if not (anew and file_of(table).name in str(error)):
            raise _unusable(error) from None
    if name is not None and name not in services:
        known = ", ".join(services)
        raise Trouble(
            "not-found",
            Words(f"'{name}' 서비스는 표에 없어요", f"The table names no service '{name}'"),
            why=Words(f"있는 것: {known}", f"It names: {known}"),
            code=Code.USAGE,
        )
    chosen = services if name is None else {name: services[name]}
    return chosen, pins, company_of(None)


def _unusable(error: Exception) -> Trouble:
    return Trouble(
        "bad-services",
        Words("서비스 표를 쓸 수 없어요", "The table of services cannot be used"),
        why=Words(str(error), str(error)),
        code=Code.USAGE,
    )


def _found(name: str, entry: "Entry", table: Path) -> "tuple[list[Shape], dict[str, str]]":
    """Ask a service what it offers now."""
    import asyncio  # noqa: PLC0415 - commands that talk with a server have no use for it

    from daeri.errors import DeclarationError  # noqa: PLC0415 - as above
    from daeri.settings import environment  # noqa: PLC0415 - as above
    from daeri.upstream.http import Lost, Unsent  # noqa: PLC0415 - as above
    from daeri.upstream.live import live_of  # noqa: PLC0415 - as above
    from daeri.upstream.schemas import Unusable  # noqa: PLC0415 - as above
    from daeri.upstream.services import look  # noqa: PLC0415 - as above
    from daeri.upstream.table import key_of  # noqa: PLC0415 - as above

    async def ask() -> "tuple[list[Shape], dict[str, str]]":
        return await look(live_of(name, entry, key_of(name, entry, environment()), table.parent, environment()))

    try:
        return asyncio.run(ask())
    except DeclarationError as error:
        raise _unusable(error) from None
    except (Unsent, Lost, Unusable) as error:
        raise Trouble(
            "service-unreadable",
            Words(f"{name}: 서비스의 설명을 읽지 못했어요", f"{name}: the service's description cannot be read"),
            why=Words(str(error), str(error)),
            fix=Words("주소와 문서를 확인해 주세요", "Check its address and its document"),
            code=Code.UNREACHABLE if isinstance(error, Unsent) else Code.FAILED,
        ) from None


def _selection(name: str, entry: "Entry", pinned: "Pin", company: "Company | None") -> "Selection":
    from daeri.upstream.operations import select  # noqa: PLC0415 - as above

    return select(name, entry, pinned, company)


def told_of(
    name: str, entry: "Entry", pinned: "Pin | None", company: "Company | None", file: Path | None
) -> dict[str, Any]:
    """Return what inspecting one service tells.

    Raises:
        Trouble: it does not answer, or cannot be read.
    """
    from daeri.upstream.pins import changes, pin_of  # noqa: PLC0415 - as above

    table = Path(os.curdir) / "services.toml" if company is None else _file(file)
    found, left_out = _found(name, entry, table)
    chosen = _selection(name, entry, pin_of(found), company)
    keys = {key for shape in found for key in shape.keys} | set(left_out)
    unknown = dict.fromkeys(
        sorted({*entry.operations} - keys), "the table governs it, but the service offers nothing of that name"
    )
    of_pin = {} if pinned is None else changes(pinned.operations, found)
    unpinned = [] if pinned is None else [one.name for one in chosen.adopted if pinned.shape(one.shape.key) is None]
    return {
        "service": name,
        "pinned": pinned is not None,
        "operations": [
            {
                "name": one.name,
                "key": one.shape.key,
                "at": f"{one.shape.method} {one.shape.path}".strip(),
                "label": {"ko": one.label.ko, "en": one.label.en},
                "effect": one.effect,
                "roles": list(entry.roles if one.governed.roles is None else one.governed.roles),
                "approval": None if one.effect == "read" else one.governed.approval,
                "parameters": [parameter.name for parameter in one.shape.parameters],
                "description": one.shape.description or one.shape.summary,
                "digest": one.shape.digest,
            }
            for one in chosen.adopted
        ],
        "left_out": left_out | chosen.left_out | unknown,
        "changed": of_pin,
        "unpinned": unpinned,
    }


def _show(terminal: Terminal, told: Mapping[str, Any]) -> None:
    pinned = Words("고정됨", "pinned") if told["pinned"] else Words("고정 안 됨", "not pinned")
    terminal.tell(f"{told['service']} ({terminal.word(pinned)})", "bold")
    words = (
        Words("작업", "Operation"),
        Words("하는 일", "Effect"),
        Words("역할", "Roles"),
        Words("결재", "Approval"),
        Words("원래 이름", "There"),
        Words("항목", "Parameters"),
    )
    rows = [
        [
            one["name"],
            one["effect"],
            ", ".join(one["roles"]),
            one["approval"] or "-",
            one["at"] or one["key"],
            ", ".join(one["parameters"]) or "-",
        ]
        for one in told["operations"]
    ]
    if rows:
        terminal.table([terminal.word(each) for each in words], rows)
    for key, reason in told["left_out"].items():
        terminal.tell(f"- {key}: {reason}", "dim")
    for key, lines in told["changed"].items():
        terminal.tell(f"! {key}", "yellow")
        for line in lines:
            terminal.tell(f"    {line}")
    for name in told["unpinned"]:
        terminal.tell(f"+ {name}: {terminal.word(Words('새로 생겼어요, 고정하면 쓰여요', 'new; used once pinned'))}")
