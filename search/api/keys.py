"""Keys of the API: bearer tokens, some of which may only read."""

from typing import Any

from drf_spectacular.contrib.knox_auth_token import KnoxTokenScheme
from knox.auth import TokenAuthentication
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import SAFE_METHODS

from assets.api.permissions import MayRead
from search.models import ApiKey


class KeyAuthentication(TokenAuthentication):
    """A bearer token, which acts for its user; with a key that may only read, only where reading is what is asked for.

    Those are the safe methods, and views that whoever may read may ask by POST (``MayRead``). All others are refused.
    """

    def authenticate(self, request: Any) -> Any:
        found = super().authenticate(request)
        view = request.parser_context.get("view")
        reads = request.method in SAFE_METHODS or list(getattr(view, "permission_classes", ())) == [MayRead]
        if found and not reads and ApiKey.objects.filter(token=found[1], read_only=True).exists():
            raise PermissionDenied("This API key may only read.")
        return found


class KeyScheme(KnoxTokenScheme):
    """In the schema it is a bearer token, as before it had scopes."""

    target_class = "knox.auth.TokenAuthentication"
    match_subclasses = True
    priority = 1
