from django.http import HttpRequest, HttpResponse
from knox.views import LoginView
from rest_framework.authentication import BasicAuthentication, SessionAuthentication
from rest_framework.permissions import IsAuthenticated
from rest_framework.throttling import ScopedRateThrottle


class SignInView(LoginView):
    """Trade a name and password (HTTP Basic) or a session for a bearer token; it is shown this once."""

    authentication_classes = [BasicAuthentication, SessionAuthentication]
    permission_classes = [IsAuthenticated]
    throttle_classes = [ScopedRateThrottle]
    throttle_scope = "sign-in"


def livez(request: HttpRequest) -> HttpResponse:
    """The web process answers; it asks nothing of the database."""
    return HttpResponse("ok", content_type="text/plain")
