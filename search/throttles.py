from typing import Any

from rest_framework.throttling import SimpleRateThrottle


class QueryPictureThrottle(SimpleRateThrottle):
    """Pictures that somebody searches with, which cost a decoding each: by user, else by address."""

    scope = "query-picture"

    def get_cache_key(self, request: Any, view: Any) -> str:
        who = request.user.pk if request.user.is_authenticated else self.get_ident(request)
        return self.cache_format % {"scope": self.scope, "ident": who}
