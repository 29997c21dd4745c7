"""Is an id the one way to write a key in an address, whatever the key is made of, and nothing else?"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import BigInteger, Column, Date, DateTime, MetaData, Numeric, String, Table, Uuid

from daeri.records.keys import Key, content_of


def key(*types: Any) -> Key:
    columns = [Column(f"c{number}", kind, primary_key=True) for number, kind in enumerate(types)]
    return Key(tuple(Table("t", MetaData(), *columns).primary_key.columns))


TEXTS = key(String(), String())


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",))), st.text(max_size=5))
def test_any_text_comes_back_through_an_address(first: str, second: str) -> None:
    second = second.replace("\0", "")
    written = TEXTS.id_from([first, second])
    assert isinstance(written, str)
    assert "/" not in written
    assert written not in (".", "..")
    assert unquote(quote(written)) == written
    assert TEXTS.parts(written) == (first, second)
    assert TEXTS.read(written) == written


@pytest.mark.parametrize(
    ("types", "parts", "written"),
    [
        ((BigInteger(),), (12,), 12),
        ((BigInteger(),), (-3,), -3),
        ((String(),), ("E-001",), "E-001"),
        ((String(),), ("a/b~c",), "a=2Fb=7Ec"),
        ((String(),), ("",), "=-"),
        ((String(),), (".",), "=2E"),
        ((String(),), ("export",), "=65xport"),
        ((String(),), ("사번 1",), "사번=201"),
        ((Date(), String()), (date(2026, 11, 2), "A"), "2026-11-02~A"),
        ((BigInteger(), BigInteger()), (1, 2), "1~2"),
        ((DateTime(),), (datetime(2026, 11, 2, 8, 0),), "2026-11-02T08:00:00"),  # noqa: DTZ001 - as it is kept
        ((Numeric(),), (Decimal("1.50"),), "1.50"),
    ],
)
def test_an_id_is_written_and_read_in_one_way(types: Any, parts: Any, written: Any) -> None:
    made = key(*types)
    assert made.id_from(parts) == written
    assert made.parts(written) == parts
    assert made.read(str(written)) == written


@pytest.mark.parametrize(
    ("types", "text"),
    [
        ((BigInteger(),), "1e3"), ((BigInteger(),), "٣"), ((BigInteger(),), "9" * 19), ((BigInteger(),), ""),
        ((BigInteger(), String()), "x~a"), ((String(), String()), "a"), ((String(), String()), "a~b~c"),
        ((String(),), "a=00"), ((String(),), "=FF"), ((String(),), ""), ((Date(),), "2026-13-01"),
        ((Numeric(),), "NaN"), ((Numeric(),), "1,5"), ((Uuid(as_uuid=False),), "not-a-uuid"), ((), "1"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_key_is_no_id(types: Any, text: str) -> None:
    made = key(*types)
    assert made.read(text) is None
    assert made.bindings(text) is None
    assert str(made.at(text)) == "false"


def test_a_key_with_an_empty_part_names_nothing() -> None:
    assert TEXTS.id_of({"c0": "a", "c1": None}) is None
    assert TEXTS.id_of({"c0": "a"}) is None
    assert key(BigInteger()).id_of({"c0": "12"}) is None


def test_the_content_stands_for_a_version() -> None:
    row = {"a": 1, "b": Decimal("1.0"), "c": date(2026, 1, 1), "d": None}
    assert content_of(row) == content_of(dict(reversed(row.items())))
    assert content_of(row) != content_of(row | {"d": ""})
    assert content_of(row) != content_of(row | {"a": "1"})
