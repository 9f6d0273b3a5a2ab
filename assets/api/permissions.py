from typing import Any

from django.conf import settings
from rest_framework.permissions import SAFE_METHODS, BasePermission, DjangoModelPermissions


class MayRead(BasePermission):
    """Who may read the library may ask, in whatever way."""

    def has_permission(self, request: Any, view: Any) -> bool:
        return bool(request.user.is_authenticated or settings.DAM_PUBLIC_READ)


class ReadOrModelPermissions(DjangoModelPermissions):
    """Reading is open to whom ``visible_to`` shows something; writing takes Django's model permissions."""

    authenticated_users_only = False

    def has_permission(self, request: Any, view: Any) -> bool:
        if request.method in SAFE_METHODS:
            return MayRead().has_permission(request, view)
        return bool(request.user.is_authenticated and super().has_permission(request, view))
