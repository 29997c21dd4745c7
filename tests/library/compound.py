"""A small compound file (OLE2), as old HWP documents are packed in, written by hand for tests."""

import itertools
import struct

SECTOR, SMALL = 512, 64
END, FREE, FAT = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD


def compound(streams: dict[str, bytes]) -> bytes:
    """Pack streams ("BodyText/Section0" lies in a storage), each smaller than 4,096 bytes."""
    small = b"".join(content + bytes(-len(content) % SMALL) for content in streams.values())
    small += bytes(-len(small) % SECTOR)
    starts, at = {}, 0
    for name, content in streams.items():
        starts[name] = at
        at += -(-len(content) // SMALL)
    chain = []
    for content in streams.values():
        count = -(-len(content) // SMALL)
        chain += [*range(len(chain) + 1, len(chain) + count), END]
    small_fat = b"".join(struct.pack("<I", each) for each in chain)
    small_fat += b"\xff" * (-len(small_fat) % SECTOR)
    directory = _directory(streams, starts, len(small) // SECTOR)
    # Sectors: 0 the table, 1.. the directory, then the table of small ones, then these.
    pieces = [directory, small_fat, small]
    table, where = [FAT], []
    for piece in pieces:
        where.append(len(table))
        count = len(piece) // SECTOR
        table += [*range(len(table) + 1, len(table) + count), END]
    directory = _directory(streams, starts, len(small) // SECTOR, first=where[2], size=len(small))
    fat = b"".join(struct.pack("<I", each) for each in table)
    fat += b"\xff" * (-len(fat) % SECTOR)
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    head += struct.pack("<IIIIIIIII", 0, 1, where[0], 0, 4096, where[1], len(small_fat) // SECTOR, END, 0)
    head += struct.pack("<I", 0) + b"\xff" * 432
    return head + fat + directory + small_fat + small


def _directory(
    streams: dict[str, bytes], starts: dict[str, int], sectors: int, *, first: int = 0, size: int = 0
) -> bytes:
    del sectors
    names = [("Root Entry", 5, first, size)]
    folders = sorted({name.partition("/")[0] for name in streams if "/" in name})
    names += [(folder, 1, 0, 0) for folder in folders]
    names += [(name.rpartition("/")[2], 2, starts[name], len(content)) for name, content in streams.items()]
    top = [at for at, each in enumerate(names) if at and (each[1] == 1 or not _inside(each[0], streams))]
    below = [at for at, each in enumerate(names) if each[1] == 2 and _inside(each[0], streams)]
    right = {a: b for group in (top, below) for a, b in itertools.pairwise(group)}
    entries = b""
    for at, (name, kind, start, length) in enumerate(names):
        child = top[0] if at == 0 else below[0] if kind == 1 else FREE
        wide = name.encode("utf-16-le")
        entries += wide + bytes(64 - len(wide)) + struct.pack("<HBB", len(wide) + 2, kind, 1)
        entries += struct.pack("<III", FREE, right.get(at, FREE), child) + bytes(36) + struct.pack("<IQ", start, length)
    return entries + bytes(-len(entries) % SECTOR)


def _inside(name: str, streams: dict[str, bytes]) -> bool:
    return any(each.endswith(f"/{name}") for each in streams)


def hwp(*paragraphs: str) -> bytes:
    """An HWP 5 document of plain paragraphs."""
    header = b"HWP Document File" + bytes(15) + struct.pack("<II", 0x05000300, 0) + bytes(216)
    section = b""
    for number, text in enumerate(paragraphs):
        wide = (text + "\r").encode("utf-16-le")
        last = 0x80000000 if number == len(paragraphs) - 1 else 0
        section += _record(66, 0, struct.pack("<IIHBBHHHI", last | len(text) + 1, 0, 0, 0, 0, 1, 0, 1, 0))
        section += _record(67, 1, wide) + _record(68, 1, struct.pack("<II", 0, 0))
    info = _record(16, 0, struct.pack("<HHHHHHHIII", 1, 1, 1, 1, 1, 1, 1, 0, 0, 0))
    return compound({"FileHeader": header, "DocInfo": info, "BodyText/Section0": section})


def _record(tag: int, level: int, content: bytes) -> bytes:
    return struct.pack("<I", tag | level << 10 | len(content) << 20) + content
