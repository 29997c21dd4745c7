"""Are bodies that not every reader reads alike refused, whether or not they are walked?"""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daeri.gateway import wire

texts = st.text(st.characters(codec=None, exclude_categories=()), max_size=4)
values = st.recursive(
    st.none() | st.booleans() | texts | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


def read(body: bytes) -> object:
    try:
        return wire.decode(body)
    except wire.Unreadable:
        return wire.Unreadable


def nested(value: object, levels: int) -> object:
    for _ in range(levels):
        value = [value]
    return value


@given(value=values, levels=st.sampled_from([0, 1, wire.DEPTH_MAX - 2, wire.DEPTH_MAX, wire.DEPTH_MAX + 1]))
def test_what_a_walk_would_refuse_is_refused(value: object, levels: int) -> None:
    body = json.dumps(nested(value, levels)).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wire, "_is_suspect", lambda _: True)
        walked = read(body)
    assert read(body) == walked


@pytest.mark.parametrize(
    "body",
    [
        b'"\\ud800"',
        b'{"\\uDFFF": 1}',
        b"[9223372036854775808]",
        b"-9223372036854775809",
        b"[" * 33 + b"1" + b"]" * 33,
        b'{"a":' * 33 + b"1" + b"}" * 33,
    ],
)
def test_what_readers_would_not_share_is_refused(body: bytes) -> None:
    with pytest.raises(wire.Unreadable):
        wire.decode(body)


@pytest.mark.parametrize("body", [b'"\\ud83d\\ude00"', b"[9223372036854775807]", b"[" * 32 + b"]" * 32, b'"\\\\ud800"'])
def test_what_all_readers_share_is_read(body: bytes) -> None:
    assert wire.decode(body) == json.loads(body)
