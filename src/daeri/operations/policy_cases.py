"""What does a company expect of its own rules? One expectation of a test file, and what came of it.

Only values live here; policy.py tries them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from daeri.errors import FieldError, ValidationFailed
from daeri.operations.misfits import misfits
from daeri.records.record import Record
from daeri.wording import Lang, Text


class Case(BaseModel):
    """One expectation: a person's login, what they try, and what must come of it.

    `allow` means: may call, sees the row, sees the value, may change (with `change`). `hidden` and `masked` are for
    fields: the row is seen, and nothing or only the mask of the value. `deny` is the rest.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    person: Annotated[str, Field(min_length=1)]
    expect: Literal["allow", "deny", "hidden", "masked"]
    agent: str | None = None
    operation: str | None = None
    type: str | None = None
    id: int | str | None = None
    field: str | None = None
    change: bool = False
    note: str = ""

    @model_validator(mode="after")
    def _is_one_question(self) -> "Case":
        if (self.operation is None) == (self.type is None):
            msg = "name either an operation or a type"
            raise ValueError(msg)
        if self.type is None and (self.id is not None or self.field is not None or self.change):
            msg = "id, field and change belong to a type"
            raise ValueError(msg)
        if self.field is not None and self.change:
            msg = "change is about a row: leave field out"
            raise ValueError(msg)
        if self.expect in ("hidden", "masked") and self.field is None:
            msg = "only a field can be hidden or masked"
            raise ValueError(msg)
        return self

    def about(self) -> str:
        """Say what is tried: `deputy employee/3 salary`."""
        row = None if self.type is None else self.type + (f"/{self.id}" if self.id is not None else "")
        via = None if self.agent is None else f"({self.agent})"
        parts = (self.person, via, self.operation, row, self.field, "change" if self.change else None)
        return " ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a case: `got` is a verdict, or missing where the person, the row or the field is not there."""

    case: Case
    got: str
    why: Text

    @property
    def passed(self) -> bool:
        """Whether it is as expected."""
        return self.got == self.case.expect

    def body(self, lang: Lang) -> dict[str, Any]:
        """Render as JSON."""
        about = {"about": self.case.about(), "note": self.case.note, "expect": self.case.expect}
        return {**about, "got": self.got, "passed": self.passed, "why": self.why.to(lang).strip()}


def read_case(number: int, sent: Mapping[str, Any], records: Mapping[str, type[Record]]) -> Case:
    """Read one case about a company's records.

    Raises:
        ValidationFailed: with a pointer such as /case/3/expect.
    """
    try:
        case = Case.model_validate(dict(sent))
    except ValidationError as error:
        raise ValidationFailed(
            Text(f"{number + 1}번째 기대가 맞지 않아요", f"Expectation {number + 1} is not well formed"),
            errors=misfits(error, f"/case/{number}"),
        ) from None
    record = records.get(case.type or "")
    if isinstance(case.id, str) and (record is None or not record.__adopted__ or record.__key__.numeric):
        raise ValidationFailed(
            Text(f"{number + 1}번째 기대의 id는 숫자예요", f"The id of expectation {number + 1} is a whole number"),
            errors=[FieldError(f"/case/{number}/id", "a whole number")],
        )
    return case
