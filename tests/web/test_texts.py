import re
import string
from pathlib import Path

import pytest

from daeri import web
from daeri.web.texts import TEXTS, say

WEB = Path(web.__file__).parent
SOURCES = [*WEB.glob("*.py"), *WEB.glob("templates/*.html")]
HANGUL = re.compile(r"[가-힣]")
BUILT = (
    "runs.asked.",
    "usage.by.",
    "usage.of.",
    "usage.per.",
    "usage.state.",
    "outcome.",
    "kind.",
    "step.",
    "run.",
    "doc.",
    "line.",
    "stamp.",
    "act.",
    "box.",
    "empty.",
    "operator.",
    "ops.",
    "theme.",
    "said.",
    "level.",
    "docs.",
    "do.",
    "manner.",
    "part.",
    "absences.done.",
    "consents.done.",
)


def fields(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def used_keys():
    written = {
        key
        for file in SOURCES
        if not file.name.endswith("texts.py")
        for key in re.findall(r'["\']([a-z_]+(?:\.[a-z_]+)*)["\']', file.read_text(encoding="utf-8"))
    }
    return written & set(TEXTS)


@pytest.mark.parametrize("key", TEXTS)
def test_every_text_has_both_languages_with_the_same_blanks(key):
    text = TEXTS[key]
    assert HANGUL.search(text.ko), "the Korean text has no Hangul"
    assert not HANGUL.search(text.en)
    assert fields(text.ko) == fields(text.en)


def test_every_text_a_template_asks_for_is_in_the_table():
    for file in WEB.glob("templates/*.html"):
        for key in re.findall(r'\bt\("([a-z_.]+)"[,)]', file.read_text(encoding="utf-8")):
            assert key in TEXTS, f"{file.name} asks for {key}"


def test_no_text_is_left_that_no_screen_uses():
    unused = {key for key in set(TEXTS) - used_keys() if not key.startswith(BUILT)}
    assert unused == set()


def test_korean_particles_fit_the_name_put_in():
    assert "assistant가 대신" in say("ko", "doc.origin.text", name="김하은 대리", agent="assistant")


def test_no_template_carries_hangul_of_its_own_beside_names():
    for file in WEB.glob("templates/*.html"):
        text = re.sub(r"\{#.*?#\}", "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
        assert set(re.findall(r"[가-힣]+", text)) <= {"대리", "한국어"}, file.name
