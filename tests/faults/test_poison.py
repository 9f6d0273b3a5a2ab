"""Files that crash, stall or fill the decoder: each is given up with its reason, and the others hardly wait."""

import io
import random
import struct
import time
import zlib

import pytest
from PIL import Image

from tests.faults.conftest import LONG, print_table
from tests.faults.library import Library, accepted
from tests.faults.pictures import picture

pytestmark = pytest.mark.timeout(1800 if LONG else 240)
HEALTHY = 200 if LONG else 5
# Files of each kind: 40. One that loops or sleeps takes three times half a minute, at the end, with others beside none.
KINDS = {
    "crash": 8,
    "loop": 3,
    "sleep": 2,
    "memory": 5,
    "pixel bomb": 6,
    "zip bomb": 2,
    "truncated": 8,
    "header only": 6,
}


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _png(width: int, height: int, rows: bytes, *, depth: int = 8, colour: int = 2) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows, 9)) + _chunk(b"IEND", b"")
    )


def marked(what: str, rng: random.Random) -> bytes:
    """A sound PNG that asks the fault runs' decoder (tests/faults/decoder.py) to misbehave over it."""
    image = Image.new("RGB", (64, 48), tuple(rng.randbytes(3)))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue() + f"FAULT:{what}:{rng.random()}".encode()


def poison(kind: str, rng: random.Random) -> bytes:
    """Return a file of this kind; no two are the same."""
    salt = rng.randbytes(8)
    match kind:
        case "pixel bomb":
            return _png(50_000, 50_000, salt * 12)
        case "zip bomb":
            return _png(14_000, 14_000, bytes((14_000 * 3 + 1) * (13_999 if LONG else 99)) + salt)
        case "truncated":
            whole = picture((1600, 1200))
            return whole[: rng.randrange(1000, len(whole) // 2)]
        case "header only":
            return picture((64, 48))[:12] + salt
        case _:
            return marked(kind, rng)


def test_poison_is_quarantined_with_its_reason_and_the_healthy_do_not_wait(library: Library):
    rng = random.Random(7)
    alone = _seconds_for(library, [picture() for _ in range(HEALTHY)], {}) if LONG else float("nan")
    kinds = KINDS if LONG else dict.fromkeys(KINDS, 1) | {"sleep": 0}  # ended by the same limit as the loop
    files = {f"{kind} {number}": poison(kind, rng) for kind, most in kinds.items() for number in range(most)}
    beside = _seconds_for(library, [picture() for _ in range(HEALTHY)], files)
    quarantined = library.sql(
        "SELECT filename, state, attempts, problem FROM assets_asset WHERE filename = ANY(%s) ORDER BY filename",
        list(files),
    )
    assert len(quarantined) == len(files)
    for name, state, attempts, problem in quarantined:
        assert (name, state) == (name, "quarantined")
        assert attempts <= 3, name
        assert problem, name
    rows = [
        ("poisonous files", f"{len(files)}, all quarantined"),
        ("most attempts at one", max(row[2] for row in quarantined)),
        (f"seconds for {HEALTHY} healthy ones alone, and beside them", f"{alone:.1f}, {beside:.1f}"),
        ("throughput of the healthy ones (goal: at least 0.7)", f"{alone / beside:.2f}"),
    ]
    rows += sorted({(f"  {row[0].rsplit(' ', 1)[0]}", f"{row[2]} attempts: {row[3][:70]}") for row in quarantined})
    print_table("Poison", rows)


def _seconds_for(library: Library, healthy: list[bytes], others: dict[str, bytes]) -> float:
    """Upload all of them mixed; return the seconds from the first claim until the last healthy one is embedded."""
    taken: dict[int, str] = {}
    mixed = [("healthy.jpg", data) for data in healthy] + list(others.items())
    random.Random(1).shuffle(mixed)
    with library.hung("worker"):  # so that all of it is there when the work begins
        for name, data in mixed:
            answer = library.upload(data, name)
            taken.update([accepted(answer, data)])
        ids = [
            pk
            for pk in taken
            if library.sql("SELECT filename FROM assets_asset WHERE id = %s", pk) == [("healthy.jpg",)]
        ]
        started = time.time()
    library.settle(seconds=900)
    library.assert_whole(taken)
    ends = library.sql("SELECT max(finished_at) FROM search_embedding WHERE asset_id = ANY(%s)", ids)
    assert library.count("assets_asset WHERE id = ANY(%s) AND state = 'ready'", ids) == len(healthy)
    return ends[0][0].timestamp() - started
