from typing import Any

from rest_framework.permissions import SAFE_METHODS, DjangoModelPermissions


class ReadOrModelPermissions(DjangoModelPermissions):
    """Reading is open to whom ``visible_to`` shows something; writing takes Django's model permissions."""

    authenticated_users_only = False

    def has_permission(self, request: Any, view: Any) -> bool:
        from django.conf import settings

        if request.method in SAFE_METHODS:
            return bool(request.user.is_authenticated or settings.DAM_PUBLIC_READ)
        return bool(request.user.is_authenticated and super().has_permission(request, view))
