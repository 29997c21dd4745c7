"""Was an audit log of Daeri changed? One file that imports nothing of Daeri: read it, keep it, run it anywhere.

    python verify_audit.py FILE [--key KEY] [--notes FILE] [--copy FILE]

FILE is an export (`daeri audit export`) or the SQLite database itself; --help tells the rest. It ends with 0 where all
is as it was written, with 5 where it is not, naming the first bad row, and with 1 where it cannot be read.
"""

import argparse
import hashlib
import json
import sqlite3
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]
Notes = tuple[int, dict[int, Row]]  # the first row whose note must be there, and the notes by the row each is about
COLUMNS = (
    *("seq", "at", "person_id", "agent", "door", "credential", "action", "outcome", "records", "arguments_digest"),
    *("approval_id", "run_id", "step", "request_id", "detail", "previous_hash", "hash"),
)
GENESIS = "0" * 64
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"))
CHECKPOINT, KEY, PRUNE = "audit.checkpoint", "audit.key", "audit.prune"
REASONS = {
    "number": "its number is not the next one: a row is missing, or was put in",
    "link": "it does not follow the row before",
    "content": "its content was changed",
    "noted": "it is not the row whose hash was noted: it, or one since the note before, was rewritten",
    "cut": "the rows from here on were cut off or written anew",
    "signature": "its signature does not fit",
    "key": "it is signed by a key that no known key handed on",
    "unsigned": "nothing that this key signed covers it",
    "file": "its note in the file of notes is missing, changed or out of place",
    "frame": "the lines round the rows of the export were changed",
}


class Broken(Exception):
    """The log is not as it was written: `seq` is the first bad row, `code` one of REASONS, `row` what stands there."""

    def __init__(self, seq: int, code: str, row: Row | None = None) -> None:
        """Name the row."""
        super().__init__(f"row {seq}: {REASONS[code]}")
        self.seq, self.code, self.row = seq, code, row or {}


def packed(value: Any) -> bytes:
    """Write a value as it is hashed and signed: sorted names, no spaces, ASCII."""
    return _ENCODER.encode(value).encode()


def row_hash(row: Row) -> str:
    """Hash a row, all but its own hash, exactly as it is stored."""
    return hashlib.sha256(packed({name: row[name] for name in COLUMNS if name != "hash"})).hexdigest()


def key_id(public: str) -> str:
    """Name a public key (64 hex digits) by its hash."""
    return hashlib.sha256(bytes.fromhex(public)).hexdigest()


def message(kind: str, told: Row) -> bytes:
    """Return the bytes that are signed of a note, a key, a base or an export."""
    return f"daeri audit {kind}\n".encode() + packed({name: told[name] for name in told if name != "signature"})


def read_notes(text: str, *, whole: bool) -> Notes:
    """Read a file of notes; what is out of place, or no note at all, is kept under a negative number."""
    notes: dict[int, Row] = {}
    last = 0
    for line in text.splitlines(keepends=True):
        try:
            note = json.loads(line)
            as_written = "signature" not in note or json.dumps(note, sort_keys=True) + "\n" == line
            seq = int(note["seq"] if as_written and note["hash"] else "")
        except (ValueError, KeyError, TypeError):
            notes |= {-last or -1: {}} if line.endswith("\n") else {}  # else a crash cut it off
            continue
        notes[seq if seq > last else -abs(seq) or -1], last = note, max(seq, last)
    return 0 if whole else min((seq for seq in notes if seq > 0), default=0), notes


class Verifier:
    """Takes the rows of a chain in order, each against those before it and the notes; `finish` judges the end.

    Rows from `first` to `last` fit, `hash` is the last one's, a signature reaches to row `noted`; `keys` by their ids.
    """

    def __init__(self, key: str | None = None, notes: Iterable[Notes] = ()) -> None:
        """Take the public key to trust (else the chain's first one) and what was noted outside."""
        self.first, self.last, self.hash, self.noted = 0, 0, GENESIS, 0
        self.keys: dict[str, str] = {}
        self.signed: list[tuple[str, Row, Any]] = []
        self._notes, self._handed, self._base = list(notes), list[tuple[Row, Any]](), dict[str, Any]()
        self._given = {key_id(key): key} if key else {}

    def begin(self, first: int, previous_hash: str, keys: Iterable[str] = ()) -> None:
        """Start with row `first`, as an export may; `keys` were known before it."""
        self.first, self.last, self.hash = first, first - 1, previous_hash
        self.keys |= {key_id(public): public for public in keys}

    def take(self, row: Row) -> None:
        """Check the next row."""
        seq = row["seq"]
        if not self.first:  # whether a chain may begin there is judged at its end
            self.begin(*((seq, row["previous_hash"]) if isinstance(seq, int) and seq > 1 else (1, GENESIS)))
        if seq != self.last + 1:
            raise Broken(min(seq, self.last + 1) if isinstance(seq, int) else self.last + 1, "number", row)
        if row["previous_hash"] != self.hash:
            raise Broken(seq, "link", row)
        if len(row) != len(COLUMNS) or bytes in map(type, row.values()) or row_hash(row) != row["hash"]:
            raise Broken(seq, "content", row)
        self.last, self.hash = seq, row["hash"]
        if row["door"] == "system" and row["action"] in (CHECKPOINT, KEY, PRUNE):
            try:
                self._take_special(row, json.loads(row["detail"]))
            except (ValueError, KeyError, TypeError):
                raise Broken(seq, "content", row) from None
        for _, notes in self._notes:
            if notes.get(seq, row)["hash"] != row["hash"] and not self._is_forged(notes[seq]):
                raise Broken(seq, "noted", row)
            if "signature" in notes.get(seq - 1, ()) and not self._is_forged(notes[seq - 1]):
                raise Broken(seq, "cut", row)  # here the chain told of that note

    def _take_special(self, row: Row, detail: Any) -> None:
        seq = row["seq"] - 1
        if row["action"] == KEY:
            if detail["key"] is None and self.keys and not detail["lost"]:
                raise Broken(row["seq"], "key", row)
            self._handed.append((row, {**detail, "previous_hash": row["previous_hash"]}))
            self.keys[key_id(detail["public"])] = detail["public"]
        elif row["action"] == PRUNE:
            self._base = {"row": row, "told": detail, "begins": detail["to"] + 1}
            self._handed[:0] = [(row, told) for told in detail["handed"]]
            self.keys |= {key_id(told["public"]): told["public"] for told in detail["handed"]}
        elif (detail["note"]["seq"], detail["note"]["hash"]) != (seq, row["previous_hash"]):
            raise Broken(seq, "noted", row)
        else:
            self.signed.append(("note", row, detail["note"]))
            for since, notes in self._notes:
                if seq >= since and notes.pop(seq, None) != detail["note"]:
                    raise Broken(seq, "file", row)

    def _fits(self, kind: str, told: Row) -> bool:
        try:
            public, signature = (self.keys | self._given)[told["key"]], bytes.fromhex(told["signature"])
            return is_signature(bytes.fromhex(public), message(kind, told), signature)
        except (KeyError, TypeError, ValueError):
            return False

    def _is_forged(self, note: Row) -> bool:
        return note.get("key") in self.keys | self._given and not self._fits("note", note)

    def finish(self, *, whole: bool = False) -> None:
        """Judge what only the end shows; a `whole` chain begins with row 1, or where its last signed pruning says."""
        begins = self._base.get("begins", 1)
        if self._base and not self._fits("base", self._base["told"]):
            raise Broken(self._base["row"]["seq"], "signature", self._base["row"])
        if whole and self.first not in (0, begins):
            raise Broken(min(begins, self.first), "number")
        for note, seq in [(notes[seq], seq) for _, notes in self._notes for seq in sorted(notes)]:
            if seq < 0 or (seq >= self.first and "signature" in note and (seq < self.last or self._is_forged(note))):
                raise Broken(abs(seq), "file")
            if whole and seq >= self.first and (seq > self.last or "signature" in note):
                raise Broken(self.last + 1, "cut")
        self._check_signatures()

    def _check_signatures(self) -> None:
        """Look at the last signature, which vouches for every row before it, and at whether its key is trusted."""
        trusted = set(self._given or self.keys)
        for row, told in self._handed:
            if told["key"] and not self._fits("key", told):
                raise Broken(row["seq"], "key", row)
            trusted |= {key_id(told["public"])} if told["key"] in trusted else set()
        if not self.signed:
            if self._given and self.first:
                raise Broken(self.first, "unsigned")
            return
        kind, row, told = self.signed[-1]
        if not self._fits(kind, told):  # then the first that does not fit is to be named
            row = next(row for kind, row, told in self.signed if not self._fits(kind, told))
            raise Broken(row["seq"], "signature", row)
        if told["key"] not in trusted:
            raise Broken(row["seq"], "key", row)
        self.noted = told["seq"]


P, Q = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D, BASE = -121665 * pow(121666, -1, P) % P, (4 * pow(5, -1, P) % P).to_bytes(32, "little")


def is_signature(public: bytes, signed: bytes, signature: bytes) -> bool:
    """Verify an Ed25519 signature (RFC 8032) with nothing but Python's integers, in a few milliseconds."""
    scalar = int.from_bytes(signature[32:], "little")
    if (len(public), len(signature)) != (32, 64) or scalar >= Q:
        return False
    key, commitment = _point(public), _point(signature[:32])
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public + signed).digest(), "little") % Q
    left, right = _times(scalar, _point(BASE)), _plus(commitment, _times(challenge, key))
    return all((left[axis] * right[2] - right[axis] * left[2]) % P == 0 for axis in (0, 1))


def _point(data: bytes) -> tuple[int, ...]:
    y, odd = int.from_bytes(data, "little") % 2**255, int.from_bytes(data, "little") >> 255
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if x * x % P == square else x * pow(2, (P - 1) // 4, P) % P
    if y >= P or x * x % P != square or (x == 0 and odd):
        raise ValueError(data)
    x = x if x % 2 == odd else P - x
    return x, y, 1, x * y % P


def _plus(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    low, high = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    mixed, deep = 2 * D * a[3] * b[3] % P, 2 * a[2] * b[2] % P
    e, f, g, h = high - low, deep - mixed, deep + mixed, high + low
    return e * f % P, g * h % P, f * g % P, e * h % P


def _times(scalar: int, point: tuple[int, ...]) -> tuple[int, ...]:
    total: tuple[int, ...] = (0, 1, 1, 0)
    while scalar:
        total = _plus(total, point) if scalar % 2 else total
        point, scalar = _plus(point, point), scalar // 2
    return total


def read_database(path: Path) -> Iterator[Row]:
    """Yield the rows of a SQLite database as they are stored, whatever stands in them."""
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
        database.text_factory = lambda data: data.decode(errors="surrogateescape")
        for row in database.execute(f"SELECT {', '.join(COLUMNS)} FROM audit ORDER BY seq"):  # noqa: S608 - our own names
            yield dict(zip(COLUMNS, row, strict=True))


def verify_export(lines: Iterator[bytes], verifier: Verifier) -> None:
    """Check an export: a head, rows, and an end whose signature covers every byte before it."""
    digest, row, end = hashlib.sha256(), dict[str, Any](), dict[str, Any]()
    for line in lines:
        try:
            told: Any = json.loads(line)
            told = told if packed(told) + b"\n" == line else None
            if not verifier.first:
                verifier.begin(told["first"], told["previous_hash"], told["keys"])
            elif "end" not in told:
                verifier.take(row := told)
            elif set(end := told["end"]) == {"at", "digest", "hash", "key", "public", "seq", "signature"}:
                verifier.keys |= {key_id(end["public"]): end["public"]} if end["key"] else {}
                break
        except (ValueError, KeyError, TypeError):
            raise Broken(verifier.last + 1, "content") from None
        digest.update(line)
    if end.get("seq") != verifier.last:
        raise Broken(verifier.last + 1, "cut")
    if (end["digest"], end["hash"]) != (digest.hexdigest(), verifier.hash) or next(lines, b""):
        raise Broken(verifier.first, "frame")
    if end["key"] is not None:
        verifier.signed.append(("export", row or {"seq": verifier.first}, end))
    verifier.finish()


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify what the command line names; return the exit code."""
    parser = argparse.ArgumentParser(description="Verify an export or a SQLite database of Daeri's audit log.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--key", help="the public key to trust: 64 hex digits, or a file that ends with them")
    parser.add_argument("--notes", type=Path, action="append", default=[], help="the server's file of notes")
    parser.add_argument("--copy", type=Path, action="append", default=[], help="a copy of it, kept elsewhere")
    asked = parser.parse_args(arguments)
    try:
        key = Path(asked.key).read_text().split()[-1] if asked.key and Path(asked.key).is_file() else asked.key
        kept = [(file, True) for file in asked.notes] + [(file, False) for file in asked.copy]
        told = Verifier(key, [read_notes(file.read_text(errors="replace"), whole=whole) for file, whole in kept])
        with asked.file.open("rb") as file:
            if file.read(6) != b"SQLite":
                file.seek(0)
                verify_export(file, told)
            else:
                for row in read_database(asked.file):
                    told.take(row)
                told.finish(whole=True)
    except Broken as broken:
        sys.stderr.write(f"broken at {broken}\n")
        return 5
    except (OSError, sqlite3.Error, ValueError) as error:
        sys.stderr.write(f"cannot be read: {error}\n")
        return 1
    sys.stdout.write(f"rows {told.first}-{told.last} are as they were written; signed up to row {told.noted}\n")
    sys.stdout.write(f"last hash {told.hash}\nkeys {' '.join(told.keys)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
