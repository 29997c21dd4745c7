"""A2A 1.0: the company's agents for other agents; a run is a task. Only `mount.py` and `card.py` load at start."""

from daeri.gateway.a2a.mount import A2A, a2a

__all__ = ["A2A", "a2a"]
