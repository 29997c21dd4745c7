"""What of that which was sent does not fit? Pydantic's findings, each with its place, worded in both languages."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic import ValidationError

from daeri.errors import FieldError
from daeri.wording import Text

_KOREAN: Final = {
    "missing": "꼭 필요한 항목이에요",
    "extra_forbidden": "여기에는 없는 항목이에요",
    "int_type": "정수를 적어 주세요",
    "int_parsing": "정수를 숫자로만 적어 주세요",
    "int_from_float": "소수점 없는 정수를 적어 주세요",
    "string_type": "글자를 적어 주세요",
    "string_too_short": "{min_length}자 이상 적어 주세요",
    "string_too_long": "{max_length}자까지 쓸 수 있어요",
    "date_type": "날짜를 적어 주세요 (예: 2026-11-26)",
    "date_parsing": "날짜를 2026-11-26 처럼 적어 주세요",
    "date_from_datetime_parsing": "날짜를 2026-11-26 처럼 적어 주세요",
    "literal_error": "{expected} 중에서 골라 주세요",
    "bool_parsing": "예 또는 아니요로 적어 주세요",
    "decimal_parsing": "숫자를 적어 주세요",
    "greater_than_equal": "{ge} 이상이어야 해요",
    "less_than_equal": "{le} 이하여야 해요",
    "greater_than": "{gt}보다 커야 해요",
    "less_than": "{lt}보다 작아야 해요",
}


def misfits(error: ValidationError, within: str = "") -> list[FieldError]:
    """Return what does not fit.

    Args:
        error: what Pydantic found.
        within: the JSON pointer of what was looked at, where that is a part of what was sent.
    """
    found = error.errors(include_url=False, include_input=False)
    return [FieldError(f"{within}{_pointer(item['loc'])}", worded(item)) for item in found]


def worded(item: Mapping[str, Any]) -> Text:
    """Word one finding; Pydantic's own English is kept, the Korean says the same for the common kinds."""
    context = {name: str(value) for name, value in (item.get("ctx") or {}).items()}
    template = _KOREAN.get(item["type"])
    return Text(template.format_map(defaultdict(str, context)) if template else item["msg"], item["msg"])


def _pointer(location: Iterable[int | str]) -> str:
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in location)
