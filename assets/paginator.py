"""Pages of querysets, for the API and the page alike."""

from typing import Any

from django.core.paginator import EmptyPage, Page, Paginator
from django.db.models import QuerySet

# OFFSET reads and throws away what comes before a page: how far it may reach, in rows.
DEEPEST = 10_000


class RankingPaginator(Paginator):
    """Pages of a ranking, which has no count: a page is there when it has rows, and has a next when one row follows."""

    count = None  # type: ignore[assignment]

    def page(self, number: Any) -> Page:
        start = (number - 1) * self.per_page
        rows = list(self.object_list[start : start + self.per_page + 1])
        if not rows and number > 1:
            raise EmptyPage("That page contains no results")
        page = Page(rows[: self.per_page], number, self)
        page.has_next = lambda: len(rows) > self.per_page  # type: ignore[method-assign]
        return page


def paginator_for(queryset: QuerySet, per_page: int) -> Paginator:
    """Return the paginator for this queryset: a ranking (it has a ``distance``) is not counted."""
    ranked = "distance" in queryset.query.annotations
    return (RankingPaginator if ranked else Paginator)(queryset, per_page)
