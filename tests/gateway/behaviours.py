"""What must be the same by whichever door it comes? One behaviour of the table, and what its stories share.

Each is a short story told to a door (`way`); `needs` names what the door must be able to say. What it returns is
compared with what the services themselves returned, and so are the audit rows it left. The stories are in
behaviours_of_calls.py, behaviours_of_approvals.py and behaviours_of_callers.py.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from gateway.ways import Got, Python, Way

Story = Callable[[Way, Any], Awaitable[Any]]
LEAVE = "work.request"
ADD = "work.add_project"


@dataclass(frozen=True)
class Behaviour:
    name: str
    needs: tuple[str, ...]
    story: Story


class Table(list[Behaviour]):
    """A part of the table; `@behaviour("call")` puts a story into it."""

    def __call__(self, *needs: str) -> Callable[[Story], Story]:
        def declare(story: Story) -> Story:
            self.append(Behaviour(story.__name__, needs, story))
            return story

        return declare


async def key(house, person_id, **more) -> str:
    """A key of a person who has none yet."""
    made = await house.identity.add_key(person_id, "table", **({"decides": False} | more))
    return made.secret


async def decided(house, approval_id, decision="approve", comment=None, who="lead") -> Got:
    """A person decides in their own session, whatever door the drafter came by."""
    return await Python(house).decide(who, approval_id, decision, comment)


async def booked(house) -> int:
    return len(await house.world.sql("SELECT id FROM w_leave"))


def said(got: Got) -> Any:
    return got.kind if got.code or got.held else (got.body.get("result"), got.body.get("say"))


def pointers(got: Got) -> list[str]:
    errors = got.problem.get("errors") or got.problem.get("fields") or []
    return sorted(item["pointer"] for item in errors)
