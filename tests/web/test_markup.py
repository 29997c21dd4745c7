from datetime import UTC, datetime

import pytest

from daeri.web.markup import Words, answer, asset_address

NOW = datetime(2026, 11, 21, 5, 2, tzinfo=UTC)


def test_an_answer_is_text_whatever_the_agent_wrote():
    marked = answer('<img src=x onerror=alert(1)> & "quotes"', "run_1", 0)
    assert "<img" not in marked
    assert "&lt;img" in marked


def test_a_mark_leads_to_its_source_and_a_made_up_mark_does_not():
    marked = answer("7.5일이에요. [1] [2]", "run_1", 1)
    assert '<a href="#run_1-s1">[1]</a>' in marked
    assert "[2]" in marked
    assert "s2" not in marked


def test_strong_words_are_marked_and_stay_escaped():
    assert answer("**7.5일** <b>", "run_1", 0) == "<strong>7.5일</strong> &lt;b&gt;"


@pytest.mark.parametrize(
    ("instant", "said"),
    [
        ("2026-11-21T05:01:30.000Z", "방금"),
        ("2026-11-21T04:32:00.000Z", "30분 전"),
        ("2026-11-20T10:02:00.000Z", "19시간 전"),
        ("2026-11-18T05:02:00.000Z", "3일 전"),
        ("2026-11-01T05:02:00.000Z", "2026. 11. 1.(일) 14:02"),
    ],
)
def test_it_says_how_long_ago_something_was(instant, said):
    assert Words("ko", NOW).ago(instant) == said


def test_a_time_carries_its_exact_moment():
    marked = Words("ko", NOW).time("2026-11-21T04:32:00.000Z")
    assert 'title="2026. 11. 21.(토) 13:32"' in marked


def test_unknown_tokens_and_cost_are_never_shown_as_zero():
    words = Words("ko", NOW)
    assert (words.count(None), words.cost(None), words.took(None)) == ("알 수 없음", "알 수 없음", "알 수 없음")
    assert (words.count(0), words.cost(0.0), words.cost(0.00042)) == ("0", "$0", "$0.00042")


def test_an_asset_is_addressed_by_its_content():
    address = asset_address()
    assert address("daeri.css").startswith("/static/daeri.css?v=")
    assert address("daeri.css") == asset_address()("daeri.css")
