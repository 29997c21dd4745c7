"""How does the company move in? Everything `generate.py` invents is brought in through the public operations.

There is no back door: the loader's rows pass the same validation, rules and audit as anybody's.
"""

from collections.abc import Callable, Sequence

from pydantic import BaseModel

from daeri.clock import Clock
from daeri.operations.invoke import Door
from daeri.records import Actor
from daeri.sample.generate import SEED, generate

BATCH = 500
"""Rows of one call: as many as the load operations take."""

Progress = Callable[[str, int, int], None]
"""Told after each batch: what is loaded (in Korean), how many rows so far, of how many."""


async def build(door: Door, actor: Actor, clock: Clock, progress: Progress, *, seed: int = SEED) -> None:
    """Bring the whole company in, as it stands today by the clock.

    Args:
        door: the door of an empty company `hanbit()`.
        actor: who loads; `Actor.system("demo")`.
        clock: says which day it is.
        progress: told after each batch.
        seed: which company; the same seed and day give the same one.
    """
    company = generate(clock.today(), seed)
    await _load(door, actor, "team.load_teams", company.teams, _told(progress, "조직"))
    await _load(door, actor, "employee.load", company.employees, _told(progress, "직원"))
    await _load_accounts(door, actor, company.accounts, company.grants, _told(progress, "휴가 계정"))
    await _load(door, actor, "leave.load", company.leaves, _told(progress, "휴가"))
    await _load(door, actor, "expense.load", company.expenses, _told(progress, "경비"))
    await _load(door, actor, "purchase.load", company.purchases, _told(progress, "구매"))
    await _load(door, actor, "product.load", company.products, _told(progress, "상품"))
    await _load(door, actor, "customer.load", company.customers, _told(progress, "거래처"))
    await _load(door, actor, "sales.load", company.orders, _told(progress, "주문"))


def _told(progress: Progress, what: str) -> Callable[[int, int], None]:
    return lambda done, of: progress(what, done, of)


async def _load(
    door: Door, actor: Actor, operation: str, rows: Sequence[BaseModel], told: Callable[[int, int], None]
) -> None:
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        await door.call(actor, operation, {"rows": [row.model_dump(mode="json") for row in batch]})
        told(start + len(batch), len(rows))


async def _load_accounts(
    door: Door,
    actor: Actor,
    accounts: Sequence[BaseModel],
    grants: Sequence[BaseModel],
    told: Callable[[int, int], None],
) -> None:
    rows = {
        "accounts": [row.model_dump(mode="json") for row in accounts],
        "grants": [row.model_dump(mode="json") for row in grants],
    }
    await door.call(actor, "leave.load_accounts", rows)
    told(len(accounts) + len(grants), len(accounts) + len(grants))
