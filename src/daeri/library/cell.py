"""The program that reads files of unknown origin, started by `cells.py`: `python -m daeri.library.cell FD [vectors]`.

It loads parsers and the embedding model once, then forks a child for each file. The child is shut in (`jail.py`), reads
one file and ends; nothing that happens in it reaches the next file. Answers are frames of JSON and vectors, nothing
that could run in the parent.
"""

import json
import os
import socket
import struct
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import IO, Any, Final

from daeri.library.blocks import Limits, Place, Problem, Unreadable
from daeri.library.cut import Passage, passages_of, windows_of
from daeri.library.embedding import FRAME, MODEL
from daeri.library.jail import shut
from daeri.library.kinds import format_of, preload, read
from daeri.library.vectors import Embedder, codes_of, packed

REQUEST_MAX: Final = 32 * 1024 * 1024
NICE: Final = 10
"""Reading files gives way to answering people."""
EMBED_AT_ONCE: Final = 16
"""Passages whose vectors are made together; after each lot the parent hears how far it is."""


def main(number: int, *, vectors: bool) -> None:
    """Take requests until the parent is gone."""
    os.nice(NICE)
    parent = socket.socket(fileno=number)
    preload()
    embedder = Embedder() if vectors else None
    if embedder is not None:
        embedder.embed(["준비"])
    parent.sendall(b"ready\n")
    while True:
        size = _exactly(parent, 4)
        if not size:
            return
        asked, descriptors = _request(parent, struct.unpack(">I", size)[0])
        child = os.fork()
        if child == 0:
            parent.close()
            _child(asked, descriptors, embedder)
        for each in descriptors:
            os.close(each)
        _, status = os.waitpid(child, 0)
        parent.sendall(json.dumps({"signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0}).encode() + b"\n")


def _request(parent: socket.socket, size: int) -> tuple[dict[str, Any], list[int]]:
    message, descriptors, _, _ = socket.recv_fds(parent, 1, 2)
    content = message + _exactly(parent, size - 1)
    found: dict[str, Any] = json.loads(content)
    return found, list(descriptors)


def _exactly(parent: socket.socket, size: int) -> bytes:
    content = b""
    while len(content) < min(size, REQUEST_MAX):
        piece = parent.recv(min(size, REQUEST_MAX) - len(content))
        if not piece:
            return b""
        content += piece
    return content


def _child(asked: dict[str, Any], descriptors: Sequence[int], embedder: Embedder | None) -> None:
    """Read one file, answer, end; never returns."""
    source, answer = descriptors
    code = 1
    try:
        walls = shut(seconds=asked["seconds"], memory=asked["memory"])
        with open(answer, "wb") as out, open(source, "rb") as file:  # noqa: PTH123 - descriptors, not paths
            _send(out, {"walls": walls})
            _work(file.read(asked["limits"]["bytes_max"] + 1), asked, out, embedder)
            _send(out, {"end": True})
        code = 0
    except BrokenPipeError:  # the parent has lost interest
        code = 2
    finally:
        os._exit(code)


def _work(data: bytes, asked: dict[str, Any], out: IO[bytes], embedder: Embedder | None) -> None:
    limits, known = Limits(**asked["limits"]), frozenset(asked["known"])
    lot: list[Passage] = []
    try:
        _send(out, {"format": format_of(data, asked["name"])})
        for found in passages_of(read(data, asked["name"], limits)):
            if isinstance(found, Problem):
                _send(out, {"problem": asdict(found)})
                continue
            lot.append(found)
            if len(lot) >= EMBED_AT_ONCE:
                _answer(lot, known, out, embedder)
                lot = []
    except Unreadable as error:
        _send(out, {"problem": asdict(error.problem)})
    except (MemoryError, RecursionError) as error:
        _send(out, {"problem": asdict(Problem("too_large", Place(), type(error).__name__))})
    except Exception as error:  # noqa: BLE001 - parsers of a dozen formats fail in a hundred ways, what came so far is kept
        detail = f"{type(error).__name__}: {error}"[:300].encode(errors="replace").decode()
        _send(out, {"problem": asdict(Problem("broken", Place(), detail))})
    _answer(lot, known, out, embedder)


def _answer(lot: Sequence[Passage], known: frozenset[str], out: IO[bytes], embedder: Embedder | None) -> None:
    """Send passages with their vectors, where they are wanted; those that the parent knows already go without."""
    made = {}
    if embedder is not None:
        new = [passage for passage in lot if passage.digest not in known]
        windows = [windows_of(passage) for passage in new]
        vectors = embedder.embed([window for each in windows for window in each])
        at = 0
        for passage, own in zip(new, windows, strict=True):
            made[passage.digest] = vectors[at : at + len(own)]
            at += len(own)
    for passage in lot:
        body = {"text": passage.text, "section": passage.section, "place": asdict(passage.place)}
        mine = made.get(passage.digest)
        if mine is None:
            _send(out, {"passage": body, "model": ""})
        else:
            _send(out, {"passage": body, "model": MODEL}, codes_of(mine).tobytes(), packed(mine))
    out.flush()


def _send(out: IO[bytes], body: dict[str, Any], codes: bytes = b"", vectors: bytes = b"") -> None:
    text = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
    out.write(struct.pack(FRAME, len(text), len(codes), len(vectors)) + text + codes + vectors)


if __name__ == "__main__":
    main(int(sys.argv[1]), vectors="vectors" in sys.argv[2:])
