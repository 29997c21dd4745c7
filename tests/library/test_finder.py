"""Does the quick first look find what a slow one over everything would find?"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daeri.library import board
from daeri.library.finder import _best
from daeri.library.vectors import DIMENSIONS, codes_of, likeness


@given(st.lists(st.integers(0, 6), max_size=60), st.integers(1, 20))
def test_the_best_are_those_that_sorting_everything_puts_first(values: list[int], count: int) -> None:
    slow = [at for at in sorted(range(len(values)), key=lambda at: (-values[at], at)) if values[at] > 0][:count]
    for kind in (np.int64, np.float64):
        assert _best(np.asarray(values, kind), count).tolist() == slow


@given(st.integers(0, 2**32 - 1))
def test_likeness_counts_the_signs_in_which_two_vectors_agree(seed: int) -> None:
    vectors = np.random.default_rng(seed).standard_normal((9, DIMENSIONS)).astype(np.float32)
    vectors[1], vectors[2] = vectors[0], -vectors[0]
    counted = [int(((vectors[0] > 0) == (each > 0)).sum()) for each in vectors]
    codes = codes_of(vectors)
    assert likeness(codes, codes[0]).tolist() == counted
    assert counted[:3] == [DIMENSIONS, DIMENSIONS, 0]


def test_of_remembered_lists_those_asked_for_longest_ago_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board, "LISTS_MAX", 10)
    lists = board.Lists()
    for token in "가나다":
        lists.put(token, np.arange(3))
    assert lists.get("가") is not None
    lists.put("라", np.arange(4))
    assert [token for token in "가나다라" if lists.get(token) is not None] == ["가", "다", "라"]
    lists.put("라", np.arange(2))  # of another version: it counts once
    lists.put("마", np.arange(2))
    assert [token for token in "가나다라마" if lists.get(token) is not None] == ["가", "다", "라", "마"]
