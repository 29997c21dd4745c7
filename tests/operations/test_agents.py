"""Are agents of a file like those of the code, and is each there only for whom it serves?"""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from daeri.errors import DeclarationError, NotFound
from daeri.operations import Agent, Allowance
from daeri.operations.agents import agents_in, check_agents
from daeri.records.actor import Actor, sight
from daeri.records.identity import Identity
from daeri.records.record import Mark
from daeri.runs.runs import Runs
from daeri.runs.wakeups import Wakeups
from daeri.wording import Text
from worlds import HR, OWNER, World

pytestmark = pytest.mark.anyio

WHOLE = """
[agents.payroll]
label = { ko = "급여 비서", en = "Payroll assistant" }
instructions = "급여만 다뤄요."
model = "house"
operations = ["work.*", "read"]
roles = ["hr"]
users = ["hr"]
limits = { calls = 5, seconds = 30, tokens = 9000, usd = 0.25 }
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "agents.toml"
    file.write_text(text)
    return file


def test_a_file_says_of_an_agent_what_code_can(tmp_path: Path) -> None:
    assert agents_in(written(tmp_path, WHOLE)) == [
        Agent(
            name="payroll",
            label=Text("급여 비서", "Payroll assistant"),
            instructions="급여만 다뤄요.",
            scope=("work.*", "read"),
            roles=frozenset({"hr"}),
            model="house",
            users=frozenset({"hr"}),
            allowance=Allowance(calls=5, seconds=30, tokens=9000, usd=Decimal("0.25")),
        )
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[agents.a]\n", "agents.a.label"),
        ('[agents.a]\nlabel = { ko = "가", en = "A" }\ninstruction = "x"\n', "agents.a.instruction"),
        ('[agents.a]\nlabel = { ko = "가", en = "A" }\nlimits = { calls = 0 }\n', "agents.a.limits.calls"),
        ('[agents."a b"]\nlabel = { ko = "가", en = "A" }\n', "a b"),
        ("[agents.a\n", "line 1"),
    ],
)
def test_a_file_that_is_wrong_says_where(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        agents_in(written(tmp_path, text))
    assert why in str(caught.value)
    assert "agents.toml" in str(caught.value)


@pytest.mark.parametrize(
    ("agent", "why"),
    [
        (Agent("a", Text("가", "A"), scope=("leafe.*",)), "leafe"),
        (Agent("a", Text("가", "A"), roles=frozenset({"hrr"})), "hrr"),
        (Agent("a", Text("가", "A"), users=frozenset({"hrr"})), "hrr"),
        (Agent("assistant", Text("가", "A")), "same name"),
    ],
)
async def test_an_agent_that_names_what_is_not_there_is_refused(world: World, agent: Agent, why: str) -> None:
    company = world.company
    with pytest.raises(DeclarationError, match=why):
        check_agents([*company.agents, agent], company.operations.keys(), {"hr": Text("인사", "HR")})


async def test_an_agent_is_there_only_for_whom_it_serves(world: World) -> None:
    private = Agent("payroll", Text("급여 비서", "Payroll"), users=frozenset({"hr"}))
    company = replace(world.company, agents=(private, *world.company.agents))
    runs = Runs(company, world.store, world.clock, Wakeups())
    identity = Identity(world.store, company.people, world.clock, demo=False, narrow=company.narrowed)
    hr = await world.identity.actor_of_person(HR, "rest")
    owner = await world.identity.actor_of_person(OWNER, "rest")
    assert next(agent.name for agent in company.agents_for(hr)) == "payroll"
    assert "payroll" not in {agent.name for agent in company.agents_for(owner)}
    assert (await runs.create(hr, "안녕", agent="payroll"))["agent"] == "payroll"
    assert (await runs.create(owner, "안녕"))["agent"] == "assistant"
    with pytest.raises(NotFound) as refused:
        await runs.create(owner, "안녕", agent="payroll")
    with pytest.raises(NotFound) as missing:
        await runs.create(owner, "안녕", agent="nobody")
    assert refused.value.problem("ko")["detail"].replace("payroll", "") == missing.value.problem("ko")[
        "detail"
    ].replace("nobody", "")
    with pytest.raises(NotFound):
        identity.narrowed(owner, "payroll")
    assert identity.narrowed(hr, "payroll").agent == "payroll"


def test_what_is_kept_from_an_agent_is_kept_from_those_that_it_asks() -> None:
    mark = Mark(agents=("clerk",))
    clerk = Actor(1, "가", agent="clerk")
    assert sight(clerk, mark) == "open"
    assert sight(replace(clerk, beside=("chief",)), mark) == "hidden"
    assert sight(replace(clerk, beside=("chief",)), Mark(agents=("clerk", "chief"))) == "open"
