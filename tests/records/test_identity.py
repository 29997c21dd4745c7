"""Who is it? Keys, sessions and demo accounts become actors, and stop doing so at once when they end."""

from datetime import timedelta
from typing import Any

import pytest
from argon2 import Parameters, PasswordHasher, extract_parameters

from daeri.errors import NotFound, PermissionDenied, RateLimited, Unauthenticated
from daeri.records import Actor
from daeri.records.identity import SESSION_LIFE, Identity
from worlds import HR, LEAVER, OWNER, World

pytestmark = pytest.mark.anyio


async def test_a_password_opens_a_session(world: World) -> None:
    await world.identity.add_account("haeun", OWNER, password="무궁화 꽃")
    token, actor = await world.identity.sign_in("haeun", "무궁화 꽃")
    again = await world.identity.actor_of_session(token)
    assert (again.person_id, again.door, again.decides, again.roles) == (OWNER, "web", True, frozenset())
    assert actor == again


@pytest.mark.parametrize(("login", "password"), [("haeun", "wrong"), ("nobody", "무궁화"), ("haeun", ""), ("demo", "")])
async def test_a_wrong_sign_in_never_says_what_was_wrong(world: World, login: str, password: str) -> None:
    await world.identity.add_account("haeun", OWNER, password="무궁화")
    await world.identity.add_account("demo", HR, demo=True)
    with pytest.raises(Unauthenticated) as refusal:
        await world.identity.sign_in(login, password)
    assert refusal.value.detail.ko == "아이디나 비밀번호를 확인해 주세요"


async def test_an_unknown_login_is_as_much_work_as_a_wrong_password(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.identity.add_account("haeun", OWNER, password="무궁화")
    worked: list[tuple[str, Parameters]] = []
    verify = PasswordHasher.verify

    def verifying(hasher: PasswordHasher, known: str, password: str) -> bool:
        worked.append((password, extract_parameters(known)))
        return verify(hasher, known, password)

    monkeypatch.setattr(PasswordHasher, "verify", verifying)
    for login in ("haeun", "nobody"):
        with pytest.raises(Unauthenticated):
            await world.identity.sign_in(login, "wrong")
    assert len(worked) == 2
    assert worked[0] == worked[1]


async def test_a_session_ends_by_itself(world: World) -> None:
    token = await demo_session(world)
    world.clock.at += SESSION_LIFE - timedelta(seconds=1)
    assert await world.identity.actor_of_session(token)
    world.clock.at += timedelta(seconds=1)
    with pytest.raises(Unauthenticated):
        await world.identity.actor_of_session(token)


async def test_a_session_ends_when_its_person_signs_out(world: World) -> None:
    token = await demo_session(world)
    await world.identity.sign_out(token)
    with pytest.raises(Unauthenticated):
        await world.identity.actor_of_session(token)
    await world.identity.sign_out("never was one")


async def demo_session(world: World) -> str:
    await world.identity.add_account("deputy", OWNER, demo=True)
    return (await world.identity.sign_in_demo("deputy"))[0]


@pytest.mark.parametrize(
    "blow",
    [
        "update w_employee set left_on = '2026-11-20' where id = 1",
        "update account set disabled_at = '2026-11-20 00:00:00'",
    ],
)
async def test_leaving_or_being_disabled_ends_sessions_and_keys_at_once(world: World, blow: str) -> None:
    token = await demo_session(world)
    key = await world.identity.add_key(OWNER, "k", decides=False)
    await world.sql(blow)
    with pytest.raises(Unauthenticated):
        await world.identity.actor_of_session(token)
    with pytest.raises(Unauthenticated):
        await world.identity.actor_of_key(key.secret, "rest")
    with pytest.raises(Unauthenticated):
        await world.identity.sign_in_demo("deputy")
    with pytest.raises(Unauthenticated):
        await world.identity.actor_of_person(OWNER, "run")


async def test_a_key_acts_as_its_person_within_its_scopes(world: World) -> None:
    key = await world.identity.add_key(HR, "k", decides=False, scopes=["work.find"])
    actor = await world.identity.actor_of_key(key.secret, "rest")
    assert (actor.person_id, actor.roles, actor.decides, actor.door) == (HR, frozenset({"hr"}), False, "rest")
    assert actor.may_call("work.find", "read")
    assert not actor.may_call("work.salary", "read")


async def test_a_key_with_no_scope_at_all_may_call_nothing(world: World) -> None:
    key = await world.identity.add_key(OWNER, "k", decides=False, scopes=[])
    assert not (await world.identity.actor_of_key(key.secret, "rest")).may_call("work.find", "read")


@pytest.mark.parametrize("wrong", ["", "dk_live_x", "' or 1=1 --", "\ud800"])
async def test_an_unknown_key_is_nobody(world: World, wrong: str) -> None:
    await world.identity.add_key(OWNER, "k", decides=False)
    with pytest.raises(Unauthenticated):
        await world.identity.actor_of_key(wrong, "rest")


async def test_a_key_ends_when_its_time_is_over_or_it_is_revoked(world: World) -> None:
    short = await world.identity.add_key(OWNER, "k", decides=False, life=timedelta(hours=1))
    revoked = await world.identity.add_key(OWNER, "k", decides=False)
    await world.sql("update api_key set revoked_at = '2026-11-20 00:00:00' where id = :id", id=revoked.id)
    assert await world.identity.actor_of_key(short.secret, "rest")
    world.clock.at += timedelta(hours=1)
    for key in (short, revoked):
        with pytest.raises(Unauthenticated):
            await world.identity.actor_of_key(key.secret, "rest")


async def test_neither_keys_nor_session_tokens_nor_passwords_are_kept(world: World) -> None:
    await world.identity.add_account("haeun", OWNER, password="무궁화 꽃")
    token, _ = await world.identity.sign_in("haeun", "무궁화 꽃")
    key = await world.identity.add_key(OWNER, "k", decides=False)
    kept = str(await world.sql("select * from account, api_key, session"))
    for secret in (token, key.secret, "무궁화"):
        assert secret not in kept
    assert len(key.secret) > 40


async def test_a_changed_role_holds_from_the_next_request_on(world: World) -> None:
    token = await demo_session(world)
    assert not (await world.identity.actor_of_session(token)).has("hr")
    await world.sql("""update w_employee set roles = '["hr"]' where id = 1""")
    assert (await world.identity.actor_of_session(token)).has("hr")


async def test_demo_sign_in_works_on_demo_servers_only(world: World) -> None:
    await world.identity.add_account("deputy", OWNER, demo=True)
    await world.identity.add_account("real", HR, password="x")
    earnest = Identity(world.store, world.company.people, world.clock, demo=False)
    with pytest.raises(PermissionDenied):
        await earnest.sign_in_demo("deputy")
    assert await earnest.demo_people() == []
    with pytest.raises(NotFound):
        await world.identity.sign_in_demo("real")
    assert [person["login"] for person in await world.identity.demo_people()] == ["deputy"]


async def test_one_who_left_cannot_be_acted_for(world: World) -> None:
    with pytest.raises(Unauthenticated):
        await world.identity.actor_of_person(LEAVER, "run")


async def test_me_tells_who_one_is(world: World) -> None:
    actor = await world.deputy(HR, "reader")
    told: dict[str, Any] = await world.identity.me(actor, "ko")
    assert told["person"] == {"id": HR, "name": "정유진", "rank": "과장", "title": "", "team": "경영지원팀"}
    assert (told["roles"], told["agent"], told["scopes"], told["decides"]) == ([], "reader", [["read"]], False)


async def test_a_sign_in_is_audited(world: World) -> None:
    await demo_session(world)
    row = (await world.audited())[-1]
    assert (row["action"], row["outcome"], row["person_id"]) == ("session.start", "done", OWNER)


@pytest.mark.parametrize("act", ["session.end", "key.add", "account.add"])
async def test_sign_out_new_keys_and_new_accounts_are_audited(world: World, act: str) -> None:
    token = await demo_session(world)
    await world.identity.sign_out(token)
    await world.identity.add_key(OWNER, "k", decides=True)
    assert act in {row["action"] for row in await world.audited()}


async def test_a_failed_sign_in_is_audited_without_the_password(world: World) -> None:
    await world.identity.add_account("haeun", OWNER, password="무궁화")
    with pytest.raises(Unauthenticated):
        await world.identity.sign_in("haeun", "zzz-wrong")
    rows = await world.audited()
    assert [row["outcome"] for row in rows if row["action"] == "session.start"] == ["refused"]
    assert "zzz-wrong" not in str(rows)


def person(**more: Any) -> Actor:
    return Actor(1, "김하은", 1, frozenset({"hr", "finance"}), decides=True, **more)


def test_an_agent_has_the_roles_that_it_and_its_person_both_have() -> None:
    agent = person().through("deputy", ("*",), frozenset({"hr", "admin"}))
    assert [agent.has(role) for role in ("hr", "finance", "admin")] == [True, False, False]


def test_an_agent_without_a_limit_has_its_persons_roles_but_never_decides() -> None:
    agent = person().through("deputy", ("*",), None)
    assert agent.has("finance")
    assert not agent.decides


@pytest.mark.parametrize(
    ("key", "agent", "operation", "effect", "allowed"),
    [
        (("*",), ("*",), "leave.request", "write", True),
        (("leave.*",), ("read",), "leave.balance", "read", True),
        (("leave.*",), ("read",), "leave.request", "write", False),
        (("leave.*",), ("read",), "sales.total", "read", False),
        (("read",), ("*",), "leave.request", "write", False),
        (("leave.request",), ("*",), "leave.requests", "write", False),
        ((), ("*",), "leave.balance", "read", False),
        (("*",), (), "leave.balance", "read", False),
    ],
)
def test_a_call_must_be_in_the_scope_of_the_key_and_of_the_agent(
    key: tuple[str, ...], agent: tuple[str, ...], operation: str, effect: Any, allowed: bool
) -> None:
    actor = person(scopes=(key,)).through("deputy", agent, None)
    assert actor.may_call(operation, effect) is allowed


def test_an_agent_of_an_agent_can_only_have_less() -> None:
    outer = person().through("outer", ("leave.*",), frozenset({"hr"}))
    inner = outer.through("inner", ("*",), None)
    assert inner.roles == frozenset({"hr"})
    assert not inner.may_call("sales.total", "read")


async def test_a_guesser_of_passwords_waits_and_the_owner_gets_in_again_later(world: World) -> None:
    await world.identity.add_account("guessed", OWNER, password="right")
    for _ in range(5):
        with pytest.raises(Unauthenticated):
            await world.identity.sign_in("guessed", "wrong")
    with pytest.raises(RateLimited) as refused:
        await world.identity.sign_in("guessed", "right")
    assert 0 < refused.value.extra["retry_after"] <= 300
    world.clock.at += timedelta(minutes=6)
    _, actor = await world.identity.sign_in("guessed", "right")
    assert actor.person_id == OWNER
