"""Signing in by three doors under one limit, and the answers that belong to the whole."""

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.db import DataError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django.views.defaults import page_not_found, server_error
from drf_spectacular.utils import extend_schema
from knox.views import LoginView, LogoutView
from rest_framework import serializers
from rest_framework.authentication import BasicAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import IsAuthenticated
from rest_framework.throttling import SimpleRateThrottle

from dam.middleware import refusal
from search import recall
from search.api.keys import KeyAuthentication
from search.milvus import upkeep
from search.models import EmbeddingModel, NoActiveModel

View = Callable[..., HttpResponseBase]


class SignInThrottle(SimpleRateThrottle):
    """Attempts to sign in, by the address that they come from, whichever door they try."""

    scope = "sign-in"

    def get_cache_key(self, request: Any, view: Any) -> str:
        return self.cache_format % {"scope": self.scope, "ident": self.get_ident(request)}


class Token(serializers.Serializer):
    """A bearer token, and when it runs out."""

    expiry = serializers.DateTimeField(allow_null=True)
    token = serializers.CharField()


@extend_schema(request=None, responses=Token, auth=["basicAuth", "cookieAuth"])
class SignInView(LoginView):
    """Trade a name and password (HTTP Basic) or a session for a bearer token; it is shown this once."""

    authentication_classes = [BasicAuthentication, SessionAuthentication]
    permission_classes = [IsAuthenticated]

    def perform_authentication(self, request: Any) -> None:
        """Count the attempt first: in DRF's own order wrong passwords never reach the throttle."""
        throttle = SignInThrottle()
        if not throttle.allow_request(request, self):
            self.throttled(request, throttle.wait())
        try:
            super().perform_authentication(request)
        except DataError as error:  # a null character in the name: nobody is called that
            raise AuthenticationFailed from error


@extend_schema(request=None, responses={204: None})
class RevokeTokenView(LogoutView):
    """Revoke the bearer token that this request carries; one that may only read is revoked in the admin."""

    authentication_classes = [KeyAuthentication]


def limited(view: View) -> View:
    """A sign-in page that takes only so many attempts from one address."""

    @wraps(view)
    def counted(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        throttle = SignInThrottle()
        if request.method != "POST" or throttle.allow_request(request, None):  # type: ignore[arg-type]
            return view(request, *args, **kwargs)
        seconds = round(throttle.wait() or 0) + 1
        response = render(request, "429.html", {"seconds": seconds}, status=429)
        response["Retry-After"] = str(seconds)
        return response

    return counted


def failed(request: HttpRequest) -> HttpResponse:
    """The page for what nobody caught: 503 when it is the database that does not answer, else 500."""
    if not isinstance(sys.exception(), OperationalError):
        return server_error(request)
    if request.path_info.startswith("/api/"):
        response = refusal(request, 503, "The database does not answer. Try again in a moment.")
    else:
        response = render(request, "503.html", status=503)
    response["Retry-After"] = "5"
    return response


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """The page for what is not there; under /api/ a problem object."""
    if request.path_info.startswith("/api/"):
        return refusal(request, 404, "There is nothing at this address.")
    return page_not_found(request, exception)


def livez(request: HttpRequest) -> HttpResponse:
    """The web process answers; it asks nothing of the database."""
    return HttpResponse("ok", content_type="text/plain")


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """What a monitor asks: does the database answer, and does the index find what it should (as last measured).

    ``status`` is ok, warn (something wants attention, everything works) or down (503).
    """
    try:
        found = recall.report(EmbeddingModel.objects.active())
    except NoActiveModel:
        return JsonResponse({"status": "warn", "database": "answers", "model": "missing", "recall": None})
    except OperationalError:
        said = {"status": "down", "database": "does not answer", "model": None, "recall": None}
        return JsonResponse(said, status=503)
    index = upkeep.report()
    status = "warn" if any(report and report["warning"] for report in (found, index)) else "ok"
    answer = {"status": status, "database": "answers", "model": "active", "recall": found}
    return JsonResponse(answer | ({"index": index} if index else {}))
