"""How does an operation's function run? With its arguments, and with the records and parts that it names.

Only this file calls what a company wrote: the function of an operation, its approval line, its preview; and only the
door asks for it, inside one visit to the database.
"""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, cast

from pydantic import BaseModel
from sqlalchemy import Connection

from daeri.clock import Clock
from daeri.operations import arguments as args
from daeri.operations.call import Call, run_to_end
from daeri.operations.company import Company
from daeri.operations.declare import parameters_of
from daeri.operations.line import Change
from daeri.operations.making import Parts, part
from daeri.operations.outcome import Done, dump
from daeri.operations.pending import Pending
from daeri.operations.provenance import Origins
from daeri.operations.provided import Awaited, Provided
from daeri.operations.sense import Sense
from daeri.records.access import Records
from daeri.records.actor import Actor
from daeri.records.trail import Trail


class Body:
    """Runs what a company wrote."""

    def __init__(self, company: Company, clock: Clock) -> None:
        """Take the company and the clock; its parts are added where they are put together."""
        self._company = company
        self._clock = clock
        self.parts: Parts = {}

    def validated(self, connection: Connection, call: Call) -> BaseModel:
        """Return the arguments of a call, checked and found.

        Raises:
            ValidationFailed: they are not what its operation takes.
        """
        return args.validate(connection, self._company.rules, call.actor, call.operation, call.sent)

    def run(self, connection: Connection, call: Call, model: BaseModel, trail: Trail) -> Done:
        """Run the function of a call's operation.

        Raises:
            DaeriError: whatever the company's rules refuse.
        """
        started = time.perf_counter()
        values = {name: getattr(model, name) for name in type(model).model_fields}
        values |= self._injected(connection, call, call.operation.signature.injected, trail)
        result = run_to_end(call.operation.function(**values))
        if not isinstance(result, call.operation.output):
            msg = f"{call.operation.name} returned {type(result).__name__}, not {call.operation.output.__name__}"
            raise TypeError(msg)
        say = getattr(result, "say", None)
        return Done(
            operation=call.operation.name,
            result=dump(result),
            say=say(call.lang) if callable(say) else None,
            sources=call.sources(trail, self._company.records, self._clock.now()),
            masked=sorted(trail.masked.union(*(each.masked for each in call.within))),
            milliseconds=round((time.perf_counter() - started) * 1000, 2),
            rows=trail.rows + sum(each.rows for each in call.within),
            withheld=sorted(trail.withheld.union(*(each.withheld for each in call.within))),
        )

    def hook(self, connection: Connection, call: Call, model: BaseModel, function: Callable[..., Any]) -> Any:
        """Call an approval or preview function with the parameters it names."""
        names, injected = parameters_of(function)
        values = {name: getattr(model, name) for name in names}
        return function(**values, **self._injected(connection, call, injected, call.seen))

    def preview(self, connection: Connection, call: Call, model: BaseModel) -> Sequence[Change]:
        """Return what a call would change, as its operation tells it."""
        if call.operation.preview is None:
            return ()
        waiting = cast("Awaitable[Sequence[Change]]", self.hook(connection, call, model, call.operation.preview))
        preview: Sequence[Change] = run_to_end(waiting)
        return preview

    def _injected(self, connection: Connection, call: Call, wanted: Mapping[str, type], trail: Trail) -> dict[str, Any]:
        def make(kind: type) -> Any:
            if kind is Records:
                return Records(connection, self._company.rules, call.actor, trail)
            if kind is Pending:
                return Pending(connection, call.actor)
            if kind is Sense:
                return call.sense
            if kind is Origins:
                return call.origins
            if issubclass(kind, Provided):
                return call.made if issubclass(kind, Awaited) else part(self.parts, kind)
            return call.actor if kind is Actor else self._clock

        return {name: make(kind) for name, kind in wanted.items()}
