"""What has one listener of a run heard? Each event is told once, and of what is spoken each letter once.

Text reaches a listener twice: at once, as the run speaks, and later in the run's sequence, which is what is kept. Both
bear their place in all that the run spoke, so what was heard before is left out of what comes after.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from daeri.clock import rfc3339
from daeri.runs import journal
from daeri.runs.journal import RESTARTED, SPOKEN, Written


@dataclass(slots=True)
class Ear:
    """How far somebody has heard.

    Attributes:
        after: the number of the last event.
        heard: how many letters of what is spoken; None where that is not known, until the sequence tells it.
        has_ended: there is nothing more to come.
        is_let_in: it was found that its person may hear the run.
    """

    run_id: str
    after: int
    heard: int | None
    has_ended: bool = False
    is_let_in: bool = False

    def of_row(self, row: Row[Any] | Written) -> dict[str, Any]:
        """Return an event of the sequence, without what was heard of it."""
        body = journal.event_body(row)
        self.after = row.seq
        if row.type == RESTARTED:
            self.heard = len(body["text"])
        elif row.type == SPOKEN:
            at, text = body.get("at", self.heard or 0), body["text"]
            known = max(0, min(len(text), (self.heard or 0) - at))
            self.heard = max(self.heard or 0, at + len(text))
            body |= {"at": at + known, "text": text[known:]}
        return body

    def of_spoken(self, spoken: Iterable[tuple[int, str]], now: datetime) -> Iterator[dict[str, Any]]:
        """Yield as one event what was spoken and not heard; where something is missing, the sequence will tell it.

        Its `place` is where to go on after it: the number of the last event, and how much was heard.
        """
        begun, pieces = self.heard, []
        for at, text in spoken:
            if self.heard is not None and at <= self.heard < at + len(text):
                pieces.append(text[self.heard - at :])
                self.heard = at + len(text)
        if pieces:
            told = {"run_id": self.run_id, "seq": self.after, "ts": rfc3339(now), "type": SPOKEN}
            yield {**told, "text": "".join(pieces), "at": begun, "place": f"{self.after}.{self.heard}"}
