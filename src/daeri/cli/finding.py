"""Which one did the person mean? An id in full, how it begins or ends, or a document's number."""

from collections.abc import Sequence
from typing import Any, Final

from daeri.cli.command import Desk
from daeri.cli.trouble import Code, Trouble
from daeri.cli.words import Words

Query = tuple[str, Sequence[tuple[str, str]]]

SHORTEST: Final = 4
"""Characters of a shortened id at least: fewer name something else tomorrow."""
SHOWN: Final = 5


def short(identifier: str) -> str:
    """Return the end of an id: what people can tell apart, and what `found` accepts."""
    return identifier[-8:]


def found(
    desk: Desk, named: str, what: Words, fields: Sequence[str], lists: Sequence[Query], *, again: str
) -> dict[str, Any]:
    """Return the one thing that an id, its beginning, its end or a number names.

    Args:
        desk: reaches the API.
        named: what the person wrote.
        what: what is looked for ("결재 문서", "document").
        fields: the fields of a body that may name it; the first is its id.
        lists: where to look, as (path, query).
        again: the command that lists them.

    Raises:
        Trouble: nothing fits, or several do.
    """
    wanted = named.strip()
    bodies: dict[str, dict[str, Any]] = {}
    for path, query in lists:
        for body in desk.api.get(path, query)["data"]:
            if any(_fits(wanted, body.get(name)) for name in fields):
                bodies[body[fields[0]]] = body
        exact = [body for body in bodies.values() if wanted in [body.get(name) for name in fields]]
        if exact:
            return exact[0]
    if len(bodies) == 1:
        return next(iter(bodies.values()))
    if not bodies and "_" in wanted:
        # An id in full may lie beyond the lists; the server knows whether it exists.
        return {fields[0]: wanted}
    raise _not_one(wanted, what, list(bodies), again)


def _fits(wanted: str, value: Any) -> bool:
    if not isinstance(value, str):
        return False
    if value == wanted:
        return True
    bare, upper = value.partition("_")[2], wanted.upper()
    return len(wanted) >= SHORTEST and (
        value.startswith(wanted) or bare.startswith(upper) or value.endswith(upper) or short(value).startswith(upper)
    )


def _not_one(wanted: str, what: Words, ids: Sequence[str], again: str) -> Trouble:
    fix = Words(f"목록 보기:  {again}", f"See the list:  {again}")
    if not ids:
        return Trouble(
            "not-found",
            Words(f"'{wanted}' {what.ko} 없음", f"No {what.en} '{wanted}'"),
            why=Words(
                f"내가 볼 수 있는 것 가운데 그런 번호가 없어요 ({SHORTEST}자 이상 적어 주세요)",
                f"None of those you may see has such an id (write {SHORTEST} characters at least)",
            ),
            fix=fix,
        )
    some = ", ".join(ids[:SHOWN])
    return Trouble(
        "ambiguous",
        Words(f"'{wanted}'에 맞는 {what.ko} {len(ids)}개", f"{len(ids)} fit the {what.en} '{wanted}'"),
        why=Words(some, some),
        fix=fix,
        code=Code.USAGE,
    )
