"""Pages of querysets, for the API and the page alike."""

from typing import Any

from django.core.paginator import EmptyPage, Page, PageNotAnInteger, Paginator
from django.utils.translation import gettext_lazy as _

# OFFSET reads and throws away what comes before a page: how far it may reach, in rows.
DEEPEST = 10_000


class RankingPage(Page):
    """A page that knows whether one more row follows it."""

    more = False

    def has_next(self) -> bool:
        return self.more

    def next_page_number(self) -> int:
        return self.number + 1

    def previous_page_number(self) -> int:
        return self.number - 1


class RankingPaginator(Paginator):
    """Pages of a ranking, which is not counted: every asset with a vector is in it, near or far."""

    count = None  # type: ignore[assignment]

    def validate_number(self, number: Any) -> int:
        """Return ``number`` as an integer; what it may be at most is known only once its rows are read."""
        text = str(number)
        if not (text.isascii() and text.isdecimal()) or len(text) > 10 or int(text) < 1:
            raise PageNotAnInteger(_("That page number is not a whole number from 1 on."))
        if int(text) * self.per_page > max(DEEPEST, self.per_page):
            raise EmptyPage(_("A ranking is not paged deeper than %(rows)d results.") % {"rows": DEEPEST})
        return int(text)

    def page(self, number: Any) -> Page:
        number = self.validate_number(number)
        start = (number - 1) * self.per_page
        rows = list(self.object_list[start : start + self.per_page + 1])
        if not rows and number > 1:
            raise EmptyPage(_("That page contains no results."))
        page = RankingPage(rows[: self.per_page], number, self)
        page.more = len(rows) > self.per_page
        return page


def paginator_for(rows: Any, per_page: int) -> Paginator:
    """Return the paginator of these rows: their own, where they bring one, because they cannot be counted."""
    return rows.paginator(per_page) if hasattr(rows, "paginator") else Paginator(rows, per_page)
