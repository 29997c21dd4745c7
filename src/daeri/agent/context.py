"""What of a conversation fits into a model's context? Sizes, and what is left out first. Pure: no model, no journal.

Turns leave oldest first and whole, question and answer together; results of calls stay with their calls and are cut
within, the longest first. Tokens are guessed from bytes, so that a guess is too much rather than too little: a Hangul
syllable (three bytes) counts as one, as do three letters of Latin.
"""

from collections.abc import Sequence
from typing import Final

BYTES_OF_A_TOKEN: Final = 3
CONTEXT_TOKENS: Final = 32_000
"""The context of a model that does not say how much it takes."""
ANSWER_SHARE: Final = 4
"""A quarter of the context is kept for the answer, but no more than is ever said."""
ANSWER_TOKENS_MAX: Final = 4_000
HISTORY_SHARE: Final = 2
"""Half of what is left is for the conversation before, the rest for what this run reads."""
TURNS_MAX: Final = 40
"""Turns that are shown in full; what is older is told in a summary however short it is."""
RESULT_LEAST: Final = 200
"""Tokens of a result that are always shown."""


def tokens_of(text: str) -> int:
    """Guess how many tokens a text is."""
    return -(-len(text.encode()) // BYTES_OF_A_TOKEN)


def room_in(context: int | None, fixed: int) -> int:
    """Return the tokens that are left of a context beside what must be in it and the answer."""
    whole = context or CONTEXT_TOKENS
    return max(0, whole - min(whole // ANSWER_SHARE, ANSWER_TOKENS_MAX) - fixed)


def fitting(sizes: Sequence[int], room: int, most: int = TURNS_MAX) -> int:
    """Return how many of the last turns fit into a room, of sizes that are given oldest first."""
    kept = 0
    for size in reversed(sizes[-most:]):
        room -= size
        if room < 0:
            break
        kept += 1
    return kept


def level(sizes: Sequence[int], room: int) -> int:
    """Return the size to which results are cut so that all fit: short ones stay whole, the longest give way first."""
    left, open_ones = room, len(sizes)
    for size in sorted(sizes):
        if size * open_ones > left:
            return max(RESULT_LEAST, left // open_ones)
        left, open_ones = left - size, open_ones - 1
    return max(sizes, default=room)


def shortened(text: str, tokens: int) -> str:
    """Cut a text to so many tokens, saying so."""
    if tokens_of(text) <= tokens:
        return text
    cut = text.encode()[: tokens * BYTES_OF_A_TOKEN].decode(errors="ignore")
    return f"{cut}… [cut: {len(cut):,} of {len(text):,} characters]"
