from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView, SpectacularSwaggerView
from knox.views import LogoutView as RevokeTokenView

from dam.views import SignInView, livez

urlpatterns = [
    path("", include("search.urls")),
    path("", include("assets.urls")),
    path("api/v1/", include("assets.api.urls")),
    path("api/v1/tokens/", SignInView.as_view(), name="token"),
    path("api/v1/tokens/revoke/", RevokeTokenView.as_view(), name="token-revoke"),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("api/redoc/", SpectacularRedocView.as_view(url_name="schema"), name="redoc"),
    path("login/", LoginView.as_view(template_name="login.html", redirect_authenticated_user=True), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("livez", livez, name="livez"),
    path("admin/", admin.site.urls),
]
