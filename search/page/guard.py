"""Who may open a page of the library, and how its answers travel."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_cache_control, patch_vary_headers
from django_htmx.http import HttpResponseClientRedirect

from search.throttles import TooManyPictures

# Pictures and videos may come from the object store, by a redirect; what is searched with stands in the page itself.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src * data:; media-src *; object-src 'none'; base-uri 'none'; form-action 'self';"
    " frame-ancestors 'none'"
)

View = Callable[..., HttpResponse]


def for_readers(view: View) -> View:
    """A page of the library: for those who may see it, and never kept where another person could get it."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.user.is_authenticated or settings.DAM_PUBLIC_READ:
            try:
                response = view(request, *args, **kwargs)
            except TooManyPictures as error:
                response = render(request, "429.html", {"seconds": error.seconds, "pictures": True}, status=429)
                response["Retry-After"] = str(error.seconds)
        else:
            response = to_sign_in(request)
        response["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        patch_cache_control(response, private=True, no_cache=True)
        patch_vary_headers(response, ["HX-Request"])  # Back must never show a part as a page
        return response

    return guarded


def for_members(view: View) -> View:
    """What only those who have signed in may do."""

    @for_readers
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return view(request, *args, **kwargs) if request.user.is_authenticated else to_sign_in(request)

    return guarded


def to_sign_in(request: HttpRequest) -> HttpResponse:
    # The whole page that is loaded instead of a part then goes to the sign-in.
    return whole_page(request.get_full_path()) if wants_part(request) else redirect_to_login(request.get_full_path())


def wants_part(request: HttpRequest) -> bool:
    return bool(request.htmx)  # type: ignore[attr-defined]


def whole_page(address: str) -> HttpResponse:
    """Have the browser load a whole page instead of a part: it says what is wrong, beside the field."""
    return HttpResponseClientRedirect(address)
