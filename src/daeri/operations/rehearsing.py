"""What would a call file, and who would decide? It is tried and undone, so the answer is the real one."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from pydantic import BaseModel
from sqlalchemy import Connection

from daeri.clock import Clock
from daeri.errors import DaeriError
from daeri.operations import arguments as args
from daeri.operations import filing
from daeri.operations.body import Body
from daeri.operations.call import Call
from daeri.operations.company import Company
from daeri.operations.deciding.seating import Seater
from daeri.operations.form import CONFIRM, Form, confirming
from daeri.operations.line import Line
from daeri.operations.operation import Operation
from daeri.operations.provenance import Provenance, trace
from daeri.records.actor import Actor
from daeri.records.prepared import savepoint
from daeri.records.trail import Trail


class Rehearsal:
    """Tells what calls would file, in the visit in which they are made."""

    def __init__(self, company: Company, clock: Clock, body: Body, find: Callable[[Actor, str], Operation]) -> None:
        """Take the declarations, the clock, what runs operations, and what finds those that an actor may call."""
        self._company = company
        self._clock = clock
        self._body = body
        self._find = find

    def content(self, connection: Connection, call: Call, model: BaseModel) -> filing.Content | None:
        """Return what is to be filed, bound to the rows that it would write; None where nobody has to decide."""
        if call.actor.everything or (call.operation.form is None and call.actor.agent is None):
            return None
        with savepoint(connection, keep=False):  # a draft that the rules would refuse is never filed
            content = self._tried(connection, call, model)
            if content is None or call.journal is None or not content.form.bundle:
                return content
            bundled = self._joining(connection, call, content)
        return replace(content, bundled=bundled)

    def untried(self, connection: Connection, call: Call, model: BaseModel) -> filing.Content | None:
        """Return the same before it is tried, for whoever tries it themself; it is bound to no rows yet."""
        if call.actor.everything:
            return None
        traced = self._traced(call, model)
        form, line = self._line(connection, call, model, traced)
        if form is None or line is None:
            return None
        alone = form.alone and call.actor.agent is None
        seater = Seater(connection, self._company.people, call.actor.person_id, alone=alone)
        return filing.Content(
            operation=call.operation,
            form=form,
            arguments=args.canonical(model),
            worded={
                lang: args.worded(connection, self._company.rules, call.actor, call.operation, model, lang)
                for lang in filing.LANGUAGES
            },
            preview=self._body.preview(connection, call, model),
            line=line,
            seating=seater.seated(line),
            provenance=traced.body(),
            doubtful=traced.doubtful,
            classes=sorted(call.origins.classes),
        )

    def _tried(self, connection: Connection, call: Call, model: BaseModel) -> filing.Content | None:
        """Return what is to be filed for one call, and let its effect stand for those rehearsed after it."""
        content = self.untried(connection, call, model)
        if content is None:
            return None
        self._body.run(connection, call, model, trail := Trail())
        return filing.with_writes(content, trail.writes)

    def _joining(self, connection: Connection, call: Call, content: filing.Content) -> list[filing.Content]:
        """Rehearse the calls beside one, each after those before it; return those that go into its document.

        What is refused here, or waits for other people, is called by itself afterwards and hears why then.
        """
        bundled = []
        for at, beside in enumerate(call.journal.beside if call.journal else ()):
            with suppress(_Apart, DaeriError), savepoint(connection):
                called, who = self._find(call.actor, beside.operation), call.actor
                other = Call(called, who, beside.arguments, call.lang, journal=beside)
                joining = self._tried(connection, other, self._body.validated(connection, other))
                if joining is None or not filing.share_a_line(content, joining, self._clock.today()):
                    raise _Apart
                bundled.append(joining)
                call.joined[at] = other
        return bundled

    def _traced(self, call: Call, model: BaseModel) -> Provenance:
        """Return where an agent's arguments came from, by what its run heard and read; a person vouches by calling."""
        if call.actor.agent is None or call.operation.effect == "read":
            return Provenance()
        return trace(call.operation.signature, args.canonical(model), call.sent, call.origins)

    def _line(
        self, connection: Connection, call: Call, model: BaseModel, traced: Provenance
    ) -> tuple[Form | None, Line | None]:
        """Return the form and the line that a call needs; what an agent filled in unvouched needs its person."""
        form = call.operation.form
        strict = form.unvouched if form is not None and traced.doubtful else None
        if form is not None:
            line: Line | None = self._body.hook(connection, call, model, strict or form.line_on(self._clock.today()))
            if line is not None or not traced.doubtful:
                return form, line
        if not traced.doubtful or not self._company.confirm_unvouched:
            return form, None
        fields = call.operation.input.model_fields
        return CONFIRM, confirming(
            [args.parameter_label(name, fields[name].description) for name in traced.unvouched],
            unasked=traced.swayed_by is None,
        )


class _Apart(Exception):
    """A call does not go into the document of another."""
