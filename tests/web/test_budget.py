import re
from pathlib import Path

import pytest

from daeri import web

WEB = Path(web.__file__).parent
STATIC = WEB / "static"
TEMPLATES = sorted((WEB / "templates").glob("*.html"))
KILOBYTES_25 = 25 * 1024


def test_one_style_sheet_of_at_most_25_kilobytes():
    assert sum(file.stat().st_size for file in STATIC.glob("*.css")) <= KILOBYTES_25


def test_own_scripts_of_at_most_25_kilobytes():
    assert sum(file.stat().st_size for file in STATIC.glob("*.js")) <= KILOBYTES_25


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: file.name)
def test_a_template_has_no_inline_script_style_or_handler(file):
    text = file.read_text(encoding="utf-8")
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", text)
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)


@pytest.mark.parametrize("file", [*TEMPLATES, *STATIC.glob("*.css"), *STATIC.glob("*.js")], ids=lambda file: file.name)
def test_nothing_is_fetched_from_another_host(file):
    assert not re.search(r"(https?:)?//[a-z0-9-]+\.[a-z]", file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: file.name)
def test_every_post_form_carries_the_token(file):
    text = file.read_text(encoding="utf-8")
    for form in re.findall(r'<form[^>]*method="post".*?</form>', text, flags=re.DOTALL):
        assert "token(form_token)" in form


def relative_luminance(colour):
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    light, dark = sorted((relative_luminance(one), relative_luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def tokens():
    text = (STATIC / "daeri.css").read_text(encoding="utf-8")
    return dict(re.findall(r"--([a-z-]+): light-dark\((#[0-9a-f]{6}, #[0-9a-f]{6})\)", text))


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "paper", "least"),
    [
        ("text", "bg", 5.5),
        ("text", "sunken", 5.5),
        ("muted", "bg", 5.5),
        ("muted", "surface", 5.5),
        ("on-accent", "accent", 5.5),
        ("agent", "agent-bg", 5.5),
        ("ok", "ok-bg", 5.5),
        ("warn", "warn-bg", 5.5),
        ("danger", "danger-bg", 5.5),
        ("stamp", "surface", 4.5),
        ("line-strong", "bg", 3.5),
        ("focus", "bg", 3.8),
    ],
)
def test_colours_keep_their_contrast(ink, paper, least, theme):
    colours = {name: pair.split(", ")[theme] for name, pair in tokens().items()}
    assert contrast(colours[ink], colours[paper]) >= least
