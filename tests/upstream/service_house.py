"""The small company of the other tests, with services outside adopted from a table that a test writes."""

import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from daeri.operations import Line, superior
from daeri.records.store import Store
from daeri.upstream.live import live_of
from daeri.upstream.pins import pin_of, pins_of, write_pins
from daeri.upstream.services import Services, look
from daeri.upstream.table import key_of, table_in
from daeri.wording import Text
from databases import address, forget
from worlds import World, build, company

ENVIRONMENT = {"STOCK_KEY": "s3cret-key", "TOOLS_KEY": "t00l-key"}
WHY = Text("많이 예약해요", "many are reserved")


def by_quantity(quantity: int) -> Line | None:
    """Let the director see what reserves many."""
    return Line(superior(2 if quantity > 50 else 1), rule="stock", because=WHY)


declared = replace(company, lines={"stock": by_quantity})


async def pin(table: Path, environment: Mapping[str, str] = ENVIRONMENT) -> None:
    """Pin every service of a table, as `daeri service pin` does."""
    pins = pins_of(table)
    for name, entry in table_in(table).services.items():
        found, _ = await look(live_of(name, entry, key_of(name, entry, environment), table.parent, environment))
        pins[name] = pin_of([shape for shape in found if entry.wants(*shape.keys)])
    write_pins(table, pins)


@asynccontextmanager
async def opened(
    furnished: Path, folder: Path, table: Path, environment: Mapping[str, str] = ENVIRONMENT
) -> AsyncIterator[World]:
    """Open the company with the services of a table that is pinned."""
    path = folder / "daeri.db"
    shutil.copy(furnished, path)
    store = Store(address(path))
    services = Services(table, environment, declared)
    world = build(store, services.company, folder)
    world.door.parts |= services.parts
    try:
        yield world
    finally:
        await services.close()
        await store.close()
        forget(path)


async def result(world: World, person: int, name: str, **arguments: Any) -> Any:
    """Call what reads, as a person; return what the service told."""
    return (await world.done(await world.actor(person), name, arguments)).result["data"]
