"""The asset list of the API, ranked: ``semantic=<text>`` or ``similar_to=<id>`` beside its ordinary filters."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ValidationError
from rest_framework.filters import BaseFilterBackend

from assets.filters import IdField
from assets.models import Asset
from search.api.errors import answered
from search.language import MOST_CHARACTERS, Kind, Part
from search.query import InvalidQuery, Mode, SearchQuery
from search.results import Results


class MeaningForm(forms.Form):
    """A text or an asset to be near to; neither means no ranking."""

    semantic = forms.CharField(
        required=False, max_length=MOST_CHARACTERS, help_text=_("Rank by nearness to this description.")
    )
    similar_to = IdField(required=False, help_text=_("Rank by nearness to the asset with this id."))

    def clean(self) -> dict[str, Any]:
        if self.cleaned_data.get("semantic") and self.cleaned_data.get("similar_to") is not None:
            raise forms.ValidationError(_("Give either semantic or similar_to, not both."))
        return self.cleaned_data

    def part(self) -> Part | None:
        text, pk = self.cleaned_data["semantic"], self.cleaned_data["similar_to"]
        if text:
            return Part(Kind.TEXT, text)
        return None if pk is None else Part(Kind.LIKE, str(pk))


class SemanticFilterBackend(BaseFilterBackend):
    """Orders assets by distance, ascending, after all filters; adds ``distance`` and ``similarity`` to each."""

    parameters = frozenset(MeaningForm.base_fields)

    def filter_queryset(self, request: Any, queryset: Any, view: Any) -> Any:
        if queryset.model is not Asset:
            return queryset
        form = MeaningForm(request.query_params)
        if not form.is_valid():
            raise ValidationError(
                {name: [entry["message"] for entry in entries] for name, entries in form.errors.get_json_data().items()}
            )
        part = form.part()
        if part is None:
            return queryset
        with answered():
            try:
                query = SearchQuery(parts=(part,), mode=Mode.SEMANTIC)
                return Results(query, queryset, visible=Asset.objects.visible_to(request.user))
            except InvalidQuery as error:
                raise ValidationError({"similar_to": error.all_messages}) from error

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return [
            {"name": name, "in": "query", "required": False, "description": str(field.help_text), "schema": schema}
            for (name, field), schema in zip(
                MeaningForm.base_fields.items(),
                [{"type": "string", "maxLength": MOST_CHARACTERS}, {"type": "integer"}],
                strict=True,
            )
        ]
