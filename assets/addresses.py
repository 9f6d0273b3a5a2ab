"""Where the bytes of an asset are served."""

from django.urls import reverse


def rendition_url(asset_id: int, preset: str, segment: int = 0) -> str:
    """The path of a rendition of the whole (0) or of a segment; whether there is one is not asked."""
    if segment:
        return reverse("segment-rendition", args=[asset_id, segment, preset])
    return reverse("rendition", args=[asset_id, preset])
