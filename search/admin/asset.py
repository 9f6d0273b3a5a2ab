"""The asset list, searched as the page is. It stays a change list: filters, pages and actions work on results too."""

from dataclasses import replace
from typing import Any, NamedTuple

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.views.main import ORDER_VAR, SEARCH_VAR
from django.db.models import Exists, OuterRef, Q
from django.http import HttpRequest, QueryDict
from django.template.loader import render_to_string
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import display
from unfold.views import ChangeList

from assets import doorbell
from assets.admin.asset import AssetAdmin
from assets.admin.base import LenientPaginator
from assets.admin.filters import cleaned
from assets.ledger import State
from assets.models import Asset
from assets.querysets import AssetQuerySet
from search.admin.ask import DescribeMixin
from search.admin.asset_ledger import LedgerMixin
from search.admin.policies import FlaggedFilter
from search.admin.suggestions import SuggestionsMixin
from search.encoders import ModelUnavailable
from search.hits import Hit
from search.language import Kind
from search.models import Embedding, EmbeddingModel, Judgment, NoActiveModel, PolicyFlag
from search.query import InvalidQuery, Mode, SearchQuery
from search.results import Results, search
from search.throttles import TooManyPictures, count_pictures


class ResultsPaginator(LenientPaginator):
    """Pages of results, matches and weaker ones."""

    template_name = "admin/search/pages.html"

    @cached_property
    def count(self) -> int:
        results: Any = self.object_list
        return results.total()


class Like(NamedTuple):
    """An asset that is searched with, and the address of the same search without it."""

    asset: Asset
    url: str


class SearchedChangeList(ChangeList):
    """A change list whose search box takes the language of queries; what it finds are ``search.results``.

    Its rows, for "select all" and for the actions, are the matches: a bulk edit must not reach what only came nearest.
    """

    results: Results | None = None

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> Any:
        filtered = super().get_queryset(request, exclude_parameters)
        if not self.query:
            return filtered
        clicked = self.get_ordering(request, filtered) if request.GET.get(ORDER_VAR) else None
        try:
            self.results = answer(request, self.query, filtered, clicked)
        except (InvalidQuery, NoActiveModel, ModelUnavailable, TooManyPictures) as error:
            messages.error(request, " ".join(error.all_messages) if isinstance(error, InvalidQuery) else str(error))
            return filtered.none()
        return self.results.matches if request.POST.get("select_across") == "1" else filtered

    def get_results(self, request: HttpRequest) -> None:
        if self.results is None:
            super().get_results(request)
        else:
            results: Any = self.results
            self.paginator = ResultsPaginator(results, self.list_per_page)
            self.result_list = self.paginator.page(self.page_num).object_list
            self.result_count, self.full_result_count = len(results), None
            self.multi_page, self.can_show_all = self.paginator.num_pages > 1, False
            self.show_full_result_count, self.show_admin_actions = False, True
        for asset in self.result_list:
            asset.more_like_this = self.get_query_string({SEARCH_VAR: f"like:{asset.pk}", ORDER_VAR: None, "p": None})

    @property
    def likes(self) -> list[Like]:
        """The assets that are searched with."""
        if self.results is None:
            return []
        query = self.results.query
        parts = {part.value: part for part in query.of_kind(Kind.LIKE)}
        assets = self.root_queryset.filter(pk__in=parts)
        without = {asset: query.replacing(parts[str(asset.pk)], None) for asset in assets}
        return [Like(asset, self.get_query_string({SEARCH_VAR: rest.box or None})) for asset, rest in without.items()]


def answer(request: HttpRequest, box: str, among: AssetQuerySet, ordering: Any) -> Results:
    """Answer what was typed; where meaning is not to be had, by the words alone, and the user is told so."""
    params = QueryDict(mutable=True)
    params["q"] = box
    query = SearchQuery.parse(params)
    count_pictures(request, len(query.of_kind(Kind.URL)))
    try:
        return search(query, request.user, among, ordering)
    except (NoActiveModel, ModelUnavailable) as error:
        if len(query.of_kind(Kind.TEXT)) < len(query.parts):
            raise
        messages.warning(request, _("Searched by words only, because meaning is not available: %s") % error)
        return search(replace(query, mode=Mode.KEYWORD, space=""), request.user, among, ordering)


class EmbeddingFilter(DropdownFilter):
    """Where assets are on their way to a vector of the active model, counted as in the embedding status."""

    title = _("embedding")
    parameter_name = "embedding"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [*State.choices, ("missing", _("not in the ledger yet"))]

    def queryset(self, request: HttpRequest, queryset: AssetQuerySet) -> AssetQuerySet:
        main = EmbeddingModel.objects.main()
        rows = Embedding.objects.filter(asset=OuterRef("pk"), segment=0, model__in=main)
        ready = Q(Exists(rows.filter(state=State.READY)))
        quarantined = Q(state=State.QUARANTINED) | Q(Exists(rows.filter(state=State.QUARANTINED)))
        conditions = {
            State.READY.value: ready,
            State.QUARANTINED.value: quarantined,
            State.PENDING.value: ~ready & ~quarantined,
            "missing": ~Exists(rows),
        }
        field = forms.ChoiceField(choices=[(name, name) for name in conditions], required=False)
        state = cleaned(request, self.title, field, self.value())
        return queryset.filter(conditions[state]) if state else queryset


@admin.action(description=_("Embed again"), permissions=["embed"])
def embed_again(model_admin: Any, request: HttpRequest, queryset: AssetQuerySet) -> None:
    ids = list(queryset.values_list("pk", flat=True))
    Embedding.objects.filter(asset__in=ids, model__in=EmbeddingModel.objects.live()).retry()
    doorbell.ring("search.tasks.embed_pending")
    text = ngettext("%d asset will be embedded again.", "%d assets will be embedded again.", len(ids))
    messages.success(request, text % len(ids))


admin.site.unregister(Asset)


@admin.register(Asset)
class SemanticAssetAdmin(LedgerMixin, SuggestionsMixin, DescribeMixin, AssetAdmin):
    actions = (*AssetAdmin.actions, embed_again)
    search_help_text = _("Describe what to look for")
    list_filter = (*AssetAdmin.list_filter, EmbeddingFilter, FlaggedFilter)
    change_list_template = "admin/search/asset_list.html"
    list_before_template = "admin/search/likes.html"
    change_form_outer_before_template = "admin/search/asset_summary.html"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return SearchedChangeList

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        picture, name, *others = super().get_list_display(request)
        searched = ["relevance"] if request.GET.get(SEARCH_VAR) else []
        return [picture, name, *searched, *others, "more_like_this"]

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """Leave the searching to the change list, which has more to show of it than a queryset can say."""
        return queryset, False

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """An asset takes along its vectors and what was said of it, although nobody may delete those by hand."""
        to_delete, counts, perms_needed, protected = super().get_deleted_objects(objs, request)
        own = {model._meta.verbose_name for model in (Embedding, Judgment, PolicyFlag)}
        return to_delete, counts, perms_needed - own, protected

    def has_embed_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("search.change_embedding")

    @display(description=_("Relevance"))
    def relevance(self, asset: Asset) -> SafeString | str:
        hit: Hit | None = getattr(asset, "hit", None)
        if hit is None:
            return "–"
        return render_to_string("admin/search/relevance.html", {"hit": hit})

    @display(description=_("Similar"))
    def more_like_this(self, asset: Any) -> SafeString:
        return format_html(
            '<a class="dam-link" href="{}" title="{}"><span class="material-symbols-outlined">image_search</span></a>',
            asset.more_like_this,
            _("Find similar assets"),
        )
