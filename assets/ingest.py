"""Bytes in, one asset out: checked, told apart by content, stored whole or not at all."""

import hashlib
import re
import unicodedata
from collections.abc import Container, Iterable
from functools import cache
from importlib.util import find_spec
from typing import Any

import filetype
from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.base import File
from django.db import transaction

from assets import storage
from assets.imaging import DOCUMENTS, FILMS
from assets.locks import only_one
from assets.models import Asset, Collection, Kind, Tag

# What filetype finds in the bytes, and the kind it makes. SVG and HTML are scripts and not in it.
PICTURES = {f"image/{name}" for name in ("jpeg", "png", "webp", "gif", "avif", "heic", "heif", "tiff", "bmp")}
KINDS = {
    **dict.fromkeys(sorted(PICTURES), Kind.IMAGE),
    **dict.fromkeys(FILMS, Kind.VIDEO),
    **dict.fromkeys(DOCUMENTS, Kind.DOCUMENT),
}


class Rejected(ValueError):
    """The bytes or their name cannot become an asset; the message says why, in words for the person who sent them."""


class Empty(Rejected):
    pass


class TooLarge(Rejected):
    pass


class UnsupportedType(Rejected):
    pass


class Duplicate(Rejected):
    """The library holds these bytes already, as ``existing``."""

    def __init__(self, existing: Asset) -> None:
        self.existing = existing
        super().__init__(f"These bytes are already here, as asset {existing.pk} ({existing}).")


def ingest(
    content: File,
    *,
    name: str,
    user: User | None = None,
    tags: Iterable[Tag] = (),
    collections: Iterable[Collection] = (),
    **fields: Any,
) -> Asset:
    """Store ``content`` as a new asset and return it.

    ``name`` is the user's file name, kept as a column only; ``fields`` are further columns (title, description,
    taken_at …). Raises a ``Rejected`` (``Duplicate`` among them) with nothing stored.
    """
    name = clean_name(name)
    mime_type = sniff(content, name, settings.DAM_MAX_UPLOAD_BYTES, KINDS)
    sha256 = _digest(content)
    key = storage.original_key(sha256)
    with only_one(sha256):  # so that an upload and a deletion of the same content cannot cross
        if existing := Asset.objects.filter(sha256=sha256).first():
            raise Duplicate(existing)
        content.seek(0)
        storage.originals().save(key, content)  # where that fails there is nothing, or what comes again under this key
        try:
            with transaction.atomic():
                asset = Asset.objects.create(
                    original=key,
                    filename=name,
                    sha256=sha256,
                    size=content.size,
                    mime_type=mime_type,
                    kind=KINDS[mime_type],
                    uploaded_by=user,
                    **fields,
                )
                asset.tags.set(tags)
                asset.collections.set(collections)
        except BaseException:
            storage.originals().delete(key)
            raise
    return asset


def delete_files(sha256: str) -> None:
    """Delete the stored files of a deleted asset, unless the same bytes have come back as a new one."""
    with only_one(sha256):
        if not Asset.objects.filter(sha256=sha256).exists():
            storage.originals().delete(storage.original_key(sha256))
            storage.delete_renditions(sha256)


def clean_name(name: str) -> str:
    """Return the last part of a path as a file name that can be shown: no separators, no control characters."""
    name = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    name = "".join(char for char in name if unicodedata.category(char)[0] != "C").strip()
    if name in {"", ".", ".."}:
        raise Rejected("The file has no name.")
    stem, dot, suffix = name.rpartition(".")
    return name if len(name) <= 255 else f"{stem[: 254 - len(suffix)]}{dot}{suffix}"[:255]


def sniff(content: File, name: str, most_bytes: int, wanted: Container[str] = PICTURES) -> str:
    """Return the MIME type that the bytes themselves show; raise a ``Rejected`` for what is none of those wanted."""
    if not content.size:
        raise Empty(f"{name} is empty.")
    if content.size > most_bytes:
        megabytes = most_bytes // (1024 * 1024)
        raise TooLarge(f"{name} is larger than the limit of {megabytes} MB.")
    content.seek(0)
    found = filetype.guess_mime(content.read(8192))
    if found not in wanted:
        what = f"its bytes are {found}" if found else "its bytes are of no known format"
        kept = "a picture" if wanted is PICTURES else "a picture, video or PDF"
        raise UnsupportedType(f"{name} is not {kept} that can be kept here: {what}.")
    if found in FILMS and not videos_can_be_read():
        raise UnsupportedType(
            f"{name} is a video, and there is nothing here to read it with: pip install 'django-dam[video]'."
        )
    return found


@cache
def videos_can_be_read() -> bool:
    """Whether PyAV is installed; it is loaded by decoders alone."""
    return find_spec("av") is not None


def _digest(content: File) -> str:
    digest = hashlib.sha256()
    content.seek(0)
    for chunk in content.chunks():
        digest.update(chunk)
    return digest.hexdigest()
