"""What is an operation? The one value that every protocol, form, tool and command renders.

A company fills a `Catalog`; `declare.py` reads the functions; `invoke.py` alone runs them.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from inspect import cleandoc
from typing import Any, Final, TypeVar

from pydantic import BaseModel
from sqlalchemy import ColumnElement

from daeri.canonical import digest
from daeri.clock import Clock
from daeri.errors import DeclarationError
from daeri.operations.declare import Signature, read_signature
from daeri.operations.form import Form, LineFunction, form_of
from daeri.operations.line import Change
from daeri.operations.offering import Offer, made
from daeri.operations.provided import awaited_by
from daeri.records.access import Records
from daeri.records.actor import Actor, Effect
from daeri.records.record import Record
from daeri.records.rules import Rule
from daeri.wording import Lang, Text

Function = TypeVar("Function", bound=Callable[..., Awaitable[BaseModel]])
RuleFunction = TypeVar("RuleFunction", bound=Callable[[Actor], ColumnElement[bool]])
Allow = Callable[[Actor], bool]
ApprovalRule = LineFunction
Preview = Callable[..., Awaitable[Sequence[Change]]]


CACHE_SECONDS_MAX: Final = 86_400
"""How long an answer may be remembered at most."""


class ErrandFailed(Exception):
    """A call outside certainly had no effect; raised by the function that makes it, with what to tell people."""

    def __init__(self, detail: Text) -> None:
        """Say why, for the drafter and the approvers."""
        self.detail = detail
        super().__init__(detail.en)


@dataclass(frozen=True, slots=True)
class Errand:
    """The part of an operation's effect that lies outside the database: a transfer, a mail, another system's call.

    The operation's function writes what is intended and returns it; `call` gets that result and a key, after it has
    committed. It returns a receipt or None when the effect happened, raises `ErrandFailed` when it certainly did not;
    anything else that it raises, and no answer in time, is an unknown outcome, which a person settles. A result with a
    field `receipt` is told with it.

    Attributes:
        idempotent: the other side acts once for the same key, so a call of unknown outcome is made again.
    """

    call: Callable[[Any, str], Awaitable[BaseModel | None]]
    idempotent: bool = False


@dataclass(frozen=True)
class Operation:
    """A typed function over the company's records, with everything that governs it.

    Attributes:
        name: catalog.function, the same on every protocol, in the audit and in policies.
        label: its short name for people ("연차 휴가 신청").
        summary: the first line of its docstring; description is the whole.
        effect: read, write or irreversible.
        allow: who may call it at all; rows and fields are ruled separately.
        form: how its documents are approved, the line above all; None = no approval.
        preview: tells what would change; None = nothing to show.
        examples, words: how people ask for it.
        outside: what it answers is text from documents or the web, which anyone may have written.
        errand: what is called outside once the approved effect is committed; None = nothing is.
        cache_seconds: how long an answer of one that reads may be given again to who asks the same with the same
            rights (`answers.py`); None = it is made anew each time.
        cached_as: what its answers are made of where they are not made of the company's records and code, so that
            servers may share them; "" = they are.
        signature: the function's parameters, read once at import.
    """

    name: str
    catalog: str
    label: Text
    summary: str
    description: str
    effect: Effect
    allow: Allow
    function: Callable[..., Awaitable[BaseModel]]
    signature: Signature
    form: Form | None = None
    preview: Preview | None = None
    examples: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    outside: bool = False
    errand: Errand | None = None
    cache_seconds: int | None = None
    cached_as: str = ""

    def __post_init__(self) -> None:
        """Refuse to remember what does something, or for ever.

        Raises:
            DeclarationError: it would.
        """
        if self.cache_seconds is None:
            return
        if self.effect != "read":
            raise DeclarationError(
                f"{self.name} changes something, so its answers cannot be remembered: no cache_seconds"
            )
        if not 0 < self.cache_seconds <= CACHE_SECONDS_MAX:
            raise DeclarationError(f"{self.name}: cache_seconds is between 1 and {CACHE_SECONDS_MAX}, or left out")

    @property
    def approval(self) -> Form | None:
        """How people decide before it is done; None = nobody does."""
        return self.form

    @property
    def input(self) -> type[BaseModel]:
        """The model of the arguments that a caller sends."""
        return self.signature.model

    @property
    def output(self) -> type[BaseModel]:
        """The model of the result."""
        return self.signature.output

    @cached_property
    def shape(self) -> str:
        """The digest of what it is: approvals and consents do not carry over to another one of the same name."""
        return digest([self.name, self.effect, self.input.model_json_schema()])

    def body(self, lang: Lang) -> dict[str, Any]:
        """Render as the resource shape."""
        return {
            "name": self.name,
            "catalog": self.catalog,
            "label": self.label.to(lang),
            "summary": self.summary,
            "description": self.description,
            "effect": self.effect,
            "approval": self.approval is not None,
            "examples": list(self.examples),
            "input_schema": self.input.model_json_schema(),
            "output_schema": self.output.model_json_schema(mode="serialization"),
        }


def anyone(actor: Actor) -> bool:
    """Everyone who is signed in."""
    return actor.person_id >= 0


@dataclass(frozen=True, slots=True)
class Having:
    """Whoever holds any of the roles."""

    roles: tuple[str, ...]

    def __call__(self, actor: Actor) -> bool:
        """Say whether the actor holds one of them."""
        return any(actor.has(role) for role in self.roles)


def having(*roles: str) -> Allow:
    """Allow whoever holds any of the roles."""
    return Having(roles)


@dataclass(slots=True)
class Catalog:
    """The records, rules and operations of one subject, as a company declares them."""

    name: str
    label: Text
    row_rules: dict[type[Record], Rule] = field(default_factory=dict)
    change_rules: dict[type[Record], Rule] = field(default_factory=dict)
    operations: dict[str, Operation] = field(default_factory=dict)

    def rows(self, record: type[Record]) -> Callable[[RuleFunction], RuleFunction]:
        """Declare who sees which rows of a record; the docstring tells people the rule."""
        return self._rule(self.row_rules, record, "rows")

    def changes(self, record: type[Record]) -> Callable[[RuleFunction], RuleFunction]:
        """Declare who may add or change which rows of a record."""
        return self._rule(self.change_rules, record, "changes")

    def read(
        self,
        *,
        label: Text,
        allow: Allow,
        examples: Sequence[str] = (),
        words: Sequence[str] = (),
        outside: bool = False,
        cache_seconds: int | None = None,
    ) -> Callable[[Function], Function]:
        """Declare an operation that only reads; `outside` where its text comes from documents or the web.

        With `cache_seconds` its answer may be that old, for who asks the same again with the same rights, as long as
        nothing is changed in the records by Daeri. It is then made of nothing but these, its arguments and its asker.
        """
        governed = {"label": label, "allow": allow, "examples": examples, "words": words}
        return self._operation("read", {**governed, "outside": outside, "cache_seconds": cache_seconds})

    def write(
        self,
        *,
        label: Text,
        allow: Allow,
        approval: ApprovalRule | Form | None = None,
        preview: Preview | None = None,
        control: Sequence[str] | None = None,
        examples: Sequence[str] = (),
        words: Sequence[str] = (),
    ) -> Callable[[Function], Function]:
        """Declare an operation that changes records; with `approval`, people decide first.

        Give a function that returns a `Line`, or a `Form` with the policies that go with it. `control` names the
        parameters that decide who, what and how much; without it, those are references, amounts and numbers.
        """
        governed = {"label": label, "allow": allow, "examples": examples, "words": words, "control": control}
        return self._operation("write", {**governed, "approval": approval, "preview": preview})

    def irreversible(  # noqa: PLR0913 - one parameter for each thing that governs an operation
        self,
        *,
        label: Text,
        allow: Allow,
        approval: ApprovalRule | Form,
        preview: Preview,
        control: Sequence[str] | None = None,
        errand: Errand | None = None,
        examples: Sequence[str] = (),
        words: Sequence[str] = (),
    ) -> Callable[[Function], Function]:
        """Declare an operation that cannot be undone: it always needs an approval and a preview.

        With `errand`, a part of its effect lies outside the database; see `Errand`.
        """
        if approval is None or preview is None:
            raise DeclarationError("an irreversible operation needs an approval line and a preview")
        if errand is not None and isinstance(approval, Form) and approval.consent is not None:
            raise DeclarationError("what goes outside the database is decided each time; take consent off its form")
        governed = {"label": label, "allow": allow, "examples": examples, "words": words, "control": control}
        governed["errand"] = errand
        return self._operation("irreversible", {**governed, "approval": approval, "preview": preview})

    def records(
        self,
        record: type[Record],
        *,
        create: Allow | Offer | None = None,
        update: Allow | Offer | None = None,
        delete: Allow | Offer | None = None,
    ) -> None:
        """Offer to write single rows of a record: what is not named here cannot be done.

        Each becomes an operation (`employee.update`) with a route of its own (`PATCH /v1/records/employee/12`). Give
        who may call it (`update=having("hr")`), or an `Offer` with an approval line, chosen fields and examples.
        Row, change and field rules hold besides.
        """
        for act, offered in (("create", create), ("update", update), ("delete", delete)):
            if offered is None:
                continue
            name = f"{record.__tablename__}.{act}"
            if name in self.operations:
                msg = f"{name} is declared twice"
                raise DeclarationError(msg)
            parts = made(record, act, offered if isinstance(offered, Offer) else Offer(offered))
            self.operations[name] = Operation(name=name, catalog=self.name, **parts)

    def _rule(
        self, rules: dict[type[Record], Rule], record: type[Record], kind: str
    ) -> Callable[[RuleFunction], RuleFunction]:
        def declare(rule: RuleFunction) -> RuleFunction:
            if record in rules:
                msg = f"{record.__name__} has two rules for its {kind}: {rules[record].__name__} and {rule.__name__}"
                raise DeclarationError(msg)
            if not rule.__doc__:
                msg = f"{rule.__name__} needs a docstring that tells people who sees or changes what"
                raise DeclarationError(msg)
            rules[record] = rule
            return rule

        return declare

    def _operation(self, effect: Effect, governed: dict[str, Any]) -> Callable[[Function], Function]:
        def declare(function: Function) -> Function:
            name = f"{self.name}.{function.__name__}"
            if name in self.operations:
                msg = f"{name} is declared twice"
                raise DeclarationError(msg)
            form = form_of(governed.get("approval"))
            if form is not None and form.bundle and governed.get("errand") is not None:
                raise DeclarationError(f"{name} acts outside, where several calls cannot be undone together: no bundle")
            lines = form.functions if form else ()
            signature = read_signature(
                function, lines=lines, preview=governed.get("preview"), control=governed.get("control")
            )
            waits_for = awaited_by(signature.injected)
            if effect != "read" and waits_for is not None:
                raise DeclarationError(f"{name} changes something, so it cannot wait for {waits_for.__name__} first")
            cache_seconds = governed.get("cache_seconds")
            odd = [kind.__name__ for kind in signature.injected.values() if kind not in (Records, Actor, Clock)]
            if cache_seconds is not None and odd:
                raise DeclarationError(f"{name} is made of {odd[0]} too, so its answers cannot be remembered")
            description = cleandoc(function.__doc__ or "").strip()
            self.operations[name] = Operation(
                name=name,
                catalog=self.name,
                summary=description.splitlines()[0],
                description=description,
                effect=effect,
                function=function,
                signature=signature,
                label=governed["label"],
                allow=governed["allow"],
                form=form,
                preview=governed.get("preview"),
                examples=tuple(governed["examples"]),
                words=tuple(governed["words"]),
                outside=governed.get("outside", False),
                errand=governed.get("errand"),
                cache_seconds=cache_seconds,
            )
            return function

        return declare
