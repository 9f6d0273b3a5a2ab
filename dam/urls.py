from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path
from django.views.decorators.http import require_safe
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView, SpectacularSwaggerView

from assets.api.urls import urlpatterns as assets_api
from dam.views import RevokeTokenView, SignInView, healthz, limited, livez
from search.api.urls import urlpatterns as search_api

handler404 = "dam.views.not_found"
handler500 = "dam.views.failed"

sign_in = LoginView.as_view(template_name="login.html", redirect_authenticated_user=True)

urlpatterns = [
    path("", include("search.urls")),
    path("", include("assets.urls")),
    path("api/v1/", include((search_api + assets_api, "api"))),
    path("api/v1/tokens/", SignInView.as_view(), name="token"),
    path("api/v1/tokens/revoke/", RevokeTokenView.as_view(), name="token-revoke"),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", require_safe(SpectacularSwaggerView.as_view(url_name="schema")), name="docs"),
    path("api/redoc/", require_safe(SpectacularRedocView.as_view(url_name="schema")), name="redoc"),
    path("login/", limited(sign_in), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("livez", livez, name="livez"),
    path("healthz", healthz, name="healthz"),
    path("admin/login/", limited(admin.site.login)),
    path("admin/", admin.site.urls),
]
