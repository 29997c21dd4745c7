"""Are amounts and counts read as they are written, in both languages?"""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daeri.agent.quantities import find_counts, find_money, korean_number
from daeri.wording import won

AMOUNTS = st.integers(1, 10**12)


@given(AMOUNTS)
def test_an_amount_that_daeri_words_is_read_back(amount: int) -> None:
    for text in (won(amount, "ko"), f"{amount}원", f"{amount:,} won", f"KRW {amount:,}"):
        assert [found.won for found in find_money(f"이 {text} 저")] == [amount], text


@given(st.integers(1, 9999), st.integers(0, 9999))
def test_amounts_in_hundreds_of_millions_and_ten_thousands_are_read(eok: int, man: int) -> None:
    text = f"{eok}억 {man}만원" if man else f"{eok}억원"
    assert [found.won for found in find_money(text)] == [eok * 10**8 + man * 10**4]


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("300만원", 3_000_000),
        ("3백만 원", 3_000_000),
        ("1억 2천만원", 120_000_000),
        ("₩2,480,000", 2_480_000),
        ("15만 5천원", 155_000),
        ("2.5 million won", 2_500_000),
        ("300k won", 300_000),
        ("이백오십만원", 2_500_000),
        ("1.5억", 150_000_000),
        ("30만원짜리", 300_000),
    ],
)
def test_ways_of_writing_an_amount(text: str, amount: int) -> None:
    assert [found.won for found in find_money(f"노트북 {text} 품의")] == [amount]


@pytest.mark.parametrize("text", ["직원 원칙", "회원 명단", "지원 부서", "3만명", "원", "won the prize"])
def test_what_only_looks_like_money_is_left_alone(text: str) -> None:
    assert find_money(text) == []


@pytest.mark.parametrize(
    ("text", "number", "unit"),
    [("의자 3개", 3, "개"), ("하루 연차", 1, "일"), ("두 명", 2, "명"), ("7.5일", Decimal("7.5"), "일")],
)
def test_counts_keep_their_counter(text: str, number: Decimal, unit: str) -> None:
    assert [(found.number, found.unit) for found in find_counts(text, english=False)] == [(number, unit)]


def test_english_counts_are_read_too() -> None:
    assert [(found.number, found.unit) for found in find_counts("two days, 5 people", english=True)] == [
        (2, "일"),
        (5, "명"),
    ]


@given(st.text(max_size=40))
def test_no_text_breaks_the_readers(text: str) -> None:
    find_money(text)
    find_counts(text, english=True)
    find_counts(text, english=False)
    korean_number(text)


@pytest.mark.parametrize("text", ["0" * 4000, "1 " * 2000, "십 " * 2000, "일십 " * 1300, "1," * 2000, "1만 " * 1300])
def test_a_text_that_is_almost_an_amount_is_read_in_linear_time(text: str) -> None:
    assert find_money(text) == []
