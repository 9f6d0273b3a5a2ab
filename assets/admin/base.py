"""The one place where the admin's theme comes in."""

from typing import Any

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import BadRequest
from django.core.paginator import Paginator
from django.http import HttpRequest
from unfold.admin import ModelAdmin as ThemedModelAdmin

from assets.admin.forms import AutocompleteSelect, AutocompleteSelectMultiple, is_key

REFUSED_LOOKUPS = {
    *("regex", "iregex", "range", "trigram_similar", "trigram_word_similar", "trigram_strict_word_similar", "search"),
    *("year", "iso_year", "month", "day", "week", "week_day", "iso_week_day", "quarter"),
    *("date", "time", "hour", "minute", "second"),
}


class LenientPaginator(Paginator):
    """Shows the nearest page that is there: the filter form keeps the number of a page that its filters may remove."""

    def validate_number(self, number: Any) -> int:
        try:
            return max(1, min(int(number), self.num_pages))
        except ValueError:
            return 1


class ModelAdmin(ThemedModelAdmin):
    """What every admin here derives from: put ``django.contrib.admin.ModelAdmin`` in its place for the stock admin."""

    paginator = LenientPaginator
    list_per_page = 50
    list_filter_submit = True
    list_fullwidth = True
    show_full_result_count = False
    warn_unsaved_form = True
    compressed_fields = True

    # Django asks the database for keys of any shape, and fails where they have none: what is below refuses them first.

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Refuse what nobody filters by and the database may choke on: expressions to match, years, ranges, JSON."""
        return not REFUSED_LOOKUPS.intersection(lookup.split("__")[1:]) and super().lookup_allowed(
            lookup, value, request
        )

    def response_action(self, request: HttpRequest, queryset: Any) -> Any:
        if not all(is_key(self.opts.pk, key) for key in request.POST.getlist(ACTION_CHECKBOX_NAME)):
            raise BadRequest("What is selected is no row of this list.")
        return super().response_action(request, queryset)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        return super().get_object(request, object_id, from_field or None)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs.setdefault("widget", AutocompleteSelect(db_field, self.admin_site))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs.setdefault("widget", AutocompleteSelectMultiple(db_field, self.admin_site))
        return super().formfield_for_manytomany(db_field, request, **kwargs)
