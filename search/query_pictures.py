"""Pictures that somebody searches with: not in the library, kept for a day so that a page of results can be shared.

Whoever has a token sees that picture's results, and on the page a thumbnail of it.
"""

import tempfile
from datetime import timedelta
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from uuid import UUID

import numpy as np
from django.conf import settings
from django.core.files.base import ContentFile, File
from django.core.signing import BadSignature, SignatureExpired, TimestampSigner
from django.db.models.functions import Now
from PIL import Image

from assets import remote
from assets.imaging.decoder import Undecodable
from assets.ingest import Rejected, clean_name, sniff
from assets.preparation import HANDED_ON_SIDE, sandbox
from search.embedding import InvalidVector, checked
from search.models import EmbeddingModel, QueryPicture

MOST_BYTES = 20 * 1024 * 1024
# Less than this many pixels on a side (a tracking pixel, a line) shows nothing that could be searched for.
LEAST_SIDE = 8
MAX_AGE = timedelta(days=1)
SECONDS_TO_FETCH = 10.0

EXPIRED = "The picture of this search has expired; upload it again."

# Signed with SECRET_KEY. A full stop, unlike the usual colon, stands in a URL and in the language of queries as it is.
_signer = TimestampSigner(sep=".", salt="search.query_pictures")


class UnusablePicture(ValueError):
    """There is nothing to search with; the message says why, in words for the person who sent the picture.

    The one error of this module that is the sender's: a caller answers it with a 400.
    """


class UnknownPicture(UnusablePicture):
    """The token of no picture that is kept (any more)."""


def keep(content: File) -> str:
    """Keep an uploaded picture and return its token; raise UnusablePicture, with nothing stored."""
    try:
        return _keep(content, clean_name(content.name or "picture"))
    except Rejected as error:
        raise UnusablePicture(str(error)) from error


def keep_url(url: str) -> str:
    """Keep the picture behind an http or https URL and return its token; raise UnusablePicture, with nothing stored."""
    try:
        data = remote.fetch(url, most_bytes=most_bytes(), seconds=SECONDS_TO_FETCH)
        return _keep(ContentFile(data), url if len(url) <= 100 else f"{url[:99]}…")
    except (remote.Refused, Rejected) as error:
        raise UnusablePicture(str(error)) from error


def _keep(content: File, name: str) -> str:
    sniff(content, name, most_bytes())
    with tempfile.NamedTemporaryFile(prefix="query-picture-") as file:
        content.seek(0)
        for chunk in content.chunks():
            file.write(chunk)
        file.flush()
        try:
            decoded = sandbox().decode(
                Path(file.name), presets={}, side=HANDED_ON_SIDE, max_pixels=settings.DAM_MAX_PIXELS
            )
        except Undecodable as error:
            raise UnusablePicture(f"{name} cannot be decoded: {error}.") from error
    if min(decoded.width, decoded.height) < LEAST_SIDE:
        size = f"{decoded.width:,} × {decoded.height:,} pixels"
        raise UnusablePicture(f"{name} has {size}, too few to search with; at least {LEAST_SIDE} a side are needed.")
    buffer = BytesIO()
    decoded.picture.save(buffer, "WEBP", quality=90, method=2)
    return _signer.sign(QueryPicture.objects.create(picture=buffer.getvalue()).pk.hex)


def most_bytes() -> int:
    """Return how large the file of a picture may be."""
    return min(settings.DAM_MAX_UPLOAD_BYTES, MOST_BYTES)


def find(token: str) -> QueryPicture:
    """Return the row that a token stands for, its bytes deferred; raise UnknownPicture."""
    try:
        key = UUID(_signer.unsign(token, max_age=MAX_AGE))
    except SignatureExpired as error:
        raise UnknownPicture(EXPIRED) from error
    except (BadSignature, ValueError) as error:  # ValueError: text that has no UTF-8
        raise UnknownPicture("The picture of this search has a token that is not ours; upload it again.") from error
    row = QueryPicture.objects.filter(pk=key, created_at__gt=Now() - MAX_AGE).defer("picture").first()
    if row is None:
        raise UnknownPicture(EXPIRED)
    return row


def vector(picture: QueryPicture, model: EmbeddingModel) -> np.ndarray:
    """Return the unit vector of ``picture`` in the space of ``model``: float32, (dimensions,), read-only.

    Cached per process. Raises UnknownPicture when the row went away, ``encoders.ModelUnavailable``.
    """
    return _vector(model.name, picture.pk)


@lru_cache(maxsize=1024)
def _vector(model_name: str, key: UUID) -> np.ndarray:
    data = QueryPicture.objects.filter(pk=key).values_list("picture", flat=True).first()
    if data is None:
        raise UnknownPicture(EXPIRED)
    encoder = EmbeddingModel(name=model_name).encoder
    with Image.open(BytesIO(data), formats=["WEBP"]) as picture:  # bytes of our own making, so not in the sandbox
        vector = encoder.encode_images([picture.convert("RGB")])[0]
    try:
        found = checked(vector, encoder.dimensions)
    except InvalidVector as error:  # a service elsewhere may have none for this one picture
        raise UnusablePicture(f"No vector can be made of this picture: {error}.") from error
    found.flags.writeable = False  # shared by all who ask for it
    return found


def forget_expired() -> int:
    """Delete the pictures that are too old to be searched with; return how many."""
    return QueryPicture.objects.filter(created_at__lte=Now() - MAX_AGE).delete()[0]
