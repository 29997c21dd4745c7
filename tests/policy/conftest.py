"""What the tests of permissions ask for: 한빛상사 as its own tests build it, and the screens' browsers."""

from sample.conftest import built, house
from web.conftest import anybody, people

__all__ = ["anybody", "built", "house", "people"]
