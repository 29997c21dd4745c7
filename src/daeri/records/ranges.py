"""How are many ids written in little room? A few one by one, many as ranges; what was written can be asked again."""

from collections.abc import Iterable
from typing import Any, Final

LISTED: Final = 20
"""Ids that are written one by one; more are written as ranges."""


def named(ids: Iterable[Any]) -> list[Any]:
    """Write ids: a few as they come, many in order and as ranges ({"from": 7, "to": 120})."""
    found = list(dict.fromkeys(ids))
    if len(found) <= LISTED:
        return found
    ranges: list[dict[str, int]] = []
    for key in sorted(each for each in found if isinstance(each, int)):
        if ranges and key == ranges[-1]["to"] + 1:
            ranges[-1]["to"] = key
        else:
            ranges.append({"from": key, "to": key})
    alone = [each for each in found if not isinstance(each, int)]
    return [each["from"] if each["from"] == each["to"] else each for each in ranges] + alone


def names(written: Iterable[Any], key: int | str) -> bool:
    """Say whether ids that `named` wrote hold one."""
    return any(
        isinstance(key, int) and each["from"] <= key <= each["to"] if isinstance(each, dict) else each == key
        for each in written
    )
