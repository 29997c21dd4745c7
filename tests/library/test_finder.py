"""Does the quick first look find what a slow one over everything would find?"""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

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
