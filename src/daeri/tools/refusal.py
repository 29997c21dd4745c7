"""How is a statement refused? One error for every rule of `sql_check.py` and `query.py`: what is wrong, what to do."""

from daeri.errors import FieldError, ValidationFailed
from daeri.wording import Text


def refused(ko: str, en: str) -> ValidationFailed:
    """Return a refusal of the statement: what is wrong with it and what to write instead."""
    return ValidationFailed(Text(ko, en), errors=[FieldError("/sql", en)])
