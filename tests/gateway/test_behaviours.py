"""One operation, one permission, one approval, one audit row, by whichever door: every behaviour through every door.

A cell that a door cannot have is data with its reason (`Way.cannot`), not a skip.
"""

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from daeri.errors import Refused
from daeri.gateway import Options
from daeri.operations import Catalog, Ref, anyone
from daeri.records import Actor, Records
from daeri.wording import Text
from gateway import behaviours_of_approvals, behaviours_of_callers, behaviours_of_calls
from gateway.behaviours import Behaviour
from gateway.gateway_house import Keys, opened
from gateway.ways import CAPABILITIES, WAYS, Way, audited
from worlds import OWNER, Employee, Project, Said

pytestmark = pytest.mark.anyio

BEHAVIOURS = [
    *behaviours_of_calls.behaviour,
    *behaviours_of_approvals.behaviour,
    *behaviours_of_callers.behaviour,
]
bulk = Catalog("bulk", Text("많은 것", "Bulk"))


class Line(BaseModel):
    number: int
    text: str


class Lines(BaseModel):
    rows: list[Line]


@bulk.read(label=Text("여러 줄", "Many lines"), allow=anyone)
async def lines(records: Records, count: int) -> Lines:
    """Many lines at once."""
    del records
    return Lines(rows=[Line(number=number, text=f"줄 {number}") for number in range(count)])


@bulk.write(label=Text("깨지는 일", "Something broken"), allow=anyone)
async def broken(records: Records, actor: Actor, name: str) -> Said:
    """Write, and then fail."""
    await records.add(Project(name=name, team_id=actor.team_id or 0))
    raise Refused(Text("여기까지예요", "No further"))


@bulk.read(label=Text("드문 일", "Something rare"), allow=anyone)
async def seldom(records: Records) -> Said:
    """What is asked for twice an hour at most."""
    del records
    return Said(value="드물게")


@bulk.read(label=Text("잊지 않는 일", "Something remembered"), allow=anyone, cache_seconds=60)
async def costly(records: Records, employee: Ref[Employee]) -> Said:
    """What costs so much that it is remembered."""
    return Said(value=str((await records.get(Employee, employee)).salary))


_told: dict[str, tuple[Any, list[dict[str, Any]]]] = {}
"""What the services themselves said and wrote down, once for each behaviour."""


async def tell(behaviour: Behaviour, kind: type[Way], keyed: Keys, folder: Path) -> tuple[Any, list[dict[str, Any]]]:
    async with opened(keyed, folder, Options(), catalogs=[bulk], limits=["operation:bulk.seldom=2/hour"]) as house:
        said = await behaviour.story(kind(house), house)
        return said, audited(await house.world.audited())


def _folder(above: Path, name: str) -> Path:
    made = above / name
    made.mkdir()
    return made


def cells() -> list[Any]:
    return [
        pytest.param(behaviour, kind, id=f"{behaviour.name}-{kind.name}")
        for behaviour in BEHAVIOURS
        for kind in WAYS
        if not set(behaviour.needs) & set(kind.cannot)
    ]


@pytest.mark.parametrize(("behaviour", "kind"), cells())
async def test_it_is_the_same_by_every_door(behaviour, kind, keyed, tmp_path, monkeypatch):
    for wait in ("a2a.server.WAIT_SECONDS", "openai.mount.WAIT_MAX"):
        monkeypatch.setattr(f"daeri.gateway.{wait}", 0.2)
    if behaviour.name not in _told:
        _told[behaviour.name] = await tell(behaviour, WAYS[0], keyed, _folder(tmp_path, "first"))
    expected, rows = _told[behaviour.name]
    said, written = await tell(behaviour, kind, keyed, _folder(tmp_path, "second"))
    assert said == expected
    assert written == rows


def test_the_table_is_long_and_every_missing_cell_has_its_reason():
    assert len(BEHAVIOURS) >= 60
    assert len({behaviour.name for behaviour in BEHAVIOURS}) == len(BEHAVIOURS)
    for kind in WAYS:
        assert set(kind.cannot) <= set(CAPABILITIES)
        assert all(len(reason) > 5 for reason in kind.cannot.values())
    for behaviour in BEHAVIOURS:
        assert set(behaviour.needs) <= set(CAPABILITIES), behaviour.name
    missing = sum(1 for behaviour in BEHAVIOURS for kind in WAYS if set(behaviour.needs) & set(kind.cannot))
    assert missing < len(BEHAVIOURS) * len(WAYS) / 5


async def test_http_tells_in_its_own_word_how_old_a_remembered_answer_is(keyed, tmp_path):
    async with opened(keyed, tmp_path, Options(), catalogs=[bulk]) as house:
        first, again = [await house.post("owner", "/v1/ops/bulk.costly", {"employee": OWNER}) for _ in range(2)]
        assert "age" not in first.headers
        assert again.headers["age"] == str(again.json()["age"])
        assert again.headers["cache-control"] == "no-store", "what is remembered here is for nobody between"
