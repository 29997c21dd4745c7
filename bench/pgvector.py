"""Why are vectors compared in the process, not by pgvector? `python -m bench pgvector [--passages 10000]`, where named.

The first look of a search over the same vectors in PostgreSQL: Daeri's, over the signs that a process remembers, and
pgvector's, exact and by its HNSW index; for somebody who may see everything, and for one who may see 2 %.
"""

import os
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import psycopg
from sqlalchemy import Connection

from bench import library, postgres
from bench.load import percentile
from bench.table import Line
from daeri.library.board import Board, View
from daeri.library.embedding import DIMENSIONS, MODEL
from daeri.library.finder import WINDOWS, _by_meaning
from daeri.library.folder import Folder
from daeri.library.vectors import Embedder, Vectors, unpacked

QUESTIONS: Final = 30
MASKS: Final = {"everything": "true", "2 %": "mod(f.id, 50) = 0"}
BEST: Final = 60
PIECE: Final = 1 << 20
SIGNATURE: Final = b"PGCOPY\n\xff\r\n\x00" + struct.pack(">ii", 0, 0)


def compared(place: Path, questions: Sequence[str], passages: int, say: Callable[[str], None]) -> list[Line]:
    """Return what the first look costs in each way; below `place` lie the files to take words from."""
    vectors = Embedder().embed(list(questions[:QUESTIONS]))
    with postgres.server() as address:
        with Folder(address) as folder:
            folder.ingest([place / "files"])
            say(f"{passages:,} passages in PostgreSQL")
            library.Growing(folder).to(passages)
            lines: list[Line] = folder._write(lambda connection: _remembered(connection, vectors))  # noqa: SLF001 - by hand
        with psycopg.connect(address) as connection:
            say("the same vectors for pgvector")
            count = _loaded(connection, address)
            connection.execute("SET max_parallel_workers_per_gather = 0")
            exact = {}
            for name, mask in MASKS.items():
                exact[name], line = _asked(connection, vectors, mask, f"pgvector, exact, {name} visible")
                lines.append(line)
            say(f"its index over {count:,} vectors")
            connection.execute("CREATE INDEX ON bench_window USING hnsw (vector halfvec_cosine_ops)")
            connection.execute("SET enable_seqscan = off; SET enable_sort = off; SET hnsw.ef_search = 150")
            connection.execute("SET hnsw.iterative_scan = strict_order")
            for name, mask in MASKS.items():
                found, line = _asked(connection, vectors, mask, f"pgvector, HNSW, {name} visible")
                pairs = zip(found, exact[name], strict=True)
                shares = [len(set(one) & set(best)) / max(len(best), 1) for one, best in pairs]
                told = f"{sum(shares) / len(shares):.0%} of the exact ones"
                lines.append(Line(line.what, line.cpu, line.p50, line.p99, told))
    return lines


def _remembered(connection: Connection, vectors: Vectors) -> list[Line]:
    """Measure Daeri's own first look."""
    view = Board().view(connection)
    every = view.alive
    return [
        _looked(view, vectors, every, "Daeri, everything visible"),
        _looked(view, vectors, every & (view.files % 50 == 0), "Daeri, 2 % visible"),
    ]


def _looked(view: View, vectors: Vectors, seen: Any, what: str) -> Line:
    each, cpu = [], []
    for vector in vectors:
        began, before = time.perf_counter(), time.process_time()
        _by_meaning(view.signs[MODEL], seen, vector[None])
        cpu.append((time.process_time() - before) * 1000)
        each.append((time.perf_counter() - began) * 1000)
    remembered = f"{view.signs[MODEL].codes.nbytes / 1e6:.1f} MB remembered"
    return Line(what, sum(cpu) / len(cpu), percentile(each, 50), percentile(each, 99), remembered)


def _loaded(connection: Any, address: str) -> int:
    """Copy the vectors of all passages into a table for pgvector; return how many there are."""
    connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    connection.execute(f"CREATE TABLE bench_window (passage int, file int, vector halfvec({DIMENSIONS}))")
    count = 0
    copying = "COPY bench_window FROM STDIN WITH (FORMAT binary)"
    with psycopg.connect(address) as source, connection.cursor() as cursor, cursor.copy(copying) as copy:
        held = bytearray(SIGNATURE)
        for passage, file, vector in _windows(source):
            numbers = vector.astype(">f2").tobytes()
            held += struct.pack(">hiiii", 3, 4, passage, 4, file)
            held += struct.pack(">ihh", 4 + len(numbers), DIMENSIONS, 0) + numbers
            count += 1
            if len(held) > PIECE:
                copy.write(bytes(held))
                held.clear()
        copy.write(bytes(held) + struct.pack(">h", -1))
    connection.execute("ANALYZE bench_window")
    return count


def _windows(source: Any) -> Iterator[tuple[int, int, Any]]:
    with source.cursor(name="windows") as cursor:
        cursor.execute("SELECT id, file_id, vectors FROM passage WHERE model = %s", [MODEL])
        for passage, file, vectors in cursor:
            yield from ((passage, file, vector) for vector in unpacked(bytes(vectors)))


def _asked(connection: Any, vectors: Vectors, mask: str, what: str) -> tuple[list[list[int]], Line]:
    """Ask pgvector for the nearest of what may be seen; return the passages, and the cost in the database's process."""
    pid = connection.execute("SELECT pg_backend_pid()").fetchone()[0]
    statement = (  # our own words
        "SELECT w.passage FROM bench_window w JOIN company_file f ON f.id = w.file "  # noqa: S608
        f"WHERE f.status = 'ready' AND {mask} ORDER BY w.vector <=> %s::halfvec LIMIT {WINDOWS}"
    )
    found, each, before = [], [], _cpu(pid)
    for vector in vectors:
        numbers = "[" + ",".join(f"{number:.4f}" for number in np.asarray(vector)) + "]"
        began = time.perf_counter()
        rows = connection.execute(statement, [numbers]).fetchall()
        each.append((time.perf_counter() - began) * 1000)
        found.append(list(dict.fromkeys(row[0] for row in rows))[:BEST])
    cpu = (_cpu(pid) - before) * 1000 / len(each)
    return found, Line(what, cpu, percentile(each, 50), percentile(each, 99), "")


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
