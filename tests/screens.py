"""How does a screen look to those who use it? Accessible and fitting: light and dark, on a telephone and on a desk."""

from itertools import product
from typing import Final

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

CHROMIUM: Final = "/usr/bin/chromium"
QUIET: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
Looks = tuple[tuple[str, int], ...]
THEMES: Final = ("light", "dark")
WIDTHS: Final = (390, 1280)
EVERY: Final[Looks] = tuple(product(THEMES, WIDTHS))
CROSSED: Final[Looks] = tuple(zip(THEMES, WIDTHS, strict=True))
"""Each theme and each width once."""
LANGS: Final = [
    pytest.param("ko", CROSSED, id="ko"),
    pytest.param("ko", EVERY, id="ko-every-look", marks=pytest.mark.night),
    pytest.param("en", EVERY, id="en", marks=pytest.mark.night),
]
IN_THEME: Final = "theme => document.documentElement.dataset.theme = theme"
TOO_WIDE: Final = "document.documentElement.scrollWidth - innerWidth"


def check(page: Page, looks: Looks) -> None:
    """Look at a page in each of these themes and widths."""
    for theme, width in looks:
        page.evaluate(IN_THEME, theme)
        page.set_viewport_size({"width": width, "height": 844})
        found = Axe().run(page)
        assert found.violations_count == 0, f"{theme} {width}: {found.generate_report()}"
        assert page.evaluate(TOO_WIDE) <= 0, f"scrolls at {width}"
