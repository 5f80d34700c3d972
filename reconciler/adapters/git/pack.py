"""Many objects written as one pack with its index: two files instead of thousands.

Only undivided objects, no deltas: `git gc` finds those when it comes.
"""

from __future__ import annotations

import hashlib
import os
import struct
import threading
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

_KINDS = {"commit": 1, "tree": 2, "blob": 3}
_FAN_END = 8 + 256 * 4


def write_pack(folder: Path, objects: Mapping[str, tuple[str, bytes]], object_format: str) -> str:
    """Write objects (id: kind and content) below `objects/pack`; return the name of the pack.

    OSError: it cannot be written.

    The index comes last: without it git does not see the pack, and clears it away in time.
    """
    entries = {
        bytes.fromhex(oid): _head(_KINDS[kind], len(body)) + zlib.compress(body, 1)
        for oid, (kind, body) in objects.items()
    }
    return _written(folder, entries, object_format)


def join_packs(folder: Path, names: Iterable[str], object_format: str) -> str:
    """Write one pack with all that is in these, which `write_pack` wrote; return its name.

    Costs no process, as nothing is unpacked. OSError: one is gone, or it cannot be written.
    ValueError: one is not as it was written.
    """
    entries: dict[bytes, bytes] = {}
    for name in names:
        pack, index = ((folder / f"{name}.{end}").read_bytes() for end in ("pack", "idx"))
        entries.update(_entries(pack, index, _width(object_format)))
    return _written(folder, entries, object_format)


def _entries(pack: bytes, index: bytes, width: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield the id of each object in a pack, and the bytes that stand for it there."""
    if len(index) < _FAN_END or index[-2 * width : -width] != pack[-width:]:
        raise ValueError("a pack and its index do not belong together")
    (count,) = struct.unpack_from(">I", index, _FAN_END - 4)
    oids = [index[at : at + width] for at in range(_FAN_END, _FAN_END + count * width, width)]
    places = struct.unpack_from(f">{count}I", index, _FAN_END + count * (width + 4))
    ordered = sorted(zip(places, oids, strict=True))
    ends = [at for at, _ in ordered[1:]] + [len(pack) - width]
    for (at, oid), end in zip(ordered, ends, strict=True):
        yield oid, pack[at:end]


def _written(folder: Path, entries: Mapping[bytes, bytes], object_format: str) -> str:
    pack, places = _pack(entries, object_format)
    index = _index(places, pack[-_width(object_format) :], object_format)
    name = hashlib.new(object_format, b"".join(sorted(entries))).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    for content, end in ((pack, "pack"), (index, "idx")):
        _put(folder / f"pack-{name}.{end}", content)
    return f"pack-{name}"


def _width(object_format: str) -> int:
    return hashlib.new(object_format).digest_size


def _pack(
    entries: Mapping[bytes, bytes], object_format: str
) -> tuple[bytes, list[tuple[bytes, int, int]]]:
    """Return the pack, and of each object its id, checksum and place, sorted by id."""
    parts = [struct.pack(">4sII", b"PACK", 2, len(entries))]
    places, at = [], len(parts[0])
    for oid, entry in entries.items():
        places.append((oid, zlib.crc32(entry), at))
        parts.append(entry)
        at += len(entry)
    whole = b"".join(parts)
    return whole + hashlib.new(object_format, whole).digest(), sorted(places)


def _head(kind: int, size: int) -> bytes:
    """Return kind and size as git writes them: four bits, then seven at a time."""
    first, size = (kind << 4) | (size & 15), size >> 4
    out = bytearray()
    while size:
        out.append(first | 0x80)
        first, size = size & 0x7F, size >> 7
    out.append(first)
    return bytes(out)


def _index(places: list[tuple[bytes, int, int]], pack_sum: bytes, object_format: str) -> bytes:
    fan = [0] * 256
    for oid, _, _ in places:
        fan[oid[0]] += 1
    for value in range(1, 256):
        fan[value] += fan[value - 1]
    body = b"".join(
        (
            b"\xfftOc",
            struct.pack(">I", 2),
            struct.pack(">256I", *fan),
            *(oid for oid, _, _ in places),
            struct.pack(f">{len(places)}I", *(crc for _, crc, _ in places)),
            struct.pack(f">{len(places)}I", *(at for _, _, at in places)),
            pack_sum,
        )
    )
    return body + hashlib.new(object_format, body).digest()


def _put(path: Path, content: bytes) -> None:
    draft = path.with_name(f"tmp_{path.suffix[1:]}_nova{os.getpid()}_{threading.get_ident()}")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o444)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(content)
            file.flush()
            os.fdatasync(fd)
        draft.rename(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
