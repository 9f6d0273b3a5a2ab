"""Where bytes live: two storages, and keys made from content."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, Storage, storages
from django.utils.functional import LazyObject


class _Named(LazyObject):
    """One of the storages that ``STORAGES`` names, found when it is first used, as Django's own default storage is."""

    name: str

    def _setup(self) -> None:
        self._wrapped = storages[self.name]


class _Originals(_Named):
    name = "originals"


class _Renditions(_Named):
    name = "renditions"


_originals, _renditions = _Originals(), _Renditions()


def originals() -> Storage:
    return _originals  # type: ignore[return-value]


def renditions() -> Storage:
    return _renditions  # type: ignore[return-value]


def original_key(sha256: str) -> str:
    """Content address of an original; the user's file name has no part in it."""
    return f"{sha256[:2]}/{sha256}"


def rendition_key(sha256: str, preset: str, segment: int = 0) -> str:
    """Where a rendition lies: beside the others of its original, so that one listing finds all of them."""
    return f"{sha256[:2]}/{sha256}/{f'{segment}-' if segment else ''}{preset}.webp"


def delete_renditions(sha256: str, keep: Collection[str] = ()) -> None:
    """Delete every rendition of an original but these keys; also what a worker stored and did not come to record."""
    folder = f"{sha256[:2]}/{sha256}"
    try:
        _folders, names = renditions().listdir(folder)
    except FileNotFoundError:  # a file system has no folder where nothing was ever stored
        return
    for key in {f"{folder}/{name}" for name in names} - set(keep):
        renditions().delete(key)


def is_silent(error: Exception) -> bool:
    """Whether an object store did not answer, or had an error of its own: what works again when it does.

    Told by where the error comes from, because importing the store's client costs a process many megabytes.
    """
    if not type(error).__module__.startswith(("botocore.", "boto3.", "urllib3.")):
        return False
    response = getattr(error, "response", None)  # of what it refused, and would refuse again
    return not response or response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500) >= 500


@contextmanager
def local_copy(file: File) -> Iterator[Path]:
    """Yield a path on this machine that holds the file's bytes: its own where there is one, else a temporary copy."""
    try:
        path = file.path  # type: ignore[attr-defined]
    except NotImplementedError:
        path = None
    if path is not None:
        os.stat(path)  # a file that is missing is said to be missing here, not by whoever is given its path
        yield Path(path)
        return
    with tempfile.NamedTemporaryFile() as copy, file.open("rb") as source:
        for chunk in source.chunks():
            copy.write(chunk)
        copy.flush()
        yield Path(copy.name)


class AtomicFileSystemStorage(FileSystemStorage):
    """A file system storage in which a file is there whole or not at all.

    Writing a key again replaces it: keys are content addresses, so the bytes are the same.
    """

    def __init__(self, **options: object) -> None:
        super().__init__(allow_overwrite=True, **options)  # type: ignore[arg-type]

    def _save(self, name: str, content: File) -> str:
        target = Path(self.path(name))
        target.parent.mkdir(parents=True, exist_ok=True)
        # Without a name until it is whole: a process that is killed leaves nothing behind.
        with _without_name(target.parent) as part:
            for chunk in content.chunks():
                part.write(chunk)
            part.flush()
            os.fsync(part.fileno())
            draft = target.with_name(f".part-{secrets.token_hex(8)}")
            try:
                _give_name(part, draft)
                os.chmod(draft, 0o644)
                os.replace(draft, target)
            except BaseException:
                draft.unlink(missing_ok=True)
                raise
        return name


def _without_name(folder: Path) -> IO[bytes]:
    """Open a file that has no name in this folder's file system; tempfile's own may not be given one later."""
    try:
        return os.fdopen(os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o600), "w+b")
    except OSError:
        return tempfile.TemporaryFile(dir=folder)


def _give_name(part: IO[bytes], path: Path) -> None:
    """Give a file without a name this one; where the file system cannot (NFS), copy it."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        # With a directory's descriptor it is linkat(2) that is called, which follows the link to the file.
        os.link(f"/proc/self/fd/{part.fileno()}", path, src_dir_fd=folder, follow_symlinks=True)
    except OSError:
        part.seek(0)
        with path.open("xb") as copy:
            shutil.copyfileobj(part, copy)
            copy.flush()
            os.fsync(copy.fileno())
    finally:
        os.close(folder)
