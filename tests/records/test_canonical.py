"""Have equal values equal bytes, and different values different ones?"""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daeri.canonical import canonical_json, digest

names = st.text("abc가나", max_size=4)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)


def test_each_kind_of_value_has_one_form() -> None:
    value = {
        "b": Decimal("7.50"),
        "a": date(2026, 12, 1),
        "at": datetime(2026, 11, 21, 5, 2, tzinfo=UTC),
        "set": frozenset({"한"}),
        "pair": (1, None, True),
        "나": "다",
    }
    assert canonical_json(value).decode() == (
        '{"a":"2026-12-01","at":"2026-11-21T05:02:00.000Z","b":"7.50","pair":[1,null,true],"set":["한"],"나":"다"}'
    )


@given(st.dictionaries(names, plain, max_size=5))
def test_the_order_of_keys_makes_no_difference(value: dict[str, object]) -> None:
    assert digest(value) == digest(dict(reversed(value.items())))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, "1"),
        (1, True),
        (1, 1.0),
        (None, "null"),
        ([], {}),
        (["a", "b"], ["ab"]),
        ({"a": 1}, {"a": "1"}),
        ("a ", "a"),
        ("나", "\u1102\u1161"),
        ("a\u200b", "a"),
    ],
)
def test_different_values_have_different_digests(one: object, other: object) -> None:
    assert digest(one) != digest(other)


@pytest.mark.parametrize("value", [object(), b"x", {1: {"x": object()}}, lambda: 1])
def test_a_value_without_a_form_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="has no canonical form"):
        digest(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        digest(value)
