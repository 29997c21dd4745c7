"""How are accounts and API keys looked after? `user list`, `key create|list|revoke`, on the data folder itself."""

import sys
from datetime import timedelta
from getpass import getpass
from typing import Annotated

from typer import Argument, Option, Typer

from daeri.cli.command import Desk, command, group
from daeri.cli.terminal import person
from daeri.cli.trouble import Code, Trouble
from daeri.cli.words import Words, both


def add_to(app: Typer) -> None:
    """Declare the commands."""
    users = group(app, "user", both("계정: 만들기, 목록", "Accounts: add, list"))
    command(users, "add", both("사람이 들어올 수 있게 해요", "Let a person sign in"), speaks=False)(add_user)
    command(users, "list", both("들어올 수 있는 사람", "Who may sign in"), speaks=False)(list_users)
    keys = group(app, "key", both("API 키: 만들기, 목록, 끝내기", "API keys: create, list, revoke"))
    command(keys, "create", both("키를 만들어요 (한 번만 보여 줘요)", "Make a key (shown once)"), speaks=False)(create)
    command(keys, "list", both("있는 키", "The keys there are"), speaks=False)(list_keys)
    command(keys, "revoke", both("키를 바로 끝내요", "End a key at once"), speaks=False)(revoke)


def add_user(
    desk: Desk,
    login: Annotated[str, Argument(metavar="LOGIN", help=both("쓸 아이디", "The id to sign in with"))],
    person_id: Annotated[
        int | None,
        Option("--person", min=1, metavar="ID", help=both("사람 기록의 번호", "The id of the person's record")),
    ] = None,
    name: Annotated[
        str | None, Option("--name", metavar="NAME", help=both("새 사람의 이름", "The name of somebody new"))
    ] = None,
    roles: Annotated[
        list[str] | None, Option("--role", metavar="ROLE", help=both("새 사람의 역할", "A role of somebody new"))
    ] = None,
    known_as: Annotated[
        str | None,
        Option("--known-as", metavar="KEY", help=both("회사 시스템의 사번", "Their number in the company's systems")),
    ] = None,
    *,
    password: Annotated[
        bool, Option("--password", help=both("비밀번호를 표준 입력에서 읽어요", "Read a password from standard input"))
    ] = False,
) -> None:
    """Add an account; with --password it can sign in on the web, and `daeri key create` makes keys for it."""
    from daeri.cli import accounts  # noqa: PLC0415 - opens the data; talking commands never do

    terminal = desk.terminal
    if (person_id is None) == (name is None):
        raise Trouble(
            "usage",
            Words("--person 이나 --name 가운데 하나를 적어 주세요", "Give either --person or --name"),
            fix=Words(
                f"있는 사람:  daeri user add {login} --person 12   새 사람:  daeri user add {login} --name 김하은",
                f"Somebody known:  daeri user add {login} --person 12   new:  daeri user add {login} --name Kim",
            ),
            code=Code.USAGE,
        )
    secret = getpass() if password and sys.stdin.isatty() else sys.stdin.readline().rstrip("\n") if password else None
    who = person_id if person_id is not None else accounts.Newcomer(name or "", roles or (), known_as)
    person_id = accounts.on(desk.place, lambda daeri: accounts.add(daeri, login, who, secret))
    if terminal.as_json:
        terminal.data({"login": login, "person_id": person_id})
        return
    terminal.tell(terminal.word(Words(f"만들었어요: {login}", f"Added: {login}")))
    terminal.next(f"daeri key create {login}")


def list_users(desk: Desk) -> None:
    """List the accounts."""
    from daeri.cli import accounts  # noqa: PLC0415 - opens the data; talking commands never do

    terminal = desk.terminal
    found = accounts.on(desk.place, accounts.users)
    if terminal.as_json:
        terminal.data({"data": found})
        return
    columns = [
        Words("아이디", "login"),
        Words("이름", "name"),
        Words("부서", "team"),
        Words("역할", "roles"),
        Words("", ""),
    ]
    rows = [
        [
            user["login"],
            person(user["person"]),
            user["person"]["team"],
            ", ".join(user["roles"]),
            terminal.word(_kind(demo=user["demo"], ended=bool(user["disabled_at"]))),
        ]
        for user in found
    ]
    terminal.table([terminal.word(column) for column in columns], rows)
    terminal.next("daeri key create LOGIN")


def create(
    desk: Desk,
    login: Annotated[str, Argument(metavar="LOGIN", help=both("누구의 키인지", "Whose key"))],
    name: Annotated[str, Option("--name", metavar="NAME", help=both("이름표", "A label"))] = "cli",
    scope: Annotated[
        list[str] | None,
        Option(
            "--scope", metavar="NAME", help=both("할 수 있는 일, 예: leave.* (여러 번)", "What it may do, e.g. leave.*")
        ),
    ] = None,
    days: Annotated[
        int | None, Option("--days", min=1, metavar="N", help=both("며칠 뒤 끝나는지", "Days until it ends"))
    ] = None,
    agent: Annotated[
        str | None,
        Option("--agent", metavar="NAME", help=both("이 키로 일하는 에이전트", "The agent that acts by this key")),
    ] = None,
    *,
    decides: Annotated[
        bool,
        Option("--decides", help=both("결재도 할 수 있는 키 (사람이 쓸 때만)", "May decide approvals (people only)")),
    ] = False,
) -> None:
    """Make an API key that acts as a person."""
    from daeri.cli import accounts  # noqa: PLC0415 - opens the data; talking commands never do

    terminal = desk.terminal
    life = timedelta(days=days) if days else None
    made = accounts.on(
        desk.place,
        lambda daeri: accounts.create(
            daeri, login, name, decides=decides, scopes=scope or None, life=life, agent=agent
        ),
    )
    if terminal.as_json:
        terminal.data({"id": made.id, "key": made.secret})
        return
    terminal.tell(made.secret)
    terminal.talk(
        Words(
            f"만들었어요 ({made.id}). 다시 보여 줄 수 없으니 지금 옮겨 두세요",
            f"Made ({made.id}). It cannot be shown again: keep it now",
        )
    )
    terminal.next("DAERI_KEY=… daeri ask …")


def list_keys(desk: Desk) -> None:
    """List the keys."""
    from daeri.cli import accounts  # noqa: PLC0415 - opens the data; talking commands never do

    terminal = desk.terminal
    found = accounts.on(desk.place, accounts.keys)
    if terminal.as_json:
        terminal.data({"data": found})
        return
    columns = [
        Words("키", "key"),
        Words("누구", "whose"),
        Words("이름표", "label"),
        Words("범위", "scope"),
        Words("에이전트", "agent"),
        Words("결재", "decides"),
        Words("만든 때", "made"),
        Words("쓴 때", "used"),
        Words("끝", "ends"),
    ]
    rows = [
        [
            key["id"][-8:],
            person(key["person"]),
            key["name"],
            ", ".join(key["scopes"]) if key["scopes"] is not None else "*",
            key["agent"] or "",
            "✓" if key["decides"] else "",
            terminal.when(key["created_at"]),
            terminal.when(key["last_used_at"]),
            terminal.when(key["revoked_at"] or key["expires_at"]),
        ]
        for key in found
    ]
    terminal.table([terminal.word(column) for column in columns], rows)


def revoke(desk: Desk, key: Annotated[str, Argument(metavar="KEY")]) -> None:
    """End a key."""
    from daeri.cli import accounts  # noqa: PLC0415 - opens the data; talking commands never do

    terminal = desk.terminal
    key_id = accounts.one_of(accounts.on(desk.place, accounts.keys), key)
    ended = accounts.on(desk.place, lambda daeri: accounts.revoke(daeri, key_id))
    if terminal.as_json:
        terminal.data({"id": key_id, "revoked": True})
        return
    said = Words("끝냈어요", "Revoked") if ended else Words("이미 끝난 키예요", "It had ended before")
    terminal.tell(f"{terminal.word(said)}: {key_id}")


def _kind(*, demo: bool, ended: bool) -> Words:
    if ended:
        return Words("멈춤", "disabled")
    return Words("데모", "demo") if demo else Words("", "")
