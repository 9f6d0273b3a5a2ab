"""List filters of assets. They narrow with plain conditions and EXISTS, so that a ranking never needs DISTINCT."""

from collections.abc import Iterator
from datetime import datetime, time
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import (
    ChoicesDropdownFilter,
    MultipleDropdownFilter,
    RangeDateFilter,
    RangeNumericFilter,
)
from unfold.contrib.filters.forms import AutocompleteDropdownForm

from assets.filters import IdField
from assets.models import Asset, Collection, Tag
from assets.querysets import AssetQuerySet


def cleaned(request: HttpRequest, title: Any, field: forms.Field, value: Any) -> Any:
    """Return the value of a filter; for one that makes no sense say so, and have the admin drop the filters.

    A filter that was left out in silence would pass off wrong results as right ones.
    """
    try:
        return field.clean(value)
    except forms.ValidationError as error:
        messages.error(request, f"{title}: {' '.join(error.messages)}")
        raise IncorrectLookupParameters from error


def chosen(request: HttpRequest, title: Any, rows: QuerySet, parameter: str) -> QuerySet:
    """Return those of ``rows`` whose ids a parameter names, all of which must be there."""
    ids = [value for value in request.GET.getlist(parameter) if value]
    return cleaned(request, title, forms.ModelMultipleChoiceField(rows, required=False), ids)


class TagFilter(admin.SimpleListFilter):
    """Assets that carry all of the chosen tags, each itself or by one of its children."""

    title = _("tags")
    parameter_name = "tags"
    template = "unfold/filters/filters_field.html"
    form_class = AutocompleteDropdownForm

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any) -> None:
        self.request, self.model_admin = request, model_admin
        super().__init__(request, params, model, model_admin)

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("", "")]  # the form asks for them while somebody types

    def queryset(self, request: HttpRequest, queryset: Any) -> AssetQuerySet:
        return queryset.tagged(*chosen(request, self.title, Tag.objects.all(), self.parameter_name))

    def choices(self, changelist: Any) -> Iterator[Any]:
        form = self.form_class(
            request=self.request,
            label=_("By tags"),
            name=self.parameter_name,
            choices=(),
            field=Asset._meta.get_field("tags"),
            model_admin=self.model_admin,
            data={self.parameter_name: self.request.GET.getlist(self.parameter_name)},
            multiple=True,
        )
        yield {"form": form}


class CollectionFilter(MultipleDropdownFilter):
    """Assets that are in all of the chosen collections."""

    title = _("collection")
    parameter_name = "collection"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(pk), name) for pk, name in Collection.objects.values_list("pk", "name")]

    def has_output(self) -> bool:
        return True

    def queryset(self, request: HttpRequest, queryset: AssetQuerySet) -> AssetQuerySet:
        return queryset.in_collection(*chosen(request, self.title, Collection.objects.all(), self.parameter_name))


class DayRangeFilter(RangeDateFilter):
    """From the first moment of a day to the last of another; unfold's own ends where the last day begins."""

    def queryset(self, request: HttpRequest, queryset: AssetQuerySet) -> AssetQuerySet:
        for end, lookup, moment in [("from", "gte", time.min), ("to", "lte", time.max)]:
            text = self.used_parameters.get(f"{self.parameter_name}_{end}")
            if day := cleaned(request, self.title, forms.DateField(required=False), text):
                limit = timezone.make_aware(datetime.combine(day, moment))
                queryset = queryset.filter(**{f"{self.parameter_name}__{lookup}": limit})
        return queryset


class IdRangeFilter(RangeNumericFilter):
    def queryset(self, request: HttpRequest, queryset: AssetQuerySet) -> AssetQuerySet:
        for end, lookup in [("from", "gte"), ("to", "lte")]:
            text = self.used_parameters.get(f"{self.parameter_name}_{end}")
            limit = cleaned(request, self.title, IdField(required=False), text)
            if limit is not None:
                queryset = queryset.filter(**{f"{self.parameter_name}__{lookup}": limit})
        return queryset


class PreparationFilter(ChoicesDropdownFilter):
    """The asset's own state, under a name that tells it from other states in the list."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = _("preparation")
