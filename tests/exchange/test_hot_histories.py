"""Two servers, one Redis that anything may happen to: no history of looks and changes contradicts what was told."""

import asyncio
import tempfile
from collections.abc import Awaitable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from exchange.hot_house import Keeper, keeping
from redis_server import RedisServer

HOT, SETTLE = 0.4, 0.1
"""Seconds, for those of real servers: a history takes a second or two."""
NAMES = ("owner", "colleague", "stranger")
SERVERS = st.sampled_from([0, 1])
ACTS = st.tuples(SERVERS, st.sampled_from(NAMES), st.sampled_from(["use", "use", "use", "change"]))


class Histories(RuleBasedStateMachine):
    """What people, other servers and Redis may do to two servers, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = AsyncExitStack()
        self.stack.enter_context(patch("daeri.operations.hot_sessions.HOT_SECONDS", HOT))
        self.stack.enter_context(patch("daeri.exchange.SETTLE_SECONDS", SETTLE))
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.loop = asyncio.new_event_loop()
        self.redis = RedisServer(folder).start()
        self.stack.callback(self.redis.stop)
        self.is_well = True
        self.keepers: list[Keeper] = []

    def run(self, work: Awaitable[Any]) -> Any:
        return self.loop.run_until_complete(work)

    @initialize()
    def open(self) -> None:
        self.keepers = self.run(self.stack.enter_async_context(keeping(self.redis)))

    @rule(acts=st.lists(ACTS, min_size=1, max_size=8))
    def act_at_once(self, acts: Sequence[tuple[int, str, str]]) -> None:
        self.run(self.together(acts))

    async def together(self, acts: Sequence[tuple[int, str, str]]) -> None:
        await asyncio.gather(*[self.one(*act) for act in acts])

    async def one(self, server: int, name: str, act: str) -> None:
        keeper = self.keepers[server]
        if act == "change":
            await keeper.change(name)
            return
        least = keeper.truth.least(name, keeper)
        found = await keeper.use(name)
        assert found >= least, f"{name} was told to stand for {least}, and was taken for {found}"

    @rule(seconds=st.sampled_from([0.01, 0.1, HOT]))
    def pass_time(self, seconds: float) -> None:
        self.run(asyncio.sleep(seconds))

    @rule(server=SERVERS)
    def lose(self, server: int) -> None:
        self.keepers[server].exchange._lose("for a moment")

    @precondition(lambda self: self.is_well)
    @rule()
    def flush(self) -> None:
        self.redis.flush()

    @precondition(lambda self: self.is_well)
    @rule()
    def snapshot(self) -> None:
        """Write down what it knows, to which it goes back when it is killed."""
        with self.redis.client as client:
            client.save()

    @precondition(lambda self: self.is_well)
    @rule(fault=st.sampled_from(["kill", "pause", "fill"]))
    def fail(self, fault: str) -> None:
        getattr(self.redis, fault)()
        self.is_well, self.fault = False, fault

    @precondition(lambda self: not self.is_well)
    @rule()
    def come_back(self) -> None:
        {"kill": self.redis.start, "pause": self.redis.go_on, "fill": self.redis.make_room}[self.fault]()
        self.is_well = True

    @invariant()
    def nobody_is_taken_for_what_they_were(self) -> None:
        if self.keepers:
            self.run(self.together([(server, "owner", "use") for server in (0, 1)]))

    def teardown(self) -> None:
        if not self.is_well:
            self.come_back()
        self.run(self.stack.aclose())
        self.loop.close()


Histories.TestCase.settings = settings(
    max_examples=12,
    stateful_step_count=20,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
"""Histories are not made shorter: the same acts at another moment are another history."""
TestHistories = Histories.TestCase
