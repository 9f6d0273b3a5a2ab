"""The sample library: rendered scenes with tags and dates, so that a new library can be searched at once."""

import json
from pathlib import Path

from django.core.files.base import File
from django.utils.dateparse import parse_datetime

from assets.ingest import Duplicate, ingest
from assets.models import Collection, Tag
from dam.env import BASE_DIR

SAMPLES = BASE_DIR / "demo" / "samples"


def load_samples(folder: Path = SAMPLES) -> int:
    """Put the sample scenes into the library; return how many are new."""
    new = 0
    for entry in json.loads((folder / "samples.json").read_text()):
        with (folder / entry["file"]).open("rb") as stream:
            try:
                ingest(
                    File(stream),
                    name=entry["file"],
                    title=entry["title"],
                    taken_at=parse_datetime(entry["taken_at"]),
                    tags=[Tag.named(name) for name in entry["tags"]],
                    collections=[Collection.named(entry["collection"])],
                )
                new += 1
            except Duplicate:
                continue
    return new
