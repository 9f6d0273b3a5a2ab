"""The asset list, searched by meaning. It stays a change list: filters, pages and actions work on a ranking too."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.views.main import ORDER_VAR, SEARCH_VAR
from django.db.models import Exists, OuterRef, Q
from django.http import HttpRequest
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
from assets.filters import IdField
from assets.ledger import State
from assets.models import Asset
from assets.paginator import DEEPEST
from assets.querysets import AssetQuerySet
from search import ranking
from search.encoders import ModelUnavailable
from search.forms import MeaningForm
from search.models import Embedding, EmbeddingModel, NoActiveModel

SIMILAR_TO = "similar_to"


class RankingPaginator(LenientPaginator):
    """Counts no further than one may page: to count a whole ranking would read every vector."""

    @cached_property
    def count(self) -> int:
        rankings: Any = self.object_list
        return rankings.order_by()[:DEEPEST].count()


class MeaningChangeList(ChangeList):
    """A change list that knows ``similar_to``: it ranks and is no lookup, and stays in every link of the page."""

    def get_filters_params(self, params: dict[str, Any] | None = None) -> dict[str, Any]:
        return {name: value for name, value in super().get_filters_params(params).items() if name != SIMILAR_TO}

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.similar_to = _asset(self.root_queryset, self.params.get(SIMILAR_TO))
        for asset in self.result_list:
            asset.more_like_this = self.get_query_string({SIMILAR_TO: asset.pk, SEARCH_VAR: None, ORDER_VAR: None})

    def without_similar_to(self) -> str:
        return self.get_query_string({SIMILAR_TO: None})


def _asset(assets: AssetQuerySet, pk: str | None) -> Asset | None:
    try:
        return assets.filter(pk=IdField().clean(pk)).first()
    except forms.ValidationError:
        return None


class EmbeddingFilter(DropdownFilter):
    """Where assets are on their way to a vector of the active model, counted as in the embedding status."""

    title = _("embedding")
    parameter_name = "embedding"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return State.choices

    def queryset(self, request: HttpRequest, queryset: AssetQuerySet) -> AssetQuerySet:
        rows = Embedding.objects.filter(asset=OuterRef("pk"), segment=0, model__state=EmbeddingModel.State.ACTIVE)
        ready = Q(Exists(rows.filter(state=State.READY)))
        quarantined = Q(state=State.QUARANTINED) | Q(Exists(rows.filter(state=State.QUARANTINED)))
        conditions = {State.READY: ready, State.QUARANTINED: quarantined, State.PENDING: ~ready & ~quarantined}
        field = forms.ChoiceField(choices=State.choices, required=False)
        state = cleaned(request, self.title, field, self.value())
        return queryset.filter(conditions[State(state)]) if state else queryset


@admin.action(description=_("Embed again"), permissions=["embed"])
def embed_again(model_admin: Any, request: HttpRequest, queryset: AssetQuerySet) -> None:
    ids = list(queryset.values_list("pk", flat=True))
    Embedding.objects.filter(asset__in=ids, model__in=EmbeddingModel.objects.live()).retry()
    doorbell.ring("search.tasks.embed_pending")
    text = ngettext("%d asset will be embedded again.", "%d assets will be embedded again.", len(ids))
    messages.success(request, text % len(ids))


admin.site.unregister(Asset)


@admin.register(Asset)
class SemanticAssetAdmin(AssetAdmin):
    actions = (*AssetAdmin.actions, embed_again)
    search_help_text = _("Describe what to look for")
    list_filter = (*AssetAdmin.list_filter, EmbeddingFilter)
    change_list_template = "admin/search/asset_list.html"
    list_before_template = "admin/search/similar_to.html"
    change_form_outer_before_template = "admin/search/asset_summary.html"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return MeaningChangeList

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        ranked = request.GET.get(SEARCH_VAR) or request.GET.get(SIMILAR_TO)
        return [*super().get_list_display(request), *(["similarity"] if ranked else []), "more_like_this"]

    def get_paginator(self, request: HttpRequest, queryset: Any, *args: Any, **kwargs: Any) -> Any:
        ranked = "distance" in queryset.query.annotations
        return (RankingPaginator if ranked else self.paginator)(queryset, *args, **kwargs)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """Rank what the filters left by the search box or by ``similar_to``; a clicked column still decides the order.

        Where meaning is not to be had, the words themselves are searched, and the user is told so.
        """
        wanted = {"semantic": search_term, SIMILAR_TO: request.GET.get(SIMILAR_TO)}
        form = MeaningForm(wanted, visible=Asset.objects.visible_to(request.user))
        try:
            if not form.is_valid():
                problems = [str(problem) for problems in form.errors.values() for problem in problems]
                messages.error(request, " ".join(problems))
                return queryset.none(), False
            ranked = form.rank(queryset)
        except (NoActiveModel, ModelUnavailable) as error:
            messages.warning(request, _("Searched by words only, because meaning is not available: %s") % error)
            return super().get_search_results(request, queryset, search_term)
        if request.GET.get(ORDER_VAR):
            ranked = ranked.order_by(*queryset.query.order_by)
        return ranked, False

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """An asset takes its vectors with it, although nobody may delete those by hand."""
        to_delete, counts, perms_needed, protected = super().get_deleted_objects(objs, request)
        return to_delete, counts, perms_needed - {Embedding._meta.verbose_name}, protected

    def has_embed_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("search.change_embedding")

    @display(description=_("Similarity"))
    def similarity(self, asset: Asset) -> SafeString | str:
        distance = getattr(asset, "distance", None)
        if distance is None:
            return "–"
        similarity = ranking.similarity(distance)
        return format_html(
            '<span class="dam-similarity" style="--similarity: {}">{}</span>', f"{similarity:.3f}", f"{similarity:.3f}"
        )

    @display(description=_("Similar"))
    def more_like_this(self, asset: Any) -> SafeString:
        return format_html(
            '<a class="dam-link" href="{}" title="{}"><span class="material-symbols-outlined">image_search</span></a>',
            asset.more_like_this,
            _("Find similar assets"),
        )
