"""An asset as the API shows it: made from a row of plain columns, because a list is read far more often than written.

A page of 50 through DRF's fields and the ORM's objects costs four times as much.
"""

from datetime import datetime
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, OuterRef
from django.urls import reverse
from django.utils.timezone import localtime

from assets.addresses import rendition_url
from assets.imaging import PRESETS
from assets.models import Asset, Collection, Rendition, Segment
from assets.querysets import AssetQuerySet

PLAIN = ("id", "title", "description", "kind", "mime_type", "filename", "size", "sha256", "width", "height", "state",
         "problem", "metadata", "created_at", "updated_at", "taken_at")  # fmt: skip


def rows(assets: AssetQuerySet) -> list[dict[str, Any]]:
    """Return the rows of these assets, in one query and in no order."""
    tags = Asset.tags.through.objects.filter(asset_id=OuterRef("pk")).order_by("tag__name").values("tag__slug")
    links = Collection.assets.through.objects.filter(asset_id=OuterRef("pk"))
    presets = Rendition.objects.filter(asset_id=OuterRef("pk"), segment=0).order_by("pk").values("preset")
    found = assets.order_by().values(
        *PLAIN,
        tag_slugs=ArraySubquery(tags),
        collection_slugs=ArraySubquery(links.order_by("collection__name").values("collection__slug")),
        presets=ArraySubquery(presets),
        uploader=F("uploaded_by__username"),
    )
    return list(found)


def row_of(asset: Asset) -> dict[str, Any]:
    """Return the row of an asset that is at hand; uses what was prefetched."""
    return {
        **{name: getattr(asset, name) for name in PLAIN},
        "tag_slugs": [tag.slug for tag in asset.tags.all()],
        "collection_slugs": [collection.slug for collection in asset.collections.all()],
        "presets": [rendition.preset for rendition in asset.renditions.all() if not rendition.segment],
        "uploader": asset.uploaded_by and asset.uploaded_by.get_username(),
    }


class Representation:
    """Rows as the person who sent this request may see them.

    Visitors of a public library are not told who uploads, what went wrong or where a picture was taken.
    """

    def __init__(self, request: Any) -> None:
        self.known = request.user.is_authenticated
        self._root = request.build_absolute_uri("/").rstrip("/")
        self._asset, self._original = self._pattern("api:asset-detail"), self._pattern("original")
        self._rendition = self._pattern("rendition", "0")

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        pk, metadata = row["id"], row["metadata"]
        return {
            "id": pk,
            "url": self._asset.format(pk),
            "title": row["title"],
            "description": row["description"],
            "tags": row["tag_slugs"],
            "collections": row["collection_slugs"],
            "kind": row["kind"],
            "mime_type": row["mime_type"],
            "filename": row["filename"],
            "size": row["size"],
            "sha256": row["sha256"],
            "width": row["width"],
            "height": row["height"],
            "state": row["state"],
            "problem": row["problem"] if self.known else None,
            "metadata": metadata if self.known else {name: metadata[name] for name in metadata if name != "gps"},
            "uploaded_by": row["uploader"] if self.known else None,
            "created_at": _moment(row["created_at"]),
            "updated_at": _moment(row["updated_at"]),
            "taken_at": _moment(row["taken_at"]),
            "original": self._original.format(pk),
            "renditions": {preset: self._rendition.format(pk, preset) for preset in row["presets"]},
        }

    def segment(self, segment: Segment | None) -> dict[str, Any] | None:
        """A part of an asset: where it is, in words and in numbers, and its pictures."""
        if segment is None:
            return None
        renditions = {
            preset: self._root + rendition_url(segment.asset_id, preset, segment.number) for preset in PRESETS
        }
        return {"number": segment.number, "label": segment.label, **segment.place, **renditions}

    def _pattern(self, name: str, *args: str) -> str:
        """The absolute address of asset 0, with places for the id and for what follows: reversing is slow."""
        path: str = reverse(name, args=["0", *args])
        return self._root + path.replace("/0", "/{}")


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else localtime(moment).isoformat().replace("+00:00", "Z")
