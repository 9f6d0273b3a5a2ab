"""Search by meaning as a DRF filter backend: ``semantic=<text>`` or ``similar_to=<id>`` beside ordinary filters."""

from typing import Any

from rest_framework.exceptions import APIException, ValidationError
from rest_framework.filters import BaseFilterBackend

from assets.models import Asset
from search import language
from search.encoders import ModelUnavailable
from search.forms import MeaningForm
from search.models import NoActiveModel


class SearchUnavailable(APIException):
    status_code = 503
    default_code = "search_unavailable"


class SemanticFilterBackend(BaseFilterBackend):
    """Orders assets by distance, ascending, after all filters; adds ``distance`` and ``similarity`` to each."""

    parameters = frozenset(MeaningForm.base_fields)

    def filter_queryset(self, request: Any, queryset: Any, view: Any) -> Any:
        if queryset.model is not Asset:
            return queryset
        form = MeaningForm(request.query_params, visible=Asset.objects.visible_to(request.user))
        try:
            if not form.is_valid():
                errors = form.errors.get_json_data().items()
                raise ValidationError({name: [entry["message"] for entry in entries] for name, entries in errors})
            return form.rank(queryset)
        except (NoActiveModel, ModelUnavailable) as error:
            raise SearchUnavailable(str(error)) from error

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return [
            {"name": name, "in": "query", "required": False, "description": str(field.help_text), "schema": schema}
            for (name, field), schema in zip(
                MeaningForm.base_fields.items(),
                [{"type": "string", "maxLength": language.MOST_CHARACTERS}, {"type": "integer"}],
                strict=True,
            )
        ]
