"""What the model itself costs: pictures and texts, in one process, and how far our vectors are from exact ones."""

import io
import random
import statistics
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bench import bf16, models
from bench.photographs import photograph
from bench.table import Line, seconds

WIDTH, LAYERS, TOKENS = 768, 12, 50
SHAPES = ((WIDTH, 3 * WIDTH), (WIDTH, WIDTH), (WIDTH, 4 * WIDTH), (4 * WIDTH, WIDTH))
QUERIES = ("a red truck", "snow", "two dogs on a beach at sunset", "city at night", "old wooden house by the river")


def forward(quick: bool) -> Iterator[Line]:
    """Our encoder beside open_clip's model in float32, taking turns."""
    import torch

    encoder, (model, _preprocess) = models.ours(), models.eager()
    rng = np.random.default_rng(0)
    for batch in (8, 16, 32):
        pixels = rng.integers(0, 255, (batch, 224, 224, 3), dtype=np.uint8)
        inputs = torch.randn(batch, 3, 224, 224)
        ours, naive = [], []
        with torch.inference_mode():
            for _ in range(3 if quick else 4):
                ours.append(seconds(lambda pixels=pixels: encoder.encode_pixels(pixels)))
                naive.append(seconds(lambda inputs=inputs: model.encode_image(inputs)))
        fast, slow = batch / statistics.median(ours[1:]), batch / statistics.median(naive[1:])
        goal = 4 if bf16.units() else 0.98
        name = f"forward, pictures/s ÷ fp32 eager, batch {batch}"
        yield Line(name, fast, fast / slow, goal, naive=slow)


def gemm(quick: bool) -> Iterator[Line]:
    """GFLOP/s of our forward pass beside those of the bare multiplications of its size and precision, taking turns."""
    import torch
    from torch.nn.functional import linear

    encoder = models.ours()
    batch, dtype = 32, getattr(torch, encoder.dtype)
    pixels = np.random.default_rng(0).integers(0, 255, (batch, 224, 224, 3), dtype=np.uint8)
    rows = batch * TOKENS
    pairs = [(torch.randn(rows, wide).to(dtype), torch.randn(to, wide).to(dtype)) for wide, to in SHAPES]
    work = sum(2 * rows * wide * to for wide, to in SHAPES) / 1e9

    def multiply() -> None:
        for left, weight in pairs:
            linear(left, weight)

    ours, bare = [], []
    with torch.inference_mode():
        for _ in range(4 if quick else 8):
            ours.append(seconds(lambda: encoder.encode_pixels(pixels)))
            bare.append(seconds(multiply))
    mine = batch * models.GFLOP / statistics.median(ours[1:])
    limit = work / statistics.median(bare[1:])
    yield Line(f"forward GFLOP/s ÷ GEMM's, {encoder.dtype}", mine, mine / limit, 0.55, limit=limit, form="{:.0f}")


def text(quick: bool) -> Iterator[Line]:
    """One query at a time: cut at its end token, beside all 77 tokens at the same precision; and known already."""
    import torch

    from search.encoders.device import unit

    encoder = models.ours()
    ours, whole = [], []
    with torch.inference_mode():
        for _ in range(2 if quick else 5):
            for query in QUERIES:
                ours.append(seconds(lambda query=query: encoder.encode_text([query])))
                whole.append(seconds(lambda query=query: unit(encoder._model.encode_text(encoder._tokenize([query])))))
    cut, all_tokens = (1000 * statistics.median(times[len(QUERIES) :]) for times in (ours, whole))
    yield Line(
        "text at batch 1, ms ÷ all 77 tokens",
        cut,
        cut / all_tokens,
        0.6,
        at_least=False,
        naive=all_tokens,
        form="{:.2f}",
    )


def cached(quick: bool) -> Iterator[Line]:
    """A query's vector, asked for again, beside the first time (through the encoder process)."""
    from search.models import QueryVector, register_model
    from search.vectors import text_vector

    models.start_encoder()
    model, _new = register_model(models.VIT)
    QueryVector.objects.all().delete()
    first, again = [], []
    for number in range(6 if quick else 30):
        query = f"{random.Random(number).choice(QUERIES)} {number}"
        first.append(seconds(lambda query=query: text_vector(query, model)))
        again.append(seconds(lambda query=query: text_vector(query, model)))
    known, new = 1000 * statistics.median(again), 1000 * statistics.median(first)
    yield Line("text, cached, ms ÷ not", known, known / new, 0.02, at_least=False, naive=new, form="{:.3f}")


def concurrent(quick: bool) -> Iterator[Line]:
    """Eight who search at once, beside one after the other, through the encoder process; no text comes twice."""
    from search.encoders import get_encoder

    models.start_encoder()
    encoder = get_encoder(models.VIT)
    asked = iter(range(10**6))

    def ask(_number: int) -> None:
        encoder.encode_text([f"{QUERIES[next(asked) % len(QUERIES)]} {next(asked)}"])

    count = 24 if quick else 64
    serial, together = [], []
    with ThreadPoolExecutor(8) as eight:
        for _ in range(2 if quick else 5):
            serial.append(count / seconds(lambda: [ask(number) for number in range(count)]))
            together.append(count / seconds(lambda: list(eight.map(ask, range(count)))))
    ours, naive = (statistics.median(rates[1:]) for rates in (together, serial))
    yield Line("8 at once, text queries/s ÷ serial", ours, ours / naive, 1.5, naive=naive)


def cosine(quick: bool) -> Iterator[Line]:
    """Our way of a file (decoded small, bf16) beside open_clip's transform of all its pixels and float32."""
    jpegs = [_jpeg(number) for number in range(20 if quick else 100)]
    for name, said in ((models.VIT, "ViT-B/32, random weights"), (models.BUNDLED, "bundled model, real weights")):
        found = [cosines(name, jpegs[start : start + 10]) for start in range(0, len(jpegs), 10)]
        lowest = float(np.min(np.concatenate(found)))
        yield Line(f"cosine to fp32, lowest of {len(jpegs)}: {said}", lowest, lowest, 0.9999, form="{:.5f}")


def cosines(name: str, jpegs: list[bytes]) -> np.ndarray:
    """Return the cosine of our vector to the exact one, of each file."""
    import torch

    from search.encoders.device import unit

    model, preprocess = models.eager(name)
    with torch.inference_mode():
        exact = unit(model.encode_image(torch.stack([preprocess(Image.open(io.BytesIO(data))) for data in jpegs])))
    ours = models.ours(name).encode_images([decoded(data) for data in jpegs])
    return (exact * ours).sum(axis=1)


def decoded(data: bytes) -> Any:
    """Return the picture that the decoder process hands on."""
    from assets.imaging import PRESETS
    from assets.preparation import HANDED_ON_SIDE, sandbox

    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        return sandbox().decode(Path(file.name), presets=PRESETS, side=HANDED_ON_SIDE, max_pixels=10**9).picture


def _jpeg(number: int) -> bytes:
    """Return a file: every other one a scene as the bundled model knows them, the others like photographs."""
    from demo.scenes import random_scene, render

    rng = random.Random(number)
    width = rng.choice((640, 1200, 1920, 3000, 4000))
    if number % 2:
        image = render(random_scene(rng), min(width, 1920))
    else:
        image = photograph(number, (width, width * rng.choice((2, 3)) // 4))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()
