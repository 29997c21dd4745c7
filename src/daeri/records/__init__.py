"""Company data: what it is, who may see and change it, and what happened to it."""

from daeri.clock import Clock
from daeri.records.access import Records
from daeri.records.actor import Actor
from daeri.records.record import WON, Exact, Instant, Person, Record, Team, classed, labelled, visible_to

__all__ = [
    "WON",
    "Actor",
    "Clock",
    "Exact",
    "Instant",
    "Person",
    "Record",
    "Records",
    "Team",
    "classed",
    "labelled",
    "visible_to",
]
