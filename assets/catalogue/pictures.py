"""The bytes that a row names: a file below the catalogue's folder, or what is behind a public address."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.files.base import File

from assets import remote

MOST_BYTES = 32 * 1024 * 1024  # of what is fetched: several are held in memory at once
SECONDS = 30  # that fetching one may take


class Unusable(ValueError):
    """The bytes of a row are not to be had; the message names the file or the host, and says why."""


def fetched(url: str) -> bytes:
    """Return what is behind a URL; raise Unusable."""
    try:
        return remote.fetch(url, most_bytes=min(MOST_BYTES, settings.DAM_MAX_UPLOAD_BYTES), seconds=SECONDS)
    except remote.Refused as error:
        raise Unusable(str(error)) from None


@contextmanager
def opened(root: Path, name: str) -> Iterator[File]:
    """Open the file of this name below ``root``; raise Unusable for what is not there, or not below it, or no file."""
    path = PurePosixPath(name)
    if path.is_absolute():
        raise Unusable(f"{name} is an absolute path; files are named from the catalogue's folder.")
    if ".." in path.parts:
        raise Unusable(f"{name} leads out of the catalogue's folder.")
    try:
        home, real = os.path.realpath(root, strict=True), os.path.realpath(root / name, strict=True)
        if os.path.commonpath([home, real]) != home:
            raise Unusable(f"{name} is a link that leads out of the catalogue's folder.")
        descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise Unusable(f"{name} is not there.") from None
    except OSError as error:
        raise Unusable(f"{name}: {error.strerror}.") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Unusable(f"{name} is no file.")
    with os.fdopen(descriptor, "rb") as stream:
        yield File(stream, name=path.name)


def file_name(source: str) -> str:
    """Return what a picture from there is called: the last part of its path."""
    path = urlsplit(source).path if "://" in source else source
    return unquote(path.rstrip("/").rpartition("/")[2]) or "picture"
