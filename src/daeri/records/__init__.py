"""Company data: what it is, who may see and change it, and what happened to it."""

from daeri.clock import Clock
from daeri.records.access import Records
from daeri.records.actor import Actor
from daeri.records.record import (
    READ_ONLY,
    WON,
    Adopted,
    Exact,
    Instant,
    Person,
    Record,
    Relation,
    Team,
    classed,
    for_agents,
    labelled,
    visible_to,
)
from daeri.records.rules import mine

__all__ = [
    "READ_ONLY",
    "WON",
    "Actor",
    "Adopted",
    "Clock",
    "Exact",
    "Instant",
    "Person",
    "Record",
    "Records",
    "Relation",
    "Team",
    "classed",
    "for_agents",
    "labelled",
    "mine",
    "visible_to",
]
