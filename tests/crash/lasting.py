"""What a company offers over MCP besides: a tool whose work lasts, and tells a file when it begins."""

import asyncio
import os
from pathlib import Path
from typing import Any

from daeri.gateway.mcp import Exchange, Extras, ExtraTool, text
from daeri.wording import Text

FILE = "LASTING_FILE"


def _noted(begun: Path, person: int) -> int:
    with begun.open("a+", encoding="utf-8") as lines:
        lines.write(f"{person}\n")
        lines.seek(0)
        return len(lines.readlines())


async def _count(exchange: Exchange) -> dict[str, Any]:
    begun = Path(os.environ[FILE])
    tries = _noted(begun, exchange.caller.actor.person_id)
    if tries == 1:
        await asyncio.sleep(60)
    return text(f"counted at try {tries}")


def extras() -> Extras:
    """Offer it."""
    return Extras([ExtraTool("count", Text("세기", "Count"), "Count the stock.", _count, lasting="must")])
