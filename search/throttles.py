"""How many pictures one may search with: each costs a decoding, and those on the web a visit to another server."""

from typing import Any

from rest_framework.throttling import SimpleRateThrottle


class TooManyPictures(Exception):
    """Somebody sends more pictures than are taken; ``seconds`` until the next one is."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        super().__init__(f"more pictures than are taken; the next one in {seconds} seconds")


class QueryPictureThrottle(SimpleRateThrottle):
    """Pictures that somebody searches with: by user, else by address."""

    scope = "query-picture"

    def get_cache_key(self, request: Any, view: Any) -> str:
        who = request.user.pk if request.user.is_authenticated else self.get_ident(request)
        return self.cache_format % {"scope": self.scope, "ident": who}


def count_pictures(request: Any, pictures: int) -> None:
    """Count pictures that somebody searches with; raise TooManyPictures."""
    for _picture in range(pictures):
        throttle = QueryPictureThrottle()
        if not throttle.allow_request(request, None):  # type: ignore[arg-type]
            raise TooManyPictures(round(throttle.wait() or 0) + 1)
