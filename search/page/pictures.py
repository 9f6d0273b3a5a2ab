"""Pictures to search with: sent to the page, kept for a day, shown in their chip."""

from base64 import b64encode
from functools import lru_cache
from io import BytesIO
from uuid import UUID

from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext as _
from PIL import Image

from search import query_pictures
from search.language import Kind
from search.models import QueryPicture
from search.page.asked import filled
from search.query import MOST_PARTS, REFERENCES, InvalidQuery, Mode
from search.throttles import count_pictures

SIDE = 96  # pixels: twice as large as it is shown


def params_with_picture(request: HttpRequest) -> QueryDict:
    """Keep the pictures that were sent; return the search they came from, with them in the place of other pictures.

    Raises InvalidQuery for a file that is no picture, and ``throttles.TooManyPictures``.
    """
    files = request.FILES.getlist("picture")
    if not files:
        raise InvalidQuery({"picture": [_("Choose a picture to search with.")]})
    if len(files) > MOST_PARTS:
        raise InvalidQuery({"picture": [_("A query has at most %d parts.") % MOST_PARTS]})
    params = typed(request)
    for name in (*REFERENCES, "page"):
        params.pop(name, None)
    if params.get("mode") == Mode.KEYWORD:
        params.pop("mode")
    count_pictures(request, len(files))
    for file in files:
        try:
            params.appendlist(Kind.PICTURE, query_pictures.keep(file))
        except query_pictures.UnusablePicture as error:
            raise InvalidQuery({"picture": [str(error)]}) from error
    return params


def typed(request: HttpRequest) -> QueryDict:
    """Return what the address asks for, with what stood in the box when the picture was sent."""
    params = filled(request.GET)
    if "q" in request.POST:
        params.setlist("q", request.POST.getlist("q"))
    return filled(params)


def thumbnail(token: str) -> str:
    """Return a small copy of a kept picture as a data: URL; raise ``query_pictures.UnknownPicture``."""
    return _thumbnail(query_pictures.find(token).pk)


@lru_cache(maxsize=256)
def _thumbnail(key: UUID) -> str:
    data = QueryPicture.objects.filter(pk=key).values_list("picture", flat=True).first()
    if data is None:
        raise query_pictures.UnknownPicture(query_pictures.EXPIRED)
    buffer = BytesIO()
    with Image.open(BytesIO(data), formats=["WEBP"]) as picture:
        picture.thumbnail((SIDE, SIDE))
        picture.save(buffer, "WEBP", quality=70)
    return f"data:image/webp;base64,{b64encode(buffer.getvalue()).decode()}"
