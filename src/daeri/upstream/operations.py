"""How does an operation of a service become one of the company's? An ordinary `Operation`, made of what was pinned.

One that reads is fetched before the database is visited. One that writes is always a document: the call is its errand,
made once the last person has approved and that is committed. What a service answers is text from outside either way.
"""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field, WithJsonSchema, create_model
from pydantic_core import to_jsonable_python

from daeri.canonical import digest
from daeri.errors import DeclarationError
from daeri.operations import Catalog, Change, Company, Form, Line, anyone, drafter, having, holder, superior
from daeri.operations.arguments import parameter_label
from daeri.operations.declare import read_signature
from daeri.operations.form import LineFunction, form_of
from daeri.operations.line import Approver
from daeri.operations.operation import Errand, Operation
from daeri.operations.provided import Awaited
from daeri.records import Records
from daeri.records.actor import Effect
from daeri.upstream.openapi import FETCHED, RECORDS
from daeri.upstream.pins import Pin
from daeri.upstream.schemas import hint_of, loosened
from daeri.upstream.shape import Parameter, Shape
from daeri.upstream.table import EVERYONE, Entry, Governed
from daeri.wording import Lang, Text

SAID_MAX: Final = 6
"""Values of an answer that a sentence names."""
ROLE: Final = "role:"
Call = Callable[[Any, str], Awaitable[BaseModel | None]]


class Fetched(Awaited):
    """What a service answered; each operation has a kind of its own, by which the door finds who fetches."""

    def __init__(self, answer: BaseModel) -> None:
        """Take the answer."""
        self.answer = answer


class Answered(BaseModel):
    """What a service answered, as far as it was pinned."""

    service: str
    data: Any = None

    def say(self, lang: Lang) -> str:
        """Name its plain values, or how many things there are."""
        data = self.data
        if isinstance(data, list):
            return f"{self.service}: {len(data)}건" if lang == "ko" else f"{self.service}: {len(data)} items"
        if isinstance(data, Mapping):
            plain = [f"{name} {value}" for name, value in data.items() if isinstance(value, str | int | float)]
            return f"{self.service}: " + (", ".join(plain[:SAID_MAX]) or "…")
        return f"{self.service}: {'-' if data is None else data}"


class Sent(BaseModel):
    """What is sent to a service once people have approved, and what it answered to that."""

    service: str
    label: dict[str, str]
    arguments: dict[str, Any]
    receipt: Any = Field(default=None, description="서비스의 답 (what the service answered)")

    def say(self, lang: Lang) -> str:
        """Say that it was done."""
        label = self.label[lang]
        return f"{label}: 서비스가 처리했어요." if lang == "ko" else f"{label}: the service has done it."


class Receipt(BaseModel):
    """What a service answered to a call that it carried out."""

    data: Any = None


@dataclass(frozen=True, slots=True)
class Adopted:
    """One operation of a service, with everything that its operator says of it.

    Attributes:
        fields: the type and the default of each parameter.
    """

    service: str
    entry: Entry
    governed: Governed
    shape: Shape
    answer: type[BaseModel]
    fetched: type[Fetched]
    fields: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Its name here."""
        return f"{self.service}.{self.governed.name or self.shape.name}"

    @property
    def effect(self) -> Effect:
        """What it does: the operator's word goes before the service's own."""
        return self.governed.effect or self.shape.effect

    @property
    def label(self) -> Text:
        """What people call it."""
        return self.governed.label.text if self.governed.label else _label(self.shape)

    @property
    def seconds(self) -> float:
        """How long a call may take."""
        return self.governed.seconds or self.entry.seconds

    @property
    def cache_seconds(self) -> int | None:
        """How old its answers may be; what the operator says of a whole service holds for what reads alone."""
        if self.governed.cache_seconds is not None:
            return self.governed.cache_seconds or None
        return self.entry.cache_seconds or None if self.effect == "read" else None

    @property
    def cached_as(self) -> str:
        """What its answers are made of: who answers, for what, and how that is governed."""
        return digest(
            [self.entry.model_dump(mode="json", exclude={"operations"}), self.governed.model_dump(mode="json")]
        )


@dataclass(slots=True)
class Selection:
    """Which operations of a service are adopted, and why the others are not."""

    adopted: list[Adopted] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)


def select(name: str, entry: Entry, pin: Pin, company: Company | None = None) -> Selection:
    """Choose by what the operator wrote; what nobody named, and what nobody may call, is left out."""
    chosen = Selection()
    for shape in pin.operations:
        governed = entry.governed(*shape.keys)
        reason = _reason(entry, governed, shape, company)
        if reason:
            chosen.left_out[shape.key] = reason
            continue
        answer = _answer_model(name, shape)
        kind = type(f"Fetched_{name}_{shape.name}", (Fetched,), {"__doc__": Fetched.__doc__})
        one = Adopted(name, entry, governed, shape, answer, kind, _fields(governed, shape))
        if any(other.name == one.name for other in chosen.adopted):
            chosen.left_out[shape.key] = f"another operation is called {one.name}: give it a name"
        else:
            chosen.adopted.append(one)
    return chosen


def _reason(entry: Entry, governed: Governed, shape: Shape, company: Company | None) -> str:
    """Say why an operation is left out; nothing where it is adopted."""
    if not entry.wants(*shape.keys):
        return "not named in adopt"
    if not (entry.roles if governed.roles is None else governed.roles):
        return 'nobody may call it: name roles, or ["*"] for everyone'
    if governed.effect == "read" and shape.method == "DELETE":
        return "DELETE cannot be declared to read"
    if governed.effect == "read" and (shape.hints.get("destructiveHint") or shape.hints.get("readOnlyHint") is False):
        return "its server says that it changes something, so it cannot be declared to read"
    if company is not None and not governed.approval.startswith(ROLE) and _line(governed.approval, company) is None:
        return f"there is no approval line {governed.approval!r}: write lead, self, role:NAME or one of Company.lines"
    known = {parameter.name for parameter in shape.parameters}
    unknown = sorted({*governed.parameters, *(governed.control or ())} - known)
    return f"it has no parameter {unknown[0]!r}, but: {', '.join(sorted(known)) or '-'}" if unknown else ""


def _label(shape: Shape) -> Text:
    said = (shape.summary or shape.key)[:60]
    return Text(said, said)


def _answer_model(service: str, shape: Shape) -> type[BaseModel]:
    schema = loosened(shape.answer or {})
    data: Any = (Annotated[Any, WithJsonSchema(schema)], None)
    return create_model(f"{service}_{shape.name}_answer", __base__=Answered, __doc__=Answered.__doc__, data=data)


def catalog_of(
    name: str, entry: Entry, adopted: list[Adopted], company: Company, call: Callable[[Adopted], Call]
) -> Catalog:
    """Return the catalog of a service; `call` gives the function by which one that writes is called outside.

    Raises:
        DeclarationError: something does not fit; the message says which operation.
    """
    label = entry.label.text if entry.label else Text(name, name)
    catalog = Catalog(name, label)
    for one in adopted:
        try:
            catalog.operations[one.name] = _operation(one, label, company, call)
        except DeclarationError as error:
            raise DeclarationError(f"services.{name}: {one.shape.key}: {error}") from None
    return catalog


def _operation(one: Adopted, service: Text, company: Company, call: Callable[[Adopted], Call]) -> Operation:
    roles = one.entry.roles if one.governed.roles is None else one.governed.roles
    is_read = one.effect == "read"
    form = None if is_read else form_of(_line(one.governed.approval, company))
    preview = None if is_read else _preview(one, service)
    function = _reading(one) if is_read else _writing(one)
    control = one.governed.control
    signature = read_signature(
        function,
        lines=form.functions if form else (),
        preview=preview,
        control=[parameter.name for parameter in one.shape.parameters] if control is None else control,
    )
    signature.model.model_config["json_schema_extra"] = {"x-pinned": one.shape.digest[:16]}
    signature.model.model_rebuild(force=True)
    description = function.__doc__ or ""
    return Operation(
        name=one.name,
        catalog=one.service,
        label=one.label,
        summary=description.splitlines()[0],
        description=description,
        effect=one.effect,
        allow=anyone if EVERYONE in roles else having(*roles),
        function=function,
        signature=signature,
        form=form,
        preview=preview,
        examples=one.governed.examples,
        words=one.governed.words,
        outside=True,
        errand=None if is_read else Errand(call(one), idempotent=one.governed.idempotent),
        cache_seconds=one.cache_seconds,
        cached_as=one.cached_as,
    )


def _line(approval: str, company: Company) -> LineFunction | Form | None:
    """Return the line that the operator names; None where there is none of that name."""
    who: Approver
    if approval.startswith(ROLE):
        role = approval.removeprefix(ROLE)
        who = holder(role, company.roles.get(role))
        because = Text("서비스를 맡은 사람이 결재해요", "Whoever is in charge of the service decides")
    elif approval == "lead":
        who, because = superior(1), Text("다른 시스템을 바꾸는 일이에요", "It changes another system")
    elif approval == "self":
        who, because = drafter(), Text("다른 시스템을 바꾸는 일이에요", "It changes another system")
    else:
        return company.lines.get(approval)

    def line() -> Line:
        """Give the one step that the operator named."""
        return Line(who, rule=f"service-{approval}", because=because)

    return line


def _described(governed: Governed, parameter: Parameter) -> str:
    return governed.parameters.get(parameter.name) or parameter.description or parameter.sent or parameter.name


def _reading(one: Adopted) -> Callable[..., Any]:
    async def read(**values: Any) -> BaseModel:
        fetched: Fetched = values[FETCHED]
        values[RECORDS].told(one.governed.data)
        return fetched.answer

    return _signed(read, one, {FETCHED: one.fetched, RECORDS: Records}, one.answer)


def _writing(one: Adopted) -> Callable[..., Any]:
    label = {"ko": one.label.ko, "en": one.label.en}

    async def write(**values: Any) -> Sent:
        return Sent(service=one.service, label=label, arguments=to_jsonable_python(values))

    return _signed(write, one, {}, Sent)


def _fields(governed: Governed, shape: Shape) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for parameter in shape.parameters:
        described = _described(governed, parameter)
        hint = hint_of(parameter.values, described)
        if parameter.required:
            fields[parameter.name] = (hint, inspect.Parameter.empty)
        else:
            fields[parameter.name] = (hint | None, Field(default=None, description=described))
    return fields


def _signed(
    function: Callable[..., Any], one: Adopted, injected: Mapping[str, type], given: type[BaseModel]
) -> Callable[..., Any]:
    """Give a function the signature that the service asks for, as if someone had written it."""
    named = inspect.Parameter
    listed = [named(name, named.KEYWORD_ONLY, annotation=kind) for name, kind in injected.items()]
    for name, (hint, default) in one.fields.items():
        listed.append(named(name, named.KEYWORD_ONLY, annotation=hint, default=default))
    function.__name__ = function.__qualname__ = one.name.replace(".", "_")
    function.__doc__ = _documented(one)
    function.__signature__ = inspect.Signature(listed, return_annotation=given)  # type: ignore[attr-defined]
    function.__annotations__ = {each.name: each.annotation for each in listed} | {"return": given}
    return function


def _documented(one: Adopted) -> str:
    """Return what people and models read of it: the operator's label before the service's own words."""
    first = f"{one.label.en} ({one.label.ko})." if one.label.en != one.label.ko else f"{one.label.en}."
    said = one.shape.description or one.shape.summary
    return f"{first}\n\n{said}" if said else first


def _preview(one: Adopted, service: Text) -> Callable[..., Any]:
    where = f"{one.shape.method} {one.shape.path}".strip() or one.shape.key

    async def preview(**sent: Any) -> list[Change]:
        changes = [Change(Text(f"{service.ko}에 보낼 것", f"sent to {service.en}"), "", where)]
        for parameter in one.shape.parameters:
            value = sent.get(parameter.name)
            if value is not None:
                label = parameter_label(parameter.name, _described(one.governed, parameter))
                changes.append(Change(label, "", str(value)))
        return changes

    return _signed(preview, one, {}, Sent)
