"""Documents: a picture of each page, the first of which stands for the whole."""

import math
from collections.abc import Iterator
from typing import Any

from PIL import Image

from assets.imaging import Undecodable
from assets.imaging.parts import Clock, Opened, Part, plain

MOST = 200
# What a page of a document may measure in points; what is beyond is nonsense, and no integer column takes it.
LARGEST = 1_000_000
FACTS = {"title": "Title", "artist": "Author", "software": "Creator"}


def open_document(path: str, *, longest: int, seconds: float, parts: bool) -> Opened:
    """Read a PDF; pages are rendered with their longest side at ``longest`` pixels, in ``seconds`` at most together."""
    import pypdfium2

    clock = Clock(seconds)
    try:
        document = pypdfium2.PdfDocument(path)
        pages = len(document)
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) == pypdfium2.raw.FPDF_ERR_PASSWORD:
            raise Undecodable("the document is encrypted and asks for a password") from error
        raise Undecodable(f"the document cannot be opened: {error}") from error
    if not pages:
        raise Undecodable("the document has no pages")
    try:
        first, size = _rendered(document, 0, longest)
    except (pypdfium2.PdfiumError, ValueError) as error:
        raise Undecodable(f"the first page cannot be shown: {error}") from error
    metadata: dict[str, Any] = {"pages": pages}
    for name, key in FACTS.items():
        if text := plain(document.get_metadata_value(key) or ""):
            metadata[name] = text
    found = Opened(*size, "PDF", first, metadata)
    if parts:
        found.parts = _others(document, min(pages, MOST), longest, clock)
    return found


def _others(document: Any, pages: int, longest: int, clock: Clock) -> Iterator[Part]:
    """The pages after the first, numbered as pages are, so that segment 3 is page 3."""
    import pypdfium2

    for number in clock.while_left(range(2, pages + 1)):
        try:
            picture, _size = _rendered(document, number - 1, longest)
        except (pypdfium2.PdfiumError, ValueError):
            continue  # a broken page is no reason to refuse the others
        yield Part(number, {"kind": "page", "page": number}, picture)


def _rendered(document: Any, index: int, longest: int) -> tuple[Image.Image, tuple[int, int]]:
    """Return a page as RGB on white, and its size in points."""
    page = document[index]
    try:
        width, height = page.get_size()
        if not (math.isfinite(width) and math.isfinite(height) and 0 < width <= LARGEST and 0 < height <= LARGEST):
            raise ValueError(f"a page of {width:g} × {height:g} points")
        # pdfium rounds both sides up: the scale is for less than a pixel more than is wanted.
        bitmap = page.render(scale=(longest - 0.5) / max(width, height))
        try:
            return bitmap.to_pil().convert("RGB"), (max(1, round(width)), max(1, round(height)))
        finally:
            bitmap.close()
    finally:
        page.close()
