"""Stories of who comes in, and with how much of a right: nobody, a narrow key, an agent, too often."""

from datetime import timedelta

from daeri.records.identity import Origin
from gateway.behaviours import ADD, LEAVE, Table, key
from gateway.ways import Python
from worlds import HR, LEAVER, OWNER

behaviour = Table()


# Who comes in --------------------------------------------------------------------------------------------------------


@behaviour("call")
async def nobody_comes_in_without_a_key(way, _):
    got = await way.call(None, "work.find", {"employee": OWNER})
    assert got.code == "unauthenticated"
    return got.kind


@behaviour("call")
async def an_unknown_key_opens_nothing(way, _):
    got = await way.call("dk_live_nonsense", "work.find", {"employee": OWNER})
    assert got.code == "unauthenticated"
    return got.kind


@behaviour("call")
async def a_revoked_key_opens_nothing_from_then_on(way, house):
    own = await key(house, OWNER)
    first = await way.call(own, "work.find", {"employee": OWNER})
    await house.world.sql("UPDATE api_key SET revoked_at = '2026-11-21 00:00:00' WHERE name = 'table'")
    second = await way.call(own, "work.find", {"employee": OWNER})
    assert (first.kind, second.kind) == ("done", "unauthenticated")
    return first.kind, second.kind


@behaviour("call")
async def a_key_ends_by_its_time(way, house):
    own = await key(house, OWNER, life=timedelta(days=1))
    first = await way.call(own, "work.find", {"employee": OWNER})
    house.world.clock.at += timedelta(days=1)
    second = await way.call(own, "work.find", {"employee": OWNER})
    assert (first.kind, second.kind) == ("done", "unauthenticated")
    return first.kind, second.kind


@behaviour("call")
async def the_key_of_someone_who_left_opens_nothing(way, house):
    got = await way.call(await key(house, LEAVER), "work.find", {"employee": OWNER})
    assert got.code == "unauthenticated"
    return got.kind


@behaviour("call")
async def a_narrow_key_does_what_it_names_and_no_more(way, house):
    narrow = await key(house, OWNER, scopes=["work.find"])
    codes = [
        (await way.call(narrow, "work.find", {"employee": OWNER})).kind,
        (await way.call(narrow, "work.salary", {"employee": OWNER})).kind,
        (await way.call(narrow, LEAVE, {"start": "2026-12-01"})).kind,
    ]
    assert codes == ["done", "permission-denied", "permission-denied"]
    return codes


@behaviour("call")
async def a_reading_key_writes_nothing(way, house):
    reading = await key(house, OWNER, scopes=["read"])
    codes = [
        (await way.call(reading, "work.salary", {"employee": OWNER})).kind,
        (await way.call(reading, ADD, {"name": "x"})).kind,
    ]
    assert codes == ["done", "permission-denied"]
    return codes


@behaviour("operations")
async def a_narrow_key_lists_what_it_may(way, house):
    got = await way.operations(await key(house, OWNER, scopes=["work.find", "work.salary"]))
    assert sorted(got.body) == ["work.find", "work.salary"]
    return sorted(got.body)


@behaviour("call")
async def a_narrow_key_is_refused_before_it_learns_of_rows(way, house):
    narrow = await key(house, OWNER, scopes=["work.find"])
    codes = {(await way.call(narrow, "work.salary", {"employee": number})).problem["detail"] for number in (1, 3, 999)}
    assert len(codes) == 1
    return codes


@behaviour("call")
async def an_agent_has_less_than_its_person(way, house):
    agent = await key(house, HR, made_from=Origin("reader"))
    codes = [
        (await way.call(agent, "work.headcount")).kind,
        (await way.call(agent, "work.find", {"employee": HR})).kind,
        (await way.call(agent, ADD, {"name": "x"})).kind,
    ]
    assert codes == ["permission-denied", "done", "permission-denied"]
    return codes


@behaviour("call")
async def a_document_says_which_agent_drafted_it_for_whom(way, house):
    got = await way.call(await key(house, OWNER, made_from=Origin("assistant")), LEAVE, {"start": "2026-12-01"})
    document = (await Python(house).approval("lead", got.held)).body
    assert (document["drafter"]["id"], document["agent"]) == (OWNER, "assistant")
    return got.kind


@behaviour("call", "withdraw")
async def an_agent_takes_no_document_back(way, house):
    agent = await key(house, OWNER, made_from=Origin("assistant"))
    got = await way.call(agent, LEAVE, {"start": "2026-12-01"})
    refused = await way.withdraw(agent, got.held)
    assert refused.code == "permission-denied"
    return refused.kind


@behaviour("call", "decide")
async def an_agents_key_decides_nothing_whatever_its_mark(way, house):
    got = await way.call("owner", LEAVE, {"start": "2026-12-01"})
    agent = await key(house, 4, decides=True, made_from=Origin("assistant"))
    refused = await way.decide(agent, got.held, "approve")
    assert refused.code == "permission-denied"
    return refused.kind


@behaviour("call")
async def who_asks_too_often_is_told_when_to_come_back(way, _):
    told = [await way.call("owner", "bulk.seldom") for _ in range(3)]
    assert [got.kind for got in told] == ["done", "done", "rate-limited"]
    assert told[2].problem["retryable"]
    return [got.kind for got in told], told[2].problem["limit"]


@behaviour("call")
async def one_who_asks_too_often_is_in_nobody_elses_way(way, _):
    told = [await way.call(who, "bulk.seldom") for who in ("owner", "owner", "owner", "colleague")]
    assert [got.kind for got in told] == ["done", "done", "rate-limited", "done"]
    return [got.kind for got in told]


@behaviour("call")
async def another_key_does_not_make_a_persons_limit_wider(way, house):
    told = [await way.call(who, "bulk.seldom") for who in ("owner", "owner", await key(house, OWNER))]
    assert [got.kind for got in told] == ["done", "done", "rate-limited"]
    return [got.kind for got in told]
