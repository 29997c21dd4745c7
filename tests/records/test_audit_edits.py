"""A thousand edits of the audit, each found and its first bad row named: what that row is, is said edit by edit.

The chain's columns are flipped, rows deleted, inserted, swapped, cut off, backdated and rewritten with fitting hashes;
lines of the file of notes are flipped, dropped, doubled, swapped and forged. A seed picks them, so failures come back.
"""

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from daeri.records.signing import AuditKey
from daeri.verify_audit import CHECKPOINT, COLUMNS, KEY, Broken, Verifier, read_notes, row_hash
from records.audit_house import Kept, build_chain

SEED = 20261122
EDITS = 1_000
LETTERS = '0123456789abcdefgxyz가나다_-:{}[]",. \t\u200b'

Row = dict[str, Any]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    return build_chain(tmp_path_factory.mktemp("chain"))


@dataclass
class Edit:
    """A chain that somebody changed: rows, notes, and the row that must be named."""

    chance: random.Random
    kept: Kept
    rows: list[Row] = field(init=False)
    lines: list[str] = field(init=False)
    bad: int = 0

    def __post_init__(self) -> None:
        self.rows = [dict(row) for row in self.kept.rows]
        self.lines = self.kept.notes.splitlines(keepends=True)

    @property
    def last(self) -> int:
        return len(self.kept.rows)

    @property
    def noted(self) -> list[int]:
        """The rows that a note tells of, in order."""
        return [json.loads(line)["seq"] for line in self.kept.notes.splitlines()]

    def some(self, first: int = 1, last: int | None = None) -> int:
        """Return the number of some row."""
        return self.chance.randint(first, self.last if last is None else last)

    def found(self) -> int | None:
        """Return the row that the verifier names."""
        try:
            verifier = Verifier(self.kept.key, [read_notes("".join(self.lines), whole=True)])
            for row in sorted(self.rows, key=lambda row: row["seq"]):
                verifier.take(row)
            verifier.finish(whole=True)
        except Broken as broken:
            return broken.seq
        return None

    def flipped(self, text: str) -> str:
        """Return a text with one character changed, added or taken away."""
        at = self.chance.randrange(len(text)) if text else 0
        other = self.chance.choice([letter for letter in LETTERS if text[at : at + 1] != letter])
        return self.chance.choice([text[:at] + other + text[at + 1 :], text[:at] + other + text[at:]])

    def chain_from(self, seq: int) -> None:
        """Give the rows from one on the numbers and hashes that fit, as someone without the key can."""
        for index in range(seq - 1, len(self.rows)):
            row = self.rows[index]
            row["seq"] = index + 1
            row["previous_hash"] = self.rows[index - 1]["hash"] if index else "0" * 64
            row["hash"] = row_hash(row)


def flip_a_cell(edit: Edit) -> None:
    """The first bad row is the changed one."""
    row = edit.rows[edit.some() - 1]
    column = edit.chance.choice([name for name in COLUMNS if name != "seq"])
    edit.bad = row["seq"]
    if isinstance(row[column], int):
        row[column] += edit.chance.choice([-1, 1, 10, 2**40])
    else:
        row[column] = edit.flipped(row[column] or "")


def flip_a_number(edit: Edit) -> None:
    """The first bad row is the missing number, or the new one where that is lower.

    A chain may begin after row 1 where it says that it was pruned, so row 1 at the end is named by its new number.
    """
    row = edit.rows[edit.some() - 1]
    other = edit.chance.choice([-row["seq"], 0, edit.last + edit.some(), 2**60])
    edit.bad = min(row["seq"], other) if row["seq"] > 1 else min(other, edit.last + 1)
    row["seq"] = other


def delete_a_row(edit: Edit) -> None:
    """The first bad row is the missing one."""
    edit.bad = edit.some()
    del edit.rows[edit.bad - 1]


def delete_and_renumber(edit: Edit) -> None:
    """The first bad row is the one that took the missing one's number; the last one was cut off."""
    delete_a_row(edit)
    for row in edit.rows[edit.bad - 1 :]:
        row["seq"] -= 1


def insert_a_copy(edit: Edit) -> None:
    """The first bad row is the inserted one; of two that are alike, the second."""
    at, copied = edit.some(1, edit.last + 1), edit.some()
    edit.rows.insert(at - 1, dict(edit.rows[copied - 1]))
    for index, row in enumerate(edit.rows[at - 1 :]):
        row["seq"] = at + index
    edit.bad = at + 1 if at == copied else at


def insert_a_fitting_row(edit: Edit) -> None:
    """A row whose own hash fits gives itself away where a note was or tells of that number, else by the next row."""
    at = edit.some(1, edit.last - 1)
    forged = edit.rows[at - 1] | {"seq": at + 1, "previous_hash": edit.rows[at - 1]["hash"], "action": "work.forged"}
    for row in edit.rows[at:]:
        row["seq"] += 1
    edit.rows.insert(at, forged | {"hash": row_hash(forged)})
    edit.bad = at + 1 if {at, at + 1} & {*edit.noted} else at + 2


def swap_rows(edit: Edit) -> None:
    """The first bad row is the earlier of the two places."""
    one, other = sorted(edit.chance.sample(range(1, edit.last + 1), 2))
    edit.rows[one - 1]["seq"], edit.rows[other - 1]["seq"] = other, one
    edit.bad = one


def cut_the_tail(edit: Edit) -> None:
    """The first bad row is the first that is gone."""
    edit.bad = edit.some()
    del edit.rows[edit.bad - 1 :]


def cut_the_head(edit: Edit) -> None:
    """The first bad row is the first that is gone."""
    del edit.rows[: edit.some(1, edit.last - 1)]
    edit.bad = 1


def backdate(edit: Edit) -> None:
    """The first bad row is the backdated one."""
    row = edit.rows[edit.some() - 1]
    earlier = datetime.fromisoformat(row["at"]) - timedelta(microseconds=edit.chance.randint(1, 10**13))
    row["at"], edit.bad = earlier.isoformat(), row["seq"]


def backdate_with_a_fitting_hash(edit: Edit) -> None:
    """A row whose hash was made to fit gives itself away by its note, else by the next row."""
    row = edit.rows[edit.some(1, edit.last - 1) - 1]
    row["at"] = "2001-01-01T00:00:00+00:00"
    row["hash"] = row_hash(row)
    edit.bad = row["seq"] if row["seq"] in edit.noted else row["seq"] + 1


def rewrite_to_the_end(edit: Edit) -> None:
    """Of rows rewritten to the end with hashes that fit, the first that was noted is the first that is proven bad."""
    at = edit.some(1, edit.noted[-1])
    edit.rows[at - 1]["person_id"] = 4242
    edit.chain_from(at)
    edit.bad = next(seq for seq in edit.noted if seq >= at)


def rewrite_without_notes(edit: Edit) -> None:
    """The same where the notes were left out of the rewritten chain; where one of them stood, its place is named."""
    at = edit.some(1, edit.noted[-1])
    edit.rows[at - 1]["person_id"] = 4242
    edit.rows = edit.rows[: at - 1] + [row for row in edit.rows[at - 1 :] if row["action"] != CHECKPOINT]
    edit.chain_from(at)
    first = at if at - 1 in edit.noted else next(seq for seq in edit.noted if seq >= at)
    edit.bad = min(first, len(edit.rows) + 1)


def rewrite_with_another_key(edit: Edit) -> None:
    """A whole chain that another key signed, and its file with it: the last note is not by a key that was trusted."""
    mine = AuditKey.made(edit.kept.folder / f"mine{edit.chance.random()}")
    edit.rows[edit.some(2, 8) - 1]["person_id"] = 4242
    lines = []
    for index, row in enumerate(edit.rows):
        detail = json.loads(row["detail"])
        if row["action"] == KEY:
            detail |= {"public": mine.public, "key": None, "signature": None, "lost": index > 0}
        if row["action"] == CHECKPOINT:
            told = {**detail["note"], "hash": edit.rows[index - 1]["hash"]}
            del told["signature"]
            detail = {"note": mine.signed("note", told)}
            lines.append(json.dumps(detail["note"], sort_keys=True) + "\n")
        row["detail"] = json.dumps(detail, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        edit.chain_from(index + 1) if index == len(edit.rows) - 1 else relink(edit.rows, index)
    edit.lines = lines
    edit.bad = [row["seq"] for row in edit.rows if row["action"] == CHECKPOINT][-1]


def relink(rows: Sequence[Row], index: int) -> None:
    rows[index]["previous_hash"] = rows[index - 1]["hash"] if index else "0" * 64
    rows[index]["hash"] = row_hash(rows[index])


def forge_a_note(edit: Edit) -> None:
    """A note in the chain that was changed with its row's hash differs from the file: the row it is about is named."""
    seq = edit.chance.choice(edit.noted[:-1])
    row = edit.rows[seq]
    note = json.loads(row["detail"])["note"]
    name = edit.chance.choice(["at", "hash", "signature", "key"])
    note[name] = note[name][:-1] + ("0" if note[name][-1] != "0" else "1")
    row["detail"] = json.dumps({"note": note}, sort_keys=True, separators=(",", ":"))
    row["hash"] = row_hash(row)
    edit.bad = seq


def line_of(edit: Edit) -> int:
    return edit.chance.randrange(len(edit.lines))


def flip_in_the_file(edit: Edit) -> None:
    """Of a changed line in the file of notes, the row that it was about is named."""
    at = line_of(edit)
    edit.bad = edit.noted[at]
    edit.lines[at] = edit.flipped(edit.lines[at].rstrip("\n")) + "\n"


def drop_a_line(edit: Edit) -> None:
    """Of a line that is gone, the row that it was about is named."""
    at = line_of(edit)
    edit.bad = edit.noted[at]
    del edit.lines[at]


def drop_the_last_lines(edit: Edit) -> None:
    """Of lines that are gone, the row that the first of them was about is named."""
    at = line_of(edit)
    edit.bad = edit.noted[at]
    del edit.lines[at:]


def swap_lines(edit: Edit) -> None:
    """Of two lines that changed places, the row that the earlier one was about is named."""
    one, other = sorted(edit.chance.sample(range(len(edit.lines)), 2))
    edit.lines[one], edit.lines[other] = edit.lines[other], edit.lines[one]
    edit.bad = edit.noted[one]


def double_a_line(edit: Edit) -> None:
    """Of a line that stands twice, its row is named; or that of the line before which it stands too early."""
    at, to = line_of(edit), edit.chance.randrange(len(edit.lines) + 1)
    edit.lines.insert(to, edit.lines[at])
    edit.bad = edit.noted[min(at, to)]


def forge_a_line(edit: Edit) -> None:
    """Of a line that somebody else signed, the row that it is about is named."""
    at = line_of(edit)
    mine = AuditKey.made(edit.kept.folder / f"forged{edit.chance.random()}")
    note = json.loads(edit.lines[at])
    told = {name: note[name] for name in ("seq", "hash")} | {"at": "2001-01-01T00:00:00.000Z"}
    edit.lines[at] = json.dumps(mine.signed("note", told), sort_keys=True) + "\n"
    edit.bad = edit.noted[at]


def add_a_line(edit: Edit) -> None:
    """Of a line that is no note, the row that the note before it is about is named."""
    at = edit.some(1, len(edit.lines))
    edit.lines.insert(at, edit.chance.choice(["\n", "nothing\n", "{}\n", "[1]\n", '{"seq": "x"}\n']))
    edit.bad = edit.noted[at - 1]


KINDS: Sequence[Callable[[Edit], None]] = (
    *(flip_a_cell, flip_a_cell, flip_a_cell, flip_a_number, delete_a_row, delete_and_renumber),
    *(insert_a_copy, insert_a_fitting_row, swap_rows, cut_the_tail, cut_the_head, backdate),
    *(backdate_with_a_fitting_hash, rewrite_to_the_end, rewrite_without_notes, rewrite_with_another_key, forge_a_note),
    *(flip_in_the_file, flip_in_the_file, drop_a_line, drop_the_last_lines, swap_lines, double_a_line, forge_a_line),
    add_a_line,
)


def test_of_a_thousand_edits_each_is_found_and_its_first_bad_row_named(kept: Kept) -> None:
    chance = random.Random(SEED)  # noqa: S311 - nothing secret
    wrong = []
    for number in range(EDITS):
        edit = Edit(chance, kept)
        kind = KINDS[number % len(KINDS)]
        kind(edit)
        found = edit.found()
        if found != edit.bad:
            wrong.append((number, kind.__name__, edit.bad, found))
    assert not wrong


def test_the_untouched_chain_verifies_under_both_keys_and_tells_how_far_it_is_signed(kept: Kept) -> None:
    for key in (kept.key, kept.last_key, None):
        verifier = Verifier(key, [read_notes(kept.notes, whole=True)])
        for row in kept.rows:
            verifier.take(row)
        verifier.finish(whole=True)
        assert (verifier.last, verifier.noted) == (len(kept.rows), len(kept.rows) - 1)
        assert list(verifier.keys.values()) == [kept.key, kept.last_key]
