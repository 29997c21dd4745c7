"""How does the server run? A port that is held from the start, uvicorn over it, and a note of where it is.

The note (`server.json` in the data folder) is how other commands find the server; it is written when the first request
can be answered and taken away when the last one has been.
"""

import asyncio
import errno
import fcntl
import gc
import os
import signal
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import IO, Any, Final

import uvicorn
from dotenv import dotenv_values
from fastapi import FastAPI

from daeri.app import Daeri, Later, application, revisions_of
from daeri.cli.building import write_private
from daeri.cli.company import bad_setting, unreachable
from daeri.cli.place import SERVER_FILE
from daeri.cli.trouble import Trouble
from daeri.cli.words import Words
from daeri.clock import Clock, rfc3339
from daeri.configured import models_of, with_agents
from daeri.errors import DeclarationError, NotReady
from daeri.gateway.mcp import Extras
from daeri.gateway.websocket import PING_SECONDS
from daeri.operations import Company
from daeri.records.revisions import NewerDatabase
from daeri.records.store import Store
from daeri.settings import Settings, is_loopback

GRACE_SECONDS: Final = 3
"""How long open streams are waited for at the end; listeners come back to the next server by themselves."""
LOCK_FILE: Final = "lock"
GARBAGE: Final = (20_000, 20, 50)
"""How many objects more than before call for a search for unreachable ones, and how many searches for a deeper one.

Python's 700 suits small programs: with thousands of open streams each search walks all of them, a twentieth of the CPU.
"""
ANYWHERE: Final = ("0.0.0.0", "::", "")  # noqa: S104 - compared with, not listened on


class Served(uvicorn.Server):
    """A server that says when it begins and when it ends."""

    def __init__(self, config: uvicorn.Config, begun: Callable[[], None], ended: Callable[[], Awaitable[None]]) -> None:
        """Take what to call at both moments."""
        super().__init__(config)
        self._begun = begun
        self._ended = ended

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        if self.started and not self.should_exit:
            self._begun()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Say so, then stop."""
        await self._ended()
        await super().shutdown(sockets)


def hold_port(host: str, port: int) -> socket.socket:
    """Take a port before any work is done for it; nothing is answered on it yet.

    Raises:
        Trouble: somebody else has it, or this machine has no such address.
    """
    held = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        held.bind((host, port))
    except OSError as error:
        held.close()
        raise _not_bound(host, port, error) from None
    return held


def hold_folder(folder: Path) -> IO[str]:
    """Take a data folder for this process; the kernel gives it back when the process ends, however it ends.

    Raises:
        Trouble: another server works in it; two would carry the same runs.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # the database of a second server lies elsewhere
    held = (folder / LOCK_FILE).open("w")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        held.close()
        raise Trouble(
            "in-use",
            Words(f"{folder} 에서 이미 서버가 돌고 있어요", f"A server is already running on {folder}"),
            why=Words("한 데이터 폴더는 서버 하나만 써요", "A data folder belongs to one server at a time"),
            fix=Words("그 서버를 끄거나 --dir 로 다른 폴더를 쓰세요", "Stop it, or use another folder with --dir"),
        ) from None
    return held


def reach(company: Company, settings: Settings) -> None:
    """Make sure that the database answers and is not of a newer version, before anything is promised.

    Raises:
        Trouble: it does not, or is; or the agents that the settings add do not fit the company.
    """
    try:
        with_agents(company, settings)
    except DeclarationError as error:
        raise bad_setting(str(error)) from error

    async def look() -> None:
        store = Store(settings.store_url)
        try:
            for version_table, scripts in revisions_of(company).items():
                standing = await store.standing(scripts, version_table)
                if standing.unknown:
                    raise NewerDatabase.at(standing.unknown)
        finally:
            await store.close()

    try:
        asyncio.run(look())
    except NotReady as error:
        raise unreachable(settings, error) from None


def url_of(host: str, held: socket.socket) -> str:
    """Return the address to visit."""
    port = held.getsockname()[1]
    name = "127.0.0.1" if host in ANYWHERE else host
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def run(
    company: Company,
    settings: Settings,
    held: socket.socket,
    begun: Callable[[str], None],
    later: Later | None = None,
    extras: Extras | None = None,
) -> None:
    """Serve until the process is told to stop.

    Args:
        company: what is served.
        settings: how.
        held: the port.
        begun: called with the address when requests are answered.
        later: goes on beside the answering of requests.
        extras: what MCP offers beside the company's operations.

    Raises:
        Trouble: the server could not start.
    """
    os.umask(0o077)
    reach(company, settings)
    folder = hold_folder(settings.dir)
    clock = Clock()
    url, note = url_of(settings.host, held), settings.dir / SERVER_FILE

    def announce() -> None:
        gc.enable()
        gc.freeze()
        gc.set_threshold(*GARBAGE)
        write_private(note, {"url": url, "pid": os.getpid(), "started_at": rfc3339(clock.now())})
        begun(url)

    app = application(Daeri(company, settings, clock), extras=extras, later=later)

    async def retire() -> None:
        _take_away(note)
        await app.state.stop()

    server = Served(_how(app, settings), announce, retire)
    # uvicorn hears both signals while it runs and sends them on when it has ended; that is the end wanted here.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    try:
        server.run([held])
    except OSError as error:
        raise _not_bound(settings.host, settings.port, error) from None
    finally:
        folder.close()
    if not server.started:
        raise Trouble(
            "start-failed",
            Words("서버가 시작하지 못했어요", "The server could not start"),
            why=Words("위의 기록에 이유가 있어요", "The log above says why"),
            fix=Words(f"daeri doctor --dir {settings.dir}", f"daeri doctor --dir {settings.dir}"),
        )


def _how(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """Return how uvicorn is to serve."""
    return uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        ws_max_size=settings.body_max,
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=PING_SECONDS,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def planner_of(settings: Settings) -> str | None:
    """Return the model that plans, or None: keyless."""
    models = models_of(settings)
    return models[0].name if models else None


def is_open_to_others(settings: Settings) -> bool:
    """Say whether other machines can reach the server without TLS."""
    return not is_loopback(settings.host) and not settings.secure_cookies


def origins_of(settings: Settings, flags: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the settings that are not the defaults, as (name, where it came from); never a value, which may be secret.

    A flag goes before the environment, the environment before `.env`.
    """
    in_file = {name.upper() for name in dotenv_values(".env")}
    found = []
    for name, field in type(settings).model_fields.items():
        variable = field.alias or f"DAERI_{name.upper()}"
        if flags.get(name) is not None:
            found.append((name, f"--{name}"))
        elif variable in os.environ:
            found.append((name, variable))
        elif variable in in_file:
            found.append((name, f".env ({variable})"))
    return found


def _not_bound(host: str, port: int, error: OSError) -> Trouble:
    if error.errno == errno.EADDRINUSE:
        other = port + 1
        return Trouble(
            "port-taken",
            Words(f"{port} 포트를 다른 프로그램이 쓰고 있어요", f"Port {port} is in use"),
            why=Words(
                f"{host}:{port} 에 이미 서버가 있어요. 데모가 켜져 있는지도 몰라요",
                f"Something already listens on {host}:{port}; perhaps a demo that is still running",
            ),
            fix=Words(f"다른 포트로 켜 주세요:  --port {other}", f"Take another port:  --port {other}"),
        )
    reason = error.strerror or str(error)
    return Trouble(
        "address-unusable",
        Words(f"{host}:{port} 를 쓸 수 없어요", f"{host}:{port} cannot be used"),
        why=Words(reason, reason),
        fix=Words("--host 와 --port 를 확인해 주세요", "Check --host and --port"),
    )


def _take_away(note: Path) -> None:
    note.unlink(missing_ok=True)
