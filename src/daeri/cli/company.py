"""Which company is served, with which settings? Both read from options, the environment and the data folder.

This file imports the company when it is asked for it, so commands import it inside the function that needs it.
"""

import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from pydantic import ValidationError

from daeri.cli.place import Place
from daeri.cli.trouble import CODE_OF_PROBLEM, Code, Trouble
from daeri.cli.words import Words
from daeri.errors import DaeriError, DeclarationError
from daeri.models.table import TableError, models_in
from daeri.operations import Company
from daeri.operations.agents import agents_in
from daeri.operations.limits import Limit
from daeri.operations.quotas import Quota
from daeri.records.revisions import NewerDatabase
from daeri.settings import Settings, environment

if TYPE_CHECKING:
    from daeri.gateway.mcp import Extras

COMPANY: Final = "daeri.sample:hanbit"
"""The company that is served where none is named."""


def company_of(named: str | None) -> Company:
    """Return the company that `module:callable`, else DAERI_COMPANY, else the sample names.

    Raises:
        Trouble: it cannot be imported, or what it declares is wrong.
    """
    spec = named or os.environ.get("DAERI_COMPANY") or COMPANY
    company = _made(spec, "company", "company-not-found", Words("회사 정의", "The company"))
    if not isinstance(company, Company):
        raise _not_it("company-not-found", spec, company, "Company")
    return company


def extras_of(named: str | None) -> "Extras | None":
    """Return what is offered over MCP besides, as `module:callable`, else DAERI_MCP_EXTRAS names it.

    Raises:
        Trouble: it cannot be imported, or what it declares is wrong.
    """
    from daeri.gateway.mcp import Extras  # noqa: PLC0415 - the gateway: only a server needs it

    spec = named or os.environ.get("DAERI_MCP_EXTRAS")
    if not spec:
        return None
    extras = _made(spec, "extras", "extras-not-found", Words("MCP 추가 도구", "What MCP offers besides"))
    if not isinstance(extras, Extras):
        raise _not_it("extras-not-found", spec, extras, "Extras")
    return extras


def _made(spec: str, default: str, code: str, what: Words) -> object:
    """Call what `module:callable` names.

    Raises:
        Trouble: it cannot be imported, or what it declares is wrong.
    """
    module, _, name = spec.partition(":")
    # A company's package usually lies where the command is given, and console scripts do not look there.
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        return cast("Callable[[], object]", getattr(import_module(module), name or default))()
    except (ImportError, AttributeError, TypeError, ValueError, DeclarationError) as error:
        raise Trouble(
            code,
            Words(f"{what.ko}를 읽지 못했어요: {spec}", f"{what.en} cannot be loaded: {spec}"),
            why=Words(str(error), str(error)),
            fix=Words(
                "'모듈:함수' 로 적어 주세요. 예: --company daeri.sample:hanbit",
                "Write it as 'module:callable', e.g. --company daeri.sample:hanbit",
            ),
            code=Code.USAGE,
        ) from error


def _not_it(code: str, spec: str, made: object, wanted: str) -> Trouble:
    what = type(made).__name__
    return Trouble(
        code,
        Words(f"{spec} 는 {wanted} 를 돌려줘야 해요", f"{spec} must return {wanted}"),
        why=Words(f"{what} 를 돌려줬어요", f"It returned {what}"),
        code=Code.USAGE,
    )


def settings_of(place: Place, **given: Any) -> Settings:
    """Return the settings of a data folder; one with demo keys is a demo.

    Raises:
        Trouble: one of them is not valid.
    """
    folder = place.folder()
    named = {name: value for name, value in given.items() if value is not None}
    url = place.database_url()
    if url is not None:
        named.setdefault("database_url", url)
    if place.is_demo():
        named.setdefault("demo", True)
    try:
        settings = Settings(dir=folder, **named)
        for limit in settings.rate_limits:
            Limit.read(limit)
        for quota in settings.quotas:
            Quota.read(quota)
        if settings.models is not None:
            models_in(settings.models, environment())
        if settings.agents is not None:
            agents_in(settings.agents)
        if settings.services is not None:
            _check_services(settings.services)
    except (ValueError, TableError, DeclarationError) as error:
        why = str(error)
        if isinstance(error, ValidationError):
            why = "\n".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise bad_setting(why) from error
    return settings


def bad_setting(why: str) -> Trouble:
    """Return the trouble with a setting that cannot be used."""
    return Trouble(
        "bad-setting",
        Words("설정값이 맞지 않아요", "A setting is not valid"),
        why=Words(why, why),
        fix=Words("DAERI_ 로 시작하는 환경 변수와 .env 를 확인해 주세요", "Check DAERI_ variables and .env"),
        code=Code.USAGE,
    )


def _check_services(table: Path) -> None:
    """See that the table of services and its keys can be used.

    Raises:
        DeclarationError: one cannot.
    """
    from daeri.upstream.pins import pins_of  # noqa: PLC0415 - most servers name no services
    from daeri.upstream.table import key_of, table_in  # noqa: PLC0415 - same

    pins_of(table)
    for name, entry in table_in(table).services.items():
        key_of(name, entry, environment())


def unreachable(settings: Settings, error: DaeriError) -> Trouble:
    """Say that the database does not answer, and what its driver or server said; or that it is not ours to touch."""
    if isinstance(error, NewerDatabase):
        return Trouble(
            "db-newer",
            Words("더 새 판이 쓰던 데이터베이스예요", "A newer version was here"),
            why=Words(error.detail.ko, error.detail.en),
            fix=Words("그 판이나 더 새 판의 Daeri로 켜 주세요", "Run that version of Daeri, or a newer one"),
            code=Code.NOT_VERIFIED,
        )
    return Trouble(
        "db-unreachable",
        Words("데이터베이스에 연결하지 못했어요", "The database cannot be reached"),
        why=Words(error.detail.ko, error.detail.en),
        fix=Words(
            "주소를 확인하거나 먼저 파일로 써 보세요 (--database 없이):  daeri demo",
            "Check the address, or begin with a file (without --database):  daeri demo",
        )
        if settings.is_on_server
        else Words(f"파일을 확인해 주세요: {settings.database}", f"Look at the file: {settings.database}"),
        code=Code.UNREACHABLE,
    )


def trouble_of(error: DaeriError) -> Trouble:
    """Turn an error of the server's parts into one of the command line."""
    return Trouble(
        error.code,
        Words(error.title.ko, error.title.en),
        why=Words(error.detail.ko, error.detail.en) if error.detail != error.title else None,
        fix=Words(error.help.ko, error.help.en),
        code=CODE_OF_PROBLEM.get(error.code, Code.FAILED),
    )
