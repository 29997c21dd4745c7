"""Are values and particles worded as Koreans and English readers expect?"""

import unicodedata
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daeri.wording import Text, day, day_range, days, fit_josa, initials, josa, moment, normal, won


@pytest.mark.parametrize(
    ("word", "pair", "expected"),
    [
        ("김하은", "이/가", "김하은이"),
        ("박서연 팀장", "은/는", "박서연 팀장은"),
        ("김대리", "을/를", "김대리를"),
        ("서울", "으로/로", "서울로"),
        ("부산", "으로/로", "부산으로"),
        ("인사", "으로/로", "인사로"),
        ("3", "이/가", "3이"),
        ("7", "으로/로", "7로"),
        ("10", "과/와", "10과"),
        ("VAT", "을/를", "VAT를"),
        ("SQL", "으로/로", "SQL로"),
        ("excel", "을/를", "excel을"),
        ("server", "을/를", "server를"),
        ("'김대리'", "을/를", "'김대리'를"),
        ("₩1,234,000", "이에요/예요", "₩1,234,000이에요"),
        ("2026. 11. 21.(토)", "으로/로", "2026. 11. 21.(토)로"),
        ("의자", "이에요/예요", "의자예요"),
    ],
)
def test_a_particle_follows_the_last_sound_of_the_word(word: str, pair: str, expected: str) -> None:
    assert josa(word, pair) == expected


def test_particles_written_both_ways_are_resolved_in_a_sentence() -> None:
    assert fit_josa("김하은이(가) 박서연을(를) 서울으로(로) 보내요") == "김하은이 박서연을 서울로 보내요"
    assert fit_josa("남은 연차는 7.5일이에요(예요).") == "남은 연차는 7.5일이에요."
    assert fit_josa("의자(으)로 할게요") == "의자로 할게요"


def test_an_unknown_pair_of_particles_is_an_error() -> None:
    with pytest.raises(KeyError):
        josa("김하은", "에게/께")


def test_money_has_its_sign_and_groups() -> None:
    assert won(1234000, "ko") == won(1234000, "en") == "₩1,234,000"


def test_a_day_names_its_weekday_in_both_languages() -> None:
    assert day(date(2026, 11, 21), "ko") == "2026. 11. 21.(토)"
    assert day(date(2026, 11, 21), "en") == "Sat, 21 Nov 2026"


def test_a_moment_is_told_in_seoul_time() -> None:
    value = datetime(2026, 11, 21, 5, 2, tzinfo=UTC)
    assert moment(value, "ko") == "2026. 11. 21.(토) 14:02"
    assert moment(value, "en") == "Sat, 21 Nov 2026, 14:02"


def test_a_range_repeats_only_what_differs() -> None:
    thursday = date(2026, 11, 26)
    assert day_range(thursday, thursday, "ko") == "2026. 11. 26.(목)"
    assert day_range(thursday, date(2026, 11, 27), "ko") == "2026. 11. 26.(목) ~ 27.(금)"
    assert day_range(thursday, date(2026, 12, 1), "ko") == "2026. 11. 26.(목) ~ 12. 1.(화)"
    assert day_range(thursday, date(2027, 1, 4), "ko") == "2026. 11. 26.(목) ~ 2027. 1. 4.(월)"
    assert day_range(thursday, date(2026, 11, 27), "en") == "Thu, 26 Nov to Fri, 27 Nov 2026"


def test_days_keep_halves_and_drop_empty_decimals() -> None:
    assert days(Decimal("7.50"), "ko") == "7.5일"
    assert days(Decimal(10), "en") == "10 days"
    assert days(Decimal("1.0"), "en") == "1 day"


def test_initials_are_the_first_consonants() -> None:
    assert initials("김하은 A1") == "ㄱㅎㅇ A1"


def test_text_speaks_the_language_asked_for() -> None:
    assert (Text("휴가", "Leave").to("ko"), Text("휴가", "Leave").to("en")) == ("휴가", "Leave")


def test_decomposed_hangul_and_hidden_characters_become_one_form() -> None:
    assert normal(unicodedata.normalize("NFD", "김\u200b하은\x00")) == "김하은"


@given(st.text())
def test_the_normal_form_is_reached_in_one_step_and_can_be_encoded(text: str) -> None:
    assert normal(normal(text)) == normal(text)
    normal(text).encode()


@given(st.text(), st.text())
def test_resolving_particles_twice_changes_nothing_more(before: str, after: str) -> None:
    once = fit_josa(f"{before}김하은이(가) {after}")
    assert "이(가)" not in once.removeprefix(before).removesuffix(after)
