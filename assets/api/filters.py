"""Query parameters of the API: known ones filter, unknown ones are refused."""

from typing import Any

from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.exceptions import ValidationError
from rest_framework.settings import api_settings


class StrictFilterBackend(DjangoFilterBackend):
    """django-filter, and a 400 for a parameter that nothing reads: a misspelt filter must not widen an answer."""

    def filter_queryset(self, request: Any, queryset: Any, view: Any) -> Any:
        known = {"page", "page_size", api_settings.URL_FORMAT_OVERRIDE}
        if filterset_class := self.get_filterset_class(view, queryset):
            known |= set(filterset_class.base_filters)
        for backend in view.filter_backends:
            known |= set(getattr(backend, "parameters", ()))
        if unknown := sorted(set(request.query_params) - known):
            raise ValidationError(dict.fromkeys(unknown, "unknown parameter"))
        if nulls := [name for name, values in request.query_params.lists() if "\x00" in "".join(values)]:
            raise ValidationError(dict.fromkeys(nulls, "null characters are not allowed"))
        return super().filter_queryset(request, queryset, view)
