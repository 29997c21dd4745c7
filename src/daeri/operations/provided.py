"""What may an operation use besides its records? Parts that app.py puts together, parameters like `Records`."""

from collections.abc import Mapping


class Provided:
    """The base of a part that an operation names as a parameter."""


class Awaited(Provided):
    """The base of a part that is made for one call, by waiting (see `making.py`); only what reads may name one."""


class Outing(Awaited):
    """The base of a part that is asked for outside alone: what comes back tells nothing of the company's own."""


def awaited_by(injected: Mapping[str, type]) -> type[Awaited] | None:
    """Return the part that must be waited for before an operation can run."""
    return next((kind for kind in injected.values() if issubclass(kind, Awaited)), None)
