"""The one place where the admin's theme comes in."""

from typing import Any

from django.core.paginator import Paginator
from unfold.admin import ModelAdmin as ThemedModelAdmin


class LenientPaginator(Paginator):
    """Shows the nearest page that is there: the filter form keeps the number of a page that its filters may remove."""

    def validate_number(self, number: Any) -> int:
        return max(1, min(int(number), self.num_pages))


class ModelAdmin(ThemedModelAdmin):
    """What every admin here derives from: put ``django.contrib.admin.ModelAdmin`` in its place for the stock admin."""

    paginator = LenientPaginator
    list_per_page = 50
    list_filter_submit = True
    list_fullwidth = True
    show_full_result_count = False
    warn_unsaved_form = True
    compressed_fields = True
