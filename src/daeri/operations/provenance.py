"""Where does a value that an agent sends come from? Traced from what its run heard and read; never claimed by a model.

An agent's arguments are compared with the person's own words, the records they named, and what the run read before.
A value is *vouched for* when the person wrote it, when it is a row or a field of a row that they named, when it is one
of the company's own people or teams, or when nothing was sent. What only another record, a document or a web page
holds, and what nobody holds, is not. Pure: no database, no model.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from daeri.records.keys import Id
from daeri.records.record import Person, Team
from daeri.wording import Text, normal

if TYPE_CHECKING:
    from daeri.operations.declare import Signature

Source = Literal["said", "named", "field", "company", "default", "record", "outside", "unknown"]
VOUCHED: frozenset[Source] = frozenset({"said", "named", "field", "company", "default"})
WORDS: Mapping[Source, Text] = {
    "said": Text("본인이 한 말", "the person's own words"),
    "named": Text("본인이 가리킨 기록", "a record the person named"),
    "field": Text("본인이 가리킨 기록의 내용", "a field of a record the person named"),
    "company": Text("회사의 사람이나 부서", "one of the company's people or teams"),
    "default": Text("적지 않음 (기본값)", "not given (default)"),
    "record": Text("다른 기록", "another record"),
    "outside": Text("문서나 웹의 글", "text of a document or web page"),
    "unknown": Text("출처를 알 수 없음 (AI가 채움)", "of unknown origin (filled in by the AI)"),
}
THE_ACT = ""
"""The name under which a document keeps where the act itself came from; no argument has it."""
LEAST_TEXT = 2
"""Characters that a text must have to be found in someone's words by chance no more."""
LEAVES_MAX = 5_000
"""Values of one read that are looked at."""


@dataclass(frozen=True, slots=True)
class Read:
    """One thing that a run read before it called.

    Attributes:
        outside: its text comes from documents or the web, so anyone may have written it.
        records: the rows it is about.
    """

    operation: str
    outside: bool
    result: Any
    records: frozenset[tuple[str, Id]] = frozenset()


@dataclass(frozen=True, slots=True)
class Origins:
    """What a run had heard and read when it called.

    Attributes:
        said: what the person wrote, in this conversation.
        values: what those words mean as values: amounts, numbers, days, each as text.
        named: the rows that those words name.
        classes: the sensitive data classes that what it read, and so what it sends, may hold.
        unasked: the run had read something, and the person's words ask for no such act as it then called.
        informed: whether the run knows anything that the person did not write here: records, documents, earlier
            answers. Only of a run that has just begun is it known that it does not.
    """

    said: tuple[str, ...] = ()
    values: frozenset[str] = frozenset()
    named: frozenset[tuple[str, Id]] = frozenset()
    reads: tuple[Read, ...] = ()
    classes: frozenset[str] = frozenset()
    unasked: bool = False
    informed: bool = True


@dataclass(frozen=True, slots=True)
class Traced:
    """Where one argument came from.

    Attributes:
        by: the operation that was read, where it came from one.
        control: whether it decides who, what or how much.
    """

    source: Source
    by: str | None = None
    control: bool = False

    @property
    def vouched(self) -> bool:
        """Whether someone stands for it."""
        return self.source in VOUCHED

    def body(self) -> dict[str, Any]:
        """Return it as JSON values, as a document keeps it."""
        return {"source": self.source, "by": self.by, "control": self.control, "vouched": self.vouched}


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where every argument of a call came from; empty where a person called by themself.

    Attributes:
        swayed_by: what the run had read that anyone may have written, before it called. Such a text can talk an agent
            into an act with the person's own words, so then the act itself is doubtful, whatever its arguments are.
        unasked: it had read anything at all, a name or a note in a record among it, and its person asked for no such
            act.
    """

    arguments: Mapping[str, Traced] = field(default_factory=dict)
    swayed_by: str | None = None
    unasked: bool = False

    @property
    def unvouched(self) -> tuple[str, ...]:
        """The control arguments that nobody stands for."""
        return tuple(name for name, traced in self.arguments.items() if traced.control and not traced.vouched)

    @property
    def doubtful(self) -> bool:
        """Whether the person must stand for the call: for a value that counts, or for the act itself."""
        return bool(self.unvouched) or self.swayed_by is not None or self.unasked

    def body(self) -> dict[str, Any]:
        """Return it as JSON values, as a document keeps it; a doubt about the act itself stands first."""
        told = {name: traced.body() for name, traced in self.arguments.items()}
        if self.swayed_by is not None:
            return {THE_ACT: Traced("outside", self.swayed_by or None, control=True).body(), **told}
        return {THE_ACT: Traced("unknown", control=True).body(), **told} if self.unasked else told


def trace(signature: "Signature", arguments: Mapping[str, Any], sent: Iterable[str], origins: Origins) -> Provenance:
    """Return where the canonical arguments of a call came from."""
    given = set(sent)
    said = tuple(map(_folded, origins.said))
    return Provenance(
        {
            name: _traced(signature, name, value, origins, said)
            if name in given and value not in (None, "", [])
            else Traced("default", control=name in signature.control)
            for name, value in arguments.items()
        },
        next((read.operation for read in origins.reads if read.outside), None),
        origins.unasked,
    )


def _traced(signature: "Signature", name: str, value: Any, origins: Origins, said: tuple[str, ...]) -> Traced:
    control = name in signature.control
    record = signature.references.get(name)
    if record is not None:
        key = (record.__tablename__, value)
        if key in origins.named:
            return Traced("named", control=control)
        if issubclass(record, Person | Team):
            return Traced("company", control=control)
        return _read(origins, lambda read: key in read.records or _holds(read.result, value), control)
    values = value if isinstance(value, list) else [value]
    if all(_is_said(each, origins, said) for each in values):
        return Traced("said", control=control)
    for read in origins.reads:
        if not read.outside and read.records & origins.named and all(_holds(read.result, each) for each in values):
            return Traced("field", read.operation, control)
    return _read(origins, lambda read: all(_holds(read.result, each) for each in values), control)


def _read(origins: Origins, holds: Any, control: bool) -> Traced:
    """Return from which read a value came; what the outside holds too counts as outside."""
    found = [read for read in origins.reads if holds(read)]
    outside = next((read for read in found if read.outside), None)
    if outside is not None:
        return Traced("outside", outside.operation, control)
    return Traced("record", found[0].operation, control) if found else Traced("unknown", None, control)


def _is_said(value: Any, origins: Origins, said: tuple[str, ...]) -> bool:
    if isinstance(value, bool):
        return True
    if _number(value) is not None:
        return _number(value) in {_number(each) for each in origins.values}
    text = _folded(str(value))
    if str(value) in origins.values:
        return True
    return len(text) >= LEAST_TEXT and any(text in words for words in said)


def _holds(result: Any, value: Any) -> bool:
    """Say whether a read's result holds a value: as a leaf, or within a leaf's text."""
    number = _number(value)
    text = _folded(str(value))
    for count, leaf in enumerate(_leaves(result)):
        if count >= LEAVES_MAX:
            return False
        if number is not None and _number(leaf) == number:
            return True
        if isinstance(leaf, str) and len(text) >= LEAST_TEXT and text in _folded(leaf):
            return True
        if leaf == value:
            return True
    return False


def _leaves(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def own_words(arguments: Mapping[str, Any], origins: Origins) -> bool:
    """Say whether arguments hold nothing but the person's own words: to the letter, and nothing twice among them all.

    Spaces, large letters and noughts could spell anything, and so could any word that is repeated often enough; so
    could what is nested, which nobody says. A switch of its own may be on or off.
    """
    held: set[Any] = set()
    for value in arguments.values():
        if isinstance(value, bool):
            continue
        for each in value if isinstance(value, list) else [value]:
            number = _number(each)
            form = _folded(str(each)) if number is None else number
            if form in held or not _is_said_so(each, origins):
                return False
            held.add(form)
    return True


def _is_said_so(value: Any, origins: Origins) -> bool:
    """Say whether the person said a value to the letter; a number, as a number."""
    if isinstance(value, str):
        literal = len(value) >= LEAST_TEXT and any(value in words for words in origins.said)
        return value in origins.values or literal
    return isinstance(value, bool) or (_number(value) is not None and _is_said(value, origins, ()))


def _number(value: Any) -> Decimal | None:
    """Return a number in one form, whether it is written 2, 2.0 or "2"; None for what is none."""
    if isinstance(value, bool) or value is None or not isinstance(value, int | float | str | Decimal):
        return None
    try:
        number = Decimal(str(value)).normalize()
    except ArithmeticError:  # none, or one that is too large for any normal form
        return None
    return number if number.is_finite() else None


def _folded(text: str) -> str:
    return "".join(normal(text).casefold().split())
