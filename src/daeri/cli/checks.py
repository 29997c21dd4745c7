"""Is everything in order? What `daeri doctor` looks at, each finding with what to do about it."""

import asyncio
import json
import os
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal

from daeri import tracing
from daeri.cli import chain
from daeri.cli.client import Request, Unreachable
from daeri.cli.company import company_of, settings_of
from daeri.cli.place import DATABASE, Place
from daeri.cli.remote import Remote
from daeri.cli.running import is_open_to_others
from daeri.cli.services import table_of, told_of
from daeri.cli.trouble import Trouble
from daeri.cli.words import Words
from daeri.configured import models_of, search_engine_of
from daeri.errors import BrokenChain, DaeriError, NotReady
from daeri.exchange import Away, look_at
from daeri.gateway.issuer import DISCOVERY
from daeri.models.wire import Model
from daeri.outbound.guard import Unsent, resolved, sent
from daeri.settings import Settings
from daeri.tools import numeric
from daeri.tools.sandbox import Sandbox

PYTHON: Final = (3, 11)
OK: Final = 200
NOT_ALLOWED: Final = (401, 403)
NOTHING: Final = Words("", "")
QUESTION: Final = "weather"
"""What the search engine is asked, so that its key and its settings are tried too."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor: ✓ fine, ! works with a limit, ✗ does not work."""

    sign: Literal["✓", "!", "✗"]
    words: Words
    fix: Words = NOTHING


def check_all(place: Place, *, prepare: bool = False) -> list[Finding]:
    """Look at everything, in the order in which a server needs it; compile what code with numpy needs, if told to."""
    try:
        settings = settings_of(place)
    except Trouble as trouble:
        return [*_python(), Finding("✗", trouble.why or trouble.what, trouble.fix or NOTHING)]
    checks: list[Callable[[], Iterator[Finding]]] = [
        _python,
        _company,
        lambda: _folder(settings.dir),
        lambda: _database(place, settings),
        lambda: _server(place),
        lambda: _model(settings),
        lambda: _services(settings),
        lambda: _web(settings),
        lambda: _redis(settings),
        lambda: _provider(settings),
        _code,
        lambda: _numpy(settings.compiled, prepare=prepare),
        lambda: _traces(settings),
        lambda: _network(settings),
    ]
    return [finding for check in checks for finding in check()]


def _python() -> Iterator[Finding]:
    version = platform.python_version()
    if sys.version_info < PYTHON:
        yield Finding(
            "✗", Words(f"Python {version}", f"Python {version}"), Words("3.11 이상을 써 주세요", "Use 3.11 or newer")
        )
        return
    yield Finding("✓", Words(f"Python {version}", f"Python {version}"))
    missing = [name for name in ("uvloop", "httptools") if find_spec(name) is None]
    if missing:
        names = ", ".join(missing)
        fix = Words('pip install "uvicorn[standard]"', 'pip install "uvicorn[standard]"')
        yield Finding("✗", Words(f"{names} 없음", f"{names} is missing"), fix)


def _company() -> Iterator[Finding]:
    try:
        company = company_of(None)
    except Trouble as trouble:
        yield Finding("✗", trouble.why or trouble.what, trouble.fix or NOTHING)
        return
    count = len(company.operations)
    yield Finding(
        "✓", Words(f"회사: {company.name.ko}, 작업 {count}개", f"Company: {company.name.en}, {count} operations")
    )


def _folder(folder: Path) -> Iterator[Finding]:
    existing = next(parent for parent in (folder.resolve(), *folder.resolve().parents) if parent.exists())
    if os.access(existing, os.W_OK):
        yield Finding("✓", Words(f"데이터 폴더 쓰기: {folder}", f"Data folder is writable: {folder}"))
    else:
        yield Finding(
            "✗",
            Words(f"{existing} 에 쓸 수 없어요", f"{existing} cannot be written to"),
            Words("권한을 주거나 --dir 로 다른 폴더를 써 주세요", "Give permission, or take another --dir"),
        )


def _database(place: Place, settings: Settings) -> Iterator[Finding]:
    if not settings.is_on_server and not (settings.dir / DATABASE).is_file():
        fix = Words("만들기:  daeri demo   또는  daeri serve", "Make it:  daeri demo   or   daeri serve")
        yield Finding("!", Words("데이터베이스가 아직 없어요", "There is no database yet"), fix)
        return
    try:
        total = chain.verified(place, lambda _done, _total: None).rows
    except BrokenChain as broken:
        yield Finding(
            "✗",
            Words(f"감사 사슬: {broken.seq:,}번째부터 맞지 않아요", f"Audit chain: broken at row {broken.seq:,}"),
            Words("daeri audit verify", "daeri audit verify"),
        )
        return
    except NotReady as error:
        yield Finding("✗", Words(f"데이터베이스: {error.detail.ko}", f"Database: {error.detail.en}"))
        return
    except Trouble as trouble:
        yield Finding("✗", trouble.why or trouble.what, trouble.fix or NOTHING)
        return
    yield Finding("✓", Words(f"데이터베이스와 감사 사슬 ({total:,}개)", f"Database and audit chain ({total:,} rows)"))
    if "query.run" in company_of(None).operations and (statements := chain.ungranted(place)):
        yield Finding(
            "!",
            Words(
                "SQL 질문이 Daeri의 데이터베이스 역할로 돌아요. 전용 역할을 만들면 벽이 하나 더 생겨요",
                "Questions in SQL run as Daeri's own database role; one of their own is a further wall",
            ),
            Words(f"데이터베이스 관리자로 실행:\n{statements}", f"Run as the database's administrator:\n{statements}"),
        )


def _server(place: Place) -> Iterator[Finding]:
    address = place.address()
    try:
        reply = Remote(address).send(Request("GET", "/readyz"))
    except Unreachable:
        fix = Words("켜기:  daeri demo   또는  daeri serve", "Start it:  daeri demo   or   daeri serve")
        yield Finding("!", Words(f"서버가 꺼져 있어요 ({address})", f"No server is running ({address})"), fix)
        return
    if reply.status == OK:
        yield Finding("✓", Words(f"서버: {address}", f"Server: {address}"))
    else:
        yield Finding(
            "✗",
            Words(
                f"서버가 준비되지 않았어요 ({address}, {reply.status})", f"Server not ready ({address}, {reply.status})"
            ),
            Words(f"{address}/readyz 를 봐 주세요", f"See {address}/readyz"),
        )


def _model(settings: Settings) -> Iterator[Finding]:
    models = models_of(settings)
    if not models:
        yield Finding(
            "!",
            Words("모델: 키 없이 동작해요", "Model: none, Daeri plans by itself"),
            Words(
                "모델을 쓰려면 OPENROUTER_API_KEY 나 DAERI_MODEL_URL 을 넣어 주세요",
                "Set OPENROUTER_API_KEY or DAERI_MODEL_URL",
            ),
        )
    for model in models:
        yield _reach(model)


def _reach(model: Model) -> Finding:
    """Ask the endpoint which models it has: that costs nothing and needs the key."""
    headers = {"Authorization": f"Bearer {model.api_key}"} if model.api_key else {}
    try:
        reply = Remote(model.base_url.rstrip("/")).send(Request("GET", "/models", headers=headers))
    except Unreachable as error:
        fix = Words("주소와 방화벽을 확인해 주세요", "Check the address and the firewall")
        return Finding("✗", Words(f"모델 {model.name}: {error}", f"Model {model.name}: {error}"), fix)
    if reply.status in NOT_ALLOWED:
        fix = Words(
            "OPENROUTER_API_KEY 나 DAERI_MODEL_API_KEY 를 확인해 주세요",
            "Check OPENROUTER_API_KEY or DAERI_MODEL_API_KEY",
        )
        said = f"{reply.status} {HTTPStatus(reply.status).phrase}"
        return Finding("✗", Words(f"모델 {model.name}: {said}", f"Model {model.name}: {said}"), fix)
    return Finding("✓", Words(f"모델: {model.name}", f"Model: {model.name}"))


def _redis(settings: Settings) -> Iterator[Finding]:
    if settings.redis_url is None:
        if settings.is_on_server:
            yield Finding(
                "!",
                Words("Redis 없음: 한도를 서버마다 따로 세요", "No Redis: each server counts limits for itself"),
                Words("서버가 여럿이면 DAERI_REDIS_URL 을 넣어 주세요", "With several servers set DAERI_REDIS_URL"),
            )
        return
    try:
        version, forgets = asyncio.run(look_at(settings.redis_url.get_secret_value()))
    except Away as away:
        yield Finding(
            "✗",
            Words(f"Redis가 답하지 않아요: {away}", f"Redis does not answer: {away}"),
            Words(
                "DAERI_REDIS_URL 과 그 서버를 봐 주세요. 그동안 서버마다 한도의 자기 몫만 써요",
                "Check DAERI_REDIS_URL and that server. Meanwhile each server keeps to its own part of every limit",
            ),
        )
        return
    yield Finding("✓", Words(f"Redis {version}", f"Redis {version}"))
    if forgets:
        yield Finding(
            "!",
            Words("Redis가 기억을 버릴 수 있어요 (maxmemory-policy)", "Redis may evict keys (maxmemory-policy)"),
            Words("maxmemory-policy 를 noeviction 으로 바꿔 주세요", "Set maxmemory-policy to noeviction"),
        )


def _provider(settings: Settings) -> Iterator[Finding]:
    if not settings.issuer:
        return
    url = settings.issuer.rstrip("/") + DISCOVERY
    fix = Words(f"DAERI_ISSUER 와 {url} 을 봐 주세요", f"Check DAERI_ISSUER and {url}")
    try:
        status, body = asyncio.run(_asked(url))
        told = json.loads(body) if status == OK else None
        why = "" if isinstance(told, dict) else f"HTTP {status}"
    except (Unsent, DaeriError, ValueError) as error:
        told, why = None, str(error)
    if isinstance(told, dict) and told.get("issuer") != settings.issuer:
        why = f"issuer: {told.get('issuer')!r}"
        fix = Words("DAERI_ISSUER 를 그 이름 그대로 적어 주세요", "Write DAERI_ISSUER exactly as it calls itself")
    if why:
        yield Finding("✗", Words(f"로그인 서버: {why}", f"Identity provider: {why}"), fix)
        return
    yield Finding("✓", Words(f"로그인 서버: {settings.issuer}", f"Identity provider: {settings.issuer}"))


async def _asked(url: str) -> tuple[int, bytes]:
    return await sent("GET", await resolved(url, private=True), headers={"Accept": "application/json"})


def _traces(settings: Settings) -> Iterator[Finding]:
    if not settings.otlp_endpoint:
        return
    if not tracing.is_installed():
        yield Finding(
            "✗",
            Words("추적: daeri[otel] 이 설치되지 않았어요", "Traces: daeri[otel] is not installed"),
            Words('pip install "daeri[otel]"', 'pip install "daeri[otel]"'),
        )
        return
    try:
        Remote(settings.otlp_endpoint.rstrip("/")).send(Request("POST", "/v1/traces"))
    except Unreachable as error:
        yield Finding("!", Words(f"추적 수집기: {error}", f"Collector of traces: {error}"))
        return
    yield Finding("✓", Words(f"추적: {settings.otlp_endpoint}", f"Traces: {settings.otlp_endpoint}"))


def _services(settings: Settings) -> Iterator[Finding]:
    if settings.services is None:
        return
    entries, pins, company = table_of(settings.services)
    for name, entry in entries.items():
        look = Words(f"daeri service inspect {name}", f"daeri service inspect {name}")
        try:
            told = told_of(name, entry, pins.get(name), company, settings.services)
        except Trouble as trouble:
            why = trouble.why or trouble.what
            yield Finding("✗", Words(f"서비스 {name}: {why.ko}", f"Service {name}: {why.en}"), look)
            continue
        count = len(told["operations"]) - len(told["unpinned"])
        if not told["pinned"]:
            fix = Words(f"daeri service pin {name}", f"daeri service pin {name}")
            yield Finding("!", Words(f"서비스 {name}: 아직 고정하지 않았어요", f"Service {name}: not pinned yet"), fix)
        elif told["changed"]:
            changed = ", ".join(told["changed"])
            said = Words(
                f"서비스 {name}: 고정한 뒤에 바뀌었어요: {changed}",
                f"Service {name}: changed since it was pinned: {changed}",
            )
            yield Finding("✗", said, look)
        else:
            yield Finding("✓", Words(f"서비스 {name}: 작업 {count}개", f"Service {name}: {count} operations"))


def _web(settings: Settings) -> Iterator[Finding]:
    """Tell what of the web agents may read, and put one question to the search engine."""
    if settings.web:
        hosts = ", ".join(settings.web_hosts)
        ko, en = (f", {hosts} 은(는) 스스로", f", {hosts} by themselves") if hosts else ("", "")
        most = f"{settings.web_bytes / 2**20:g} MB, {settings.web_seconds:g} s"
        told = Words(
            f"웹 페이지: 사람이 준 주소{ko} ({most})", f"Pages of the web: addresses that people give{en} ({most})"
        )
        yield Finding("✓", told)
    elif settings.web_hosts:
        yield Finding(
            "!",
            Words("DAERI_WEB_HOSTS 가 있지만 웹은 꺼져 있어요", "DAERI_WEB_HOSTS is set, but the web is off"),
            Words("DAERI_WEB=true", "DAERI_WEB=true"),
        )
    engine = search_engine_of(settings)
    if engine is None:
        return
    name = f"{engine.kind} ({engine.host})"
    try:
        asyncio.run(engine.find(QUESTION, 1))
    except Unsent as why:
        fix = Words(
            "DAERI_SEARCH_URL 과 DAERI_SEARCH_KEY 를 확인해 주세요", "Check DAERI_SEARCH_URL and DAERI_SEARCH_KEY"
        )
        if engine.kind == "searxng":
            fix = Words(
                "settings.yml 의 search.formats 에 json 을 넣어 주세요",
                "Add json to search.formats in its settings.yml",
            )
        yield Finding("✗", Words(f"웹 검색 {name}: {why}", f"Web search by {name}: {why}"), fix)
        return
    yield Finding("✓", Words(f"웹 검색: {name}", f"Web search: {name}"))


def _code() -> Iterator[Finding]:
    if asyncio.run(_runs_code()):
        yield Finding("✓", Words("에이전트의 코드를 돌릴 수 있어요", "Code of agents can run"))
    else:
        yield Finding(
            "!",
            Words("에이전트의 코드를 돌릴 수 없어요 (code.run)", "Code of agents cannot run (code.run)"),
            Words("pydantic-monty를 다시 설치해 주세요", "Install pydantic-monty anew"),
        )


async def _runs_code() -> bool:
    sandbox = Sandbox()
    try:
        return await sandbox.works()
    finally:
        await sandbox.close()


def _numpy(folder: Path, *, prepare: bool) -> Iterator[Finding]:
    if not numeric.is_installed():
        if prepare:
            install = f'pip install "{numeric.EXTRA}"'
            yield Finding(
                "✗", Words("numpy를 쓰는 코드: 설치 안 됨", "Code with numpy: not installed"), Words(install, install)
            )
    elif not prepare and not numeric.is_compiled(folder):
        yield Finding(
            "!",
            Words(
                "numpy를 쓰는 코드: 처음 쓸 때 몇 분 동안 준비해요 (메모리 2.4 GB)",
                "Code with numpy: its first use prepares it for minutes (2.4 GB of memory)",
            ),
            Words("미리 하려면 daeri doctor --prepare", "Beforehand: daeri doctor --prepare"),
        )
    elif asyncio.run(_runs_numpy(folder)):
        yield Finding("✓", Words("numpy를 쓰는 코드를 돌릴 수 있어요", "Code with numpy can run"))
    else:
        install = f'pip install --force-reinstall "{numeric.EXTRA}"'
        yield Finding(
            "!", Words("numpy를 쓰는 코드를 돌릴 수 없어요", "Code with numpy cannot run"), Words(install, install)
        )


async def _runs_numpy(folder: Path) -> bool:
    tier = numeric.Numeric(folder)
    try:
        return await tier.works()
    finally:
        await tier.close()


def _network(settings: Settings) -> Iterator[Finding]:
    if is_open_to_others(settings):
        yield Finding(
            "!",
            Words(f"{settings.host}: TLS 없이 열려 있어요", f"{settings.host}: open without TLS"),
            Words(
                "TLS 프록시를 두고 DAERI_SECURE_COOKIES=true", "Put a TLS proxy in front, set DAERI_SECURE_COOKIES=true"
            ),
        )
