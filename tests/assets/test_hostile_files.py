"""Files made to harm the decoder are quarantined with the reason, and their neighbours are not."""

import os
import signal
import struct
import zlib
from pathlib import Path

import pytest

from assets.imaging.decoder import DecoderDied, Undecodable
from assets.imaging.sandbox import Limits, Sandbox
from assets.ledger import State
from assets.models import Asset
from assets.preparation import prepare_batch


def png_claiming(width: int, height: int) -> bytes:
    """Return a PNG that claims a size it has no bytes for."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    )


@pytest.fixture
def sandbox():
    sandbox = Sandbox(Limits(processes=1))
    yield sandbox
    sandbox.close()


def decode(sandbox: Sandbox, path: Path):
    return sandbox.decode(path, presets={"preview": 1024}, side=448, max_pixels=200_000_000)


@pytest.fixture
def good(tmp_path, picture):
    path = tmp_path / "good.png"
    path.write_bytes(picture())
    return path


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("bomb", "50,000 × 50,000 pixels is over the limit of 200 megapixels"),
        ("truncated", "truncated"),
        ("header only", "Truncated"),
    ],
)
def test_a_hostile_file_is_quarantined_with_its_reason_and_its_neighbour_is_ready(make_asset, picture, name, reason):
    whole = picture(size=(400, 300), format="JPEG")
    data = {"bomb": png_claiming(50_000, 50_000), "truncated": whole[: len(whole) // 2], "header only": whole[:12]}
    hostile, neighbour = make_asset(data=data[name]), make_asset()
    prepare_batch()
    hostile.refresh_from_db()
    neighbour.refresh_from_db()
    assert hostile.state == State.QUARANTINED
    assert reason in hostile.problem
    assert not hostile.renditions.exists()
    assert neighbour.state == State.READY


@pytest.mark.django_db
def test_a_file_whose_decoder_dies_is_tried_three_times_and_then_quarantined(make_asset, monkeypatch):
    asset = make_asset()

    def dies(*args: object, **options: object) -> None:
        raise DecoderDied("the decoder died over this file (signal 11)")

    monkeypatch.setattr("assets.imaging.sandbox.Sandbox.decode", dies)
    states = []
    for _attempt in range(4):
        prepare_batch()
        asset.refresh_from_db()
        states.append((asset.attempts, asset.state))
    assert states == [(1, "pending"), (2, "pending"), (3, "quarantined"), (3, "quarantined")]
    assert "signal 11" in asset.problem


def test_a_killed_decoder_is_named_and_replaced(sandbox, good, tmp_path):
    assert decode(sandbox, good).width == 64
    fifo = tmp_path / "never.png"
    os.mkfifo(fifo)  # the decoder blocks on opening it: it is busy for as long as we like
    child = sandbox._idle.get()
    sandbox._idle.put(child)
    os.kill(child.process.pid, signal.SIGSTOP)
    os.kill(child.process.pid, signal.SIGKILL)
    child.process.wait()
    assert decode(sandbox, good).width == 64
    assert sandbox._idle.get().process.pid != child.process.pid


def test_a_decoder_that_hangs_is_ended_after_the_time_limit(good, tmp_path):
    sandbox = Sandbox(Limits(wall_seconds=1, processes=1))
    fifo = tmp_path / "never.png"
    os.mkfifo(fifo)
    with pytest.raises(DecoderDied, match="longer than 1 seconds"):
        decode(sandbox, fifo)
    assert decode(sandbox, good).width == 64
    sandbox.close()


def test_a_decoder_that_wants_too_much_memory_is_refused_it(tmp_path, good):
    sandbox = Sandbox(Limits(memory_bytes=400 * 1024**2, processes=1))
    big = tmp_path / "big.png"
    big.write_bytes(png_claiming(14_000, 14_000))
    with pytest.raises(Undecodable, match=r"memory|died"):
        decode(sandbox, big)
    assert decode(sandbox, good).width == 64
    sandbox.close()


def test_a_decoder_cannot_write_files(sandbox, good):
    assert decode(sandbox, good).width == 64
    child = sandbox._idle.get()
    limits = Path(f"/proc/{child.process.pid}/limits").read_text()
    sandbox._idle.put(child)
    row = next(line for line in limits.splitlines() if line.startswith("Max file size"))
    assert row.split()[3:5] == ["0", "0"]


@pytest.mark.django_db
def test_random_damage_to_a_picture_never_ends_the_batch(make_asset, picture):
    import random

    rng = random.Random(7)
    for format in ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF"):
        data = bytearray(picture(size=(120, 90), format=format))
        for _ in range(3):
            damaged = bytearray(data)
            for _ in range(20):
                damaged[rng.randrange(16, len(damaged))] = rng.randrange(256)
            make_asset(data=bytes(damaged))
    prepare_batch()
    assert not Asset.objects.filter(state=State.PENDING, attempts=0).exists()
    assert {"ready", "quarantined"} >= set(Asset.objects.values_list("state", flat=True))
