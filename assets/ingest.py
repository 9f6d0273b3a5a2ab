"""Bytes in, one asset out: checked, told apart by content, stored whole or not at all."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from typing import Any

import filetype
from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.base import File
from django.db import transaction

from assets import storage
from assets.imaging import PRESETS
from assets.locks import only_one
from assets.models import Asset, Collection, Kind, Tag

# What filetype finds in the bytes, and the kind it makes. SVG and HTML are scripts and not in it.
KINDS = {f"image/{name}": Kind.IMAGE for name in ("jpeg", "png", "webp", "gif", "avif", "heic", "heif", "tiff", "bmp")}


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
    mime_type = sniff(content, name, settings.DAM_MAX_UPLOAD_BYTES)
    sha256 = _digest(content)
    key = storage.original_key(sha256)
    with only_one(sha256):  # so that an upload and a deletion of the same content cannot cross
        if existing := Asset.objects.filter(sha256=sha256).first():
            raise Duplicate(existing)
        try:
            content.seek(0)
            storage.originals().save(key, content)
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
            for preset in PRESETS:
                storage.renditions().delete(storage.rendition_key(sha256, preset))


def clean_name(name: str) -> str:
    """Return the last part of a path as a file name that can be shown: no separators, no control characters."""
    name = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    name = "".join(char for char in name if unicodedata.category(char)[0] != "C").strip()
    if name in {"", ".", ".."}:
        raise Rejected("The file has no name.")
    stem, dot, suffix = name.rpartition(".")
    return name if len(name) <= 255 else f"{stem[: 254 - len(suffix)]}{dot}{suffix}"[:255]


def sniff(content: File, name: str, most_bytes: int) -> str:
    """Return the MIME type that the bytes themselves show; raise a ``Rejected`` for what cannot be an asset."""
    if not content.size:
        raise Empty(f"{name} is empty.")
    if content.size > most_bytes:
        megabytes = most_bytes // (1024 * 1024)
        raise TooLarge(f"{name} is larger than the limit of {megabytes} MB.")
    content.seek(0)
    found = filetype.guess_mime(content.read(8192))
    if found not in KINDS:
        what = f"its bytes are {found}" if found else "its bytes are of no known picture format"
        raise UnsupportedType(f"{name} is not a picture that can be kept here: {what}.")
    return found


def _digest(content: File) -> str:
    digest = hashlib.sha256()
    content.seek(0)
    for chunk in content.chunks():
        digest.update(chunk)
    return digest.hexdigest()
