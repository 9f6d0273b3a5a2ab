"""From a file to its vector: the whole pipeline, ingest alone, writing vectors, and what a worker holds in the end."""

import hashlib
import io
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bench import models, photographs
from bench.table import Line, seconds

CORES = len(os.sched_getaffinity(0))
FOLDER = Path(".cache/bench/photographs")


def whole(quick: bool) -> Iterator[Line]:
    """The worker's pipeline over 12-megapixel JPEGs, from originals in storage to vectors in the database.

    The limit is 1 / (1/forward + decode/cores), both measured with every core at work and nothing else to do: what
    keeps all cores busy with nothing but decoding and encoding. Naive: one after the other.
    """
    from search.encoders import get_encoder
    from search.models import register_model

    models.start_encoder()
    encoder = get_encoder(models.VIT)
    data = photographs.files(FOLDER, 48 if quick else 160)
    with emptied():
        register_model(models.VIT)[0].activate()
        _upload(data[:4])
        _work_off()  # decoders and connections are there
        rates, limits, naives = [], [], []
        parts = np.array_split(np.arange(4, len(data)), 1 if quick else 3)
        for part in parts:
            limits.append(_limit(encoder, data, quick))
            naives.append(_naive(data[: 2 if quick else 4]))
            _upload([data[number] for number in part])
            rates.append(len(part) / seconds(_work_off))
        limits.append(_limit(encoder, data, quick))
    ours, naive, limit = (statistics.median(values) for values in (rates, naives, limits))
    name = "pipeline, 12-megapixel JPEGs/s"
    yield Line(f"{name} ÷ 1/(1/forward + decode/cores)", ours, ours / limit, 0.85, limit=limit)
    yield Line(f"{name} ÷ one after the other, fp32", ours, ours / naive, 5, naive=naive)


def _limit(encoder: Any, data: list[bytes], quick: bool) -> float:
    pixels = np.random.default_rng(0).integers(0, 255, (32, 224, 224, 3), dtype=np.uint8)
    forward = statistics.median(seconds(lambda: encoder.encode_pixels(pixels)) for _ in range(3)) / 32
    with _on_disk(data[: 8 if quick else 16]) as paths, ThreadPoolExecutor(CORES) as threads:
        list(threads.map(_decode, paths[:CORES]))
        decode = seconds(lambda: list(threads.map(_decode, paths))) / len(paths)  # with all cores: decode / cores
    return 1 / (forward + decode)


def _decode(path: Path) -> None:
    from assets.imaging import PRESETS
    from assets.preparation import HANDED_ON_SIDE, sandbox

    sandbox().decode(path, presets=PRESETS, side=HANDED_ON_SIDE, max_pixels=10**9)


def _naive(data: list[bytes]) -> float:
    """Pictures a second with open_clip's own transform and float32, one at a time."""
    import torch

    model, preprocess = models.eager()
    taken = []
    with torch.inference_mode():
        for one in data:
            taken.append(seconds(lambda one=one: model.encode_image(preprocess(Image.open(io.BytesIO(one)))[None])))
    return 1 / statistics.median(taken)


def ingest(quick: bool) -> Iterator[Line]:
    """Ingest and preparation without any model, beside the same files written by hand, on as many cores.

    By hand: copied (and synchronised), SHA-256, opened at the smallest size that a JPEG decodes to, a thumbnail and one
    resize written as WebP. No database, no limits on the decoder, no metadata.
    """
    data = photographs.files(FOLDER, 24 if quick else 64)
    with emptied(), ProcessPoolExecutor(CORES) as processes, tempfile.TemporaryDirectory() as folder:
        list(processes.map(_by_hand, data[:CORES], [folder] * CORES))
        _ingest_all(data[:CORES])
        parts = [part.tolist() for part in np.array_split(np.arange(CORES, len(data)), 1 if quick else 3)]
        ours, by_hand = [], []
        for part in parts:
            chosen = [data[number] for number in part]
            ours.append(seconds(lambda chosen=chosen: _ingest_all(chosen)) / len(part))
            by_hand.append(
                seconds(lambda chosen=chosen: list(processes.map(_by_hand, chosen, [folder] * len(chosen)))) / len(part)
            )
    mine, limit = 1000 * statistics.median(ours), 1000 * statistics.median(by_hand)
    name = "ingest, ms/picture ÷ copy + SHA-256 + thumbnail + resize"
    yield Line(name, mine, mine / limit, 1.15, at_least=False, limit=limit)


def _ingest_all(data: list[bytes]) -> None:
    """Upload from one thread while this one prepares, as web process and worker do."""
    from assets.models import Asset

    before = Asset.objects.filter(state="ready").count()
    with ThreadPoolExecutor(1) as web:
        uploaded = web.submit(_upload, data)
        while not uploaded.done() or Asset.objects.filter(state="ready").count() < before + len(data):
            _work_off()
        uploaded.result()


def _by_hand(data: bytes, folder: str) -> str:
    digest = hashlib.sha256(data).hexdigest()
    path = Path(folder) / digest
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    with Image.open(path) as image:
        image.draft("RGB", (973, 730))
        image.load()
        for longest in (1024, 320):
            small = image.copy()
            small.thumbnail((longest, longest), Image.Resampling.LANCZOS)
            small.save(f"{path}-{longest}.webp", "WEBP", quality=85, method=2)
    return digest


def writing(quick: bool) -> Iterator[Line]:
    """Vectors of claimed rows, in batches of 32, beside a binary COPY of the same into a bare table of ids and vectors.

    Once with the HNSW index that a library has, on both tables, and once without. Naive: an UPDATE for each.
    """
    from django.db import connection, transaction

    from search.embedding import write
    from search.models import Embedding

    with emptied() as empty, connection.cursor() as cursor:
        model = empty("write", 512)
        for indexed, count in ((True, 320 if quick else 960), (False, 960 if quick else 3200)):
            _rows(model, count)
            cursor.execute("DROP TABLE IF EXISTS bench_copy; CREATE TABLE bench_copy (id bigint, vector halfvec)")
            cursor.execute(f"DROP INDEX IF EXISTS embedding_hnsw_{model.pk}")
            if indexed:
                model.create_index()
                cursor.execute("CREATE INDEX ON bench_copy USING hnsw ((vector::halfvec(512)) halfvec_l2_ops)")
            made = np.random.default_rng(1).normal(size=(count, 512)).astype(np.float32)
            made /= np.linalg.norm(made, axis=1, keepdims=True)

            def copy(rows: list[Any], vectors: np.ndarray) -> None:
                with transaction.atomic(), cursor.copy("COPY bench_copy FROM STDIN (FORMAT BINARY)") as into:
                    into.write(_binary([row.pk for row in rows], vectors))

            def each(rows: list[Any], vectors: np.ndarray) -> None:
                for row, vector in zip(rows, vectors, strict=True):
                    Embedding.objects.complete(row, vector=vector)

            taken: dict[Callable[..., Any], list[float]] = {write: [], copy: [], each: []}
            for start in range(0, count, 96):
                for turn, work in enumerate((write, copy, each)):
                    vectors = made[start + 32 * turn :][:32]
                    rows = Embedding.objects.claim(32) if work is not copy else [*Embedding.objects.all()[:32]]
                    if len(rows) == len(vectors) == 32:
                        taken[work].append(seconds(lambda w=work, r=rows, v=vectors: w(r, v)))
            ours, limit, naive = (32 / statistics.median(times[1:]) for times in taken.values())
            where = "with HNSW" if indexed else "without HNSW"
            name = f"vectors written/s, 32 at a time, {where} ÷ binary COPY"
            yield Line(name, ours, ours / limit, 0.6, naive=naive, limit=limit, form="{:.0f}")
            Embedding.objects.all().delete()


def _binary(ids: list[int], vectors: np.ndarray) -> bytes:
    """Return a binary COPY of rows (bigint, halfvec)."""
    count, dimensions = vectors.shape
    number, vector = [("id_bytes", ">i4"), ("id", ">i8")], [("dimensions", ">i2"), ("unused", ">i2")]
    values = [("vector", ">f2", (dimensions,))]
    rows = np.zeros(count, dtype=[("fields", ">i2"), *number, ("vector_bytes", ">i4"), *vector, *values])
    rows["fields"], rows["id_bytes"], rows["vector_bytes"] = 2, 8, 4 + 2 * dimensions
    rows["id"], rows["dimensions"], rows["vector"] = ids, dimensions, vectors
    return b"PGCOPY\n\xff\r\n\0" + bytes(8) + rows.tobytes() + b"\xff\xff"


def _rows(model: Any, count: int) -> None:
    from assets.models import Asset, Kind
    from search.models import Embedding

    there = Asset.objects.count()
    Asset.objects.bulk_create(
        Asset(
            original="-",
            filename=f"{number}.jpg",
            sha256=hashlib.sha256(str(number).encode()).hexdigest(),
            size=1,
            mime_type="image/jpeg",
            kind=Kind.IMAGE,
            state="ready",
        )
        for number in range(there, count)
    )
    Embedding.objects.bulk_create(Embedding(asset=asset, model=model) for asset in Asset.objects.all()[:count])


def worker_memory(quick: bool) -> Iterator[Line]:
    """A worker as ``manage.py up`` starts it, over small pictures: its memory after so many and after 20 times more.

    It may not end itself over its memory meanwhile. The bundled model encodes, in the encoder process.
    """
    from assets.models import Asset
    from dam.memory import resident_bytes
    from search.models import Embedding, register_model

    models.start_encoder()
    first, last = (100, 2_000) if quick else (1_000, 20_000)
    with emptied():
        register_model(models.BUNDLED)[0].activate()
        command = [sys.executable, "-m", "celery", "-A", "dam", "--quiet", "worker", "--pool", "solo"]
        environment = os.environ | {"DAM_WORKER_MEMORY_MB": "0"}
        worker = subprocess.Popen([*command, "--loglevel", "WARNING"], env=environment)
        held = {}
        try:
            done = 0
            for goal in (first, last):
                while done < goal:
                    _upload(_small(Asset.objects.count(), min(500, goal - done)))
                    while (done := Embedding.objects.filter(state="ready").count()) < Asset.objects.count():
                        assert worker.poll() is None, "the worker ended"
                        time.sleep(0.1)
                held[goal] = resident_bytes(worker.pid) / 2**20
        finally:
            worker.kill()
            worker.wait()
    name = f"worker's MB after {last:,} pictures ÷ after {first:,}"
    yield Line(name, held[last], held[last] / held[first], 1.05, at_least=False, limit=held[first])


def _small(start: int, count: int) -> list[bytes]:
    """Return JPEG files of 160 × 120 pixels, no two the same."""
    pixels = np.random.default_rng(start).integers(0, 255, (12, 16, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).resize((160, 120)).save(buffer, "JPEG")
    return [buffer.getvalue() + str(number).encode() for number in range(start, start + count)]


def _upload(data: list[bytes]) -> None:
    from django.core.files.base import ContentFile

    from assets.ingest import ingest as accept

    for one in data:
        accept(ContentFile(one), name="picture.jpg")


def _work_off() -> None:
    """Do what a worker does until nothing is owed that may be claimed."""
    from assets.preparation import prepare_owed

    while prepare_owed():
        pass


@contextmanager
def _on_disk(data: list[bytes]) -> Iterator[list[Path]]:
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number}.jpg" for number in range(len(data))]
        for path, one in zip(paths, data, strict=True):
            path.write_bytes(one)
        yield paths


@contextmanager
def emptied() -> Iterator[Callable[[str, int], Any]]:
    """Empty the library, its files too; give what makes an embedding space without a model, and empty it again."""
    from django.conf import settings
    from django.db import connection

    from search.models import EmbeddingModel

    def space(name: str, dimensions: int) -> Any:
        return EmbeddingModel.objects.create(name=name, dimensions=dimensions, state=EmbeddingModel.State.ACTIVE)

    def empty() -> None:
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE assets_asset, search_embedding, search_embeddingmodel CASCADE")
        for name in ("originals", "renditions"):
            shutil.rmtree(settings.STORAGES[name]["OPTIONS"]["location"], ignore_errors=True)

    empty()
    try:
        yield space
    finally:
        empty()
