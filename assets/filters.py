"""Filters over assets by the names that the API, the page and the commands share."""

from datetime import UTC, datetime
from typing import Any

import django_filters as filters
from django import forms
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field

from assets.models import Asset, Collection, Kind, Tag
from assets.models.asset import EARLIEST, LATEST


class IdListField(forms.CharField):
    """Comma-separated ids, at most 1,000 of them."""

    def clean(self, value: Any) -> list[int] | None:
        text = super().clean(value)
        if not text:
            return None
        parts = [part.strip() for part in text.split(",")]
        if not all(part.isascii() and part.isdecimal() and len(part) <= 18 for part in parts):
            raise forms.ValidationError(_("Enter whole numbers separated by commas."))
        if len(parts) > 1000:
            raise forms.ValidationError(_("At most 1000 ids."))
        return [int(part) for part in parts]


class IdListFilter(filters.Filter):
    field_class = IdListField


class IdField(forms.IntegerField):
    """An id as the database has them, so that no number is too large for it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs | {"min_value": 0, "max_value": 2**63 - 1})


class IdFilter(filters.Filter):
    field_class = IdField


def plausible(moment: datetime) -> None:
    """Refuse what no picture is from, before a conversion of time zones leaves the years that Python knows."""
    if not EARLIEST <= moment <= LATEST:
        raise forms.ValidationError(_("Enter a date from the years 1800 to 2200."))


class MomentField(forms.DateTimeField):
    """A date, or a date and time in ISO 8601; without an offset in the server's time zone."""

    default_validators = [plausible]
    default_error_messages = {"invalid": _("Enter a date (2026-03-01) or a date and time (2026-03-01T12:00:00Z).")}


class MomentFilter(filters.Filter):
    field_class = MomentField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("widget", forms.DateInput(attrs={"type": "date"}))
        super().__init__(*args, **kwargs)


@extend_schema_field({"type": "integer"})
class YearFilter(filters.Filter):
    """The year, in UTC, in which a picture was taken; where that is not known, in which its asset was created."""

    field_class = forms.IntegerField

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs, min_value=EARLIEST.year, max_value=LATEST.year - 1)

    def filter(self, qs: Any, value: int | None) -> Any:
        if value is None:
            return qs
        span = (datetime(value, 1, 1, tzinfo=UTC), datetime(value + 1, 1, 1, tzinfo=UTC))
        untaken = Q(taken_at__isnull=True, created_at__gte=span[0], created_at__lt=span[1])
        return qs.filter(Q(taken_at__gte=span[0], taken_at__lt=span[1]) | untaken)


@extend_schema_field({"type": "array", "items": {"type": "string"}})
class SlugsFilter(filters.ModelMultipleChoiceFilter):
    """Rows by slug; the parameter may be repeated.

    ``most`` times: where all of them are meant, each is a condition of its own, and the database's planner takes ten
    times as long for ten more of them.
    """

    def __init__(self, *args: Any, most: int = 100, **kwargs: Any) -> None:
        def not_too_many(rows: Any) -> None:
            if len(rows) > most:
                raise forms.ValidationError(_("At most %d of these.") % most)

        super().__init__(*args, to_field_name="slug", validators=[not_too_many], **kwargs)


class AssetFilterSet(filters.FilterSet):
    """``after`` is inclusive, ``before`` exclusive; ``tag`` may be repeated and means all of them."""

    id__in = IdListFilter(field_name="id", lookup_expr="in", label=_("Ids"))
    id__gt = IdFilter(field_name="id", lookup_expr="gt", label=_("Id above"))
    id__gte = IdFilter(field_name="id", lookup_expr="gte", label=_("Id from"))
    id__lt = IdFilter(field_name="id", lookup_expr="lt", label=_("Id below"))
    id__lte = IdFilter(field_name="id", lookup_expr="lte", label=_("Id to"))
    tag = SlugsFilter(queryset=Tag.objects.all(), method="filter_tag", label=_("Tags"), most=8)
    tag__in = SlugsFilter(queryset=Tag.objects.all(), method="filter_tag_in", label=_("Any of the tags"))
    collection = SlugsFilter(
        queryset=Collection.objects.all(), method="filter_collection", label=_("Collection"), most=4
    )
    kind = filters.ChoiceFilter(choices=Kind.choices, label=_("Kind"))
    mime_type = filters.CharFilter(label=_("MIME type"), max_length=100)
    year = YearFilter(label=_("Year"))
    created_after = MomentFilter(field_name="created_at", lookup_expr="gte", label=_("Created from"))
    created_before = MomentFilter(field_name="created_at", lookup_expr="lt", label=_("Created before"))
    taken_after = MomentFilter(field_name="taken_at", lookup_expr="gte", label=_("Taken from"))
    taken_before = MomentFilter(field_name="taken_at", lookup_expr="lt", label=_("Taken before"))

    class Meta:
        model = Asset
        fields: list[str] = []

    def filter_tag(self, queryset: Any, name: str, tags: Any) -> Any:
        return queryset.tagged(*tags)

    def filter_tag_in(self, queryset: Any, name: str, tags: Any) -> Any:
        return queryset.tagged_any(tags) if tags else queryset

    def filter_collection(self, queryset: Any, name: str, collections: Any) -> Any:
        return queryset.in_collection(*collections)
