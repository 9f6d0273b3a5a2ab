"""Films and documents made on the spot, of the sample scenes and of plain colours."""

import io
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

SAMPLES = Path(__file__).resolve().parents[2] / "demo" / "samples"


def scenes(*words: str) -> list[Image.Image]:
    """Return for each word the first sample scene that has it in its title."""
    known = json.loads((SAMPLES / "samples.json").read_text(encoding="utf-8"))
    names = [next(scene["file"] for scene in known if word in scene["title"].lower()) for word in words]
    return [Image.open(SAMPLES / name).convert("RGB") for name in names]


def film(
    pictures: Sequence[Image.Image],
    *,
    seconds: float = 2,
    rate: int = 10,
    size: tuple[int, int] = (320, 240),
    container: str = "mp4",
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    metadata: dict[str, str] | None = None,
    turned: int = 0,
) -> bytes:
    """Return a video that shows each picture for so many seconds."""
    import av

    muxing = {"movflags": "faststart"} if container in ("mp4", "mov") else {}  # which reads what it has written
    with (
        tempfile.NamedTemporaryFile() as file,
        av.open(file.name, "w", format=container, container_options=muxing) as made,
    ):
        stream = made.add_stream(codec, rate=rate, options=options or {})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        if turned:
            stream.set_display_rotation(turned)
        made.metadata.update(metadata or {})
        for picture in pictures:
            frame = picture.convert("RGB").resize(size)
            for _ in range(round(seconds * rate)):
                made.mux(stream.encode(av.VideoFrame.from_image(frame)))
        made.mux(stream.encode(None))
        made.close()
        return Path(file.name).read_bytes()


def document(pictures: Sequence[Image.Image], **facts: str) -> bytes:
    """Return a PDF with each picture on a page."""
    buffer = io.BytesIO()
    first, *others = pictures
    first.save(buffer, "PDF", save_all=True, append_images=others, **facts)
    return buffer.getvalue()


def empty_pages(count: int, box: str = "0 0 595 842") -> bytes:
    """Return a PDF with so many blank pages; viewers find the objects without a table of them."""
    kids = " ".join(f"{number + 3} 0 R" for number in range(count))
    parts = [
        "%PDF-1.4",
        "1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj",
        f"2 0 obj<</Type/Pages/Kids[{kids}]/Count {count}>>endobj",
        *(f"{number + 3} 0 obj<</Type/Page/Parent 2 0 R/MediaBox[{box}]>>endobj" for number in range(count)),
        "trailer<</Root 1 0 R>>",
    ]
    return ("\n".join(parts) + "\n").encode()
