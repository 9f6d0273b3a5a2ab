"""Saved searches in the admin: one's own, and what others share; superusers see and change all."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from assets.admin.base import ModelAdmin
from assets.admin.display import assets_of
from search import saved
from search.models import SavedSearch
from search.query import InvalidQuery


class SavedSearchForm(forms.ModelForm):
    """Checks here what ``search.saved`` would refuse, so that it is named beside its field."""

    user: Any
    query = forms.CharField(
        label=_("Query"),
        help_text=_("As in the address of the search page, for example q=red+car&tag=truck."),
        widget=UnfoldAdminTextInputWidget,
    )
    smart = forms.BooleanField(
        label=_("smart collection"),
        required=False,
        help_text=_("Its matches, as its owner sees them, are the members of a collection of its own."),
        widget=UnfoldBooleanSwitchWidget,
    )

    class Meta:
        model = SavedSearch
        fields = ("name", "query", "shared")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is None:
            self.instance.owner = self.user
        if "smart" in self.fields:  # not for somebody who may only look
            self.initial["smart"] = self.instance.collection_id is not None

    def clean_name(self) -> str:
        return self._checked(lambda: saved.checked_name(self.instance, self.cleaned_data["name"]))

    def clean_query(self) -> str:
        return self._checked(lambda: saved.checked_query(self.instance, saved.read(self.cleaned_data["query"])))

    def clean(self) -> dict[str, Any]:
        if self.cleaned_data.get("smart") and self.instance.collection_id is None and "name" in self.cleaned_data:
            try:
                saved.checked_slug(self.cleaned_data["name"], self.user)
            except InvalidQuery as error:
                self.add_error("name", error.errors["name"])
            except PermissionDenied as error:
                self.add_error("smart", str(error))
        return self.cleaned_data

    @staticmethod
    def _checked(check: Any) -> str:
        try:
            return check()
        except InvalidQuery as error:
            raise forms.ValidationError(error.all_messages) from error


@admin.action(description=_("Refresh now"), permissions=["change"])
def refresh_now(model_admin: Any, request: HttpRequest, queryset: QuerySet[SavedSearch]) -> None:
    smart = list(queryset.filter(collection__isnull=False))
    for row in smart:
        saved.refresh(row)
        if row.problem:
            messages.warning(request, f"{row}: {row.problem}")
    text = ngettext("%d smart collection was refreshed.", "%d smart collections were refreshed.", len(smart))
    messages.success(request, text % len(smart))


@admin.register(SavedSearch)
class SavedSearchAdmin(ModelAdmin):
    form = SavedSearchForm
    actions = (refresh_now,)
    list_display = ("name", "owner", "shared", "members", "asked", "links", "refreshed_at", "problem")
    list_select_related = ("owner", "collection")
    list_filter = ("shared",)
    search_fields = ("name", "query", "owner__username")
    show_facets = admin.ShowFacets.NEVER
    fields = ("name", "query", "shared", "smart", "owner", "members", "links", "refreshed_at", "problem")
    readonly_fields = ("owner", "members", "links", "refreshed_at", "problem")

    def get_queryset(self, request: HttpRequest) -> QuerySet[SavedSearch]:
        user: Any = request.user
        return SavedSearch.objects.all() if user.is_superuser else SavedSearch.objects.visible_to(user)

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return type("BoundForm", (super().get_form(request, *args, **kwargs),), {"user": request.user})

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and self._is_theirs(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and self._is_theirs(request, obj)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except (InvalidQuery, SavedSearch.DoesNotExist) as error:  # somebody came in between check and change
            messages.error(request, str(error))
            return HttpResponseRedirect(request.path)

    def save_model(self, request: HttpRequest, obj: SavedSearch, form: Any, change: bool) -> None:
        wanted = form.cleaned_data
        query = saved.read(wanted["query"])
        options = {"shared": wanted["shared"], "smart": wanted["smart"]}
        if change:
            saved.update(obj, request.user, name=wanted["name"], query=query, **options)
        else:
            obj.pk = saved.save(request.user, wanted["name"], query, **options).pk

    @staticmethod
    def _is_theirs(request: HttpRequest, row: SavedSearch | None) -> bool:
        user: Any = request.user
        return row is None or row.owner_id == user.pk or user.is_superuser

    @display(description=_("Smart collection"), ordering="collection")
    def members(self, row: SavedSearch) -> SafeString | str:
        if row.collection is None:
            return "–"
        return assets_of(row.collection, str(row.collection))

    @display(description=_("Query"))
    def asked(self, row: SavedSearch) -> str:
        return row.query

    @display(description=_("Results"))
    def links(self, row: SavedSearch) -> SafeString | str:
        if row.pk is None:
            return "–"
        link = format_html('<a class="dam-link" href="{}?{}">{}</a>', reverse("search"), row.query, _("Page"))
        try:
            query = saved.query_of(row)
        except InvalidQuery:
            return link
        if query.filters:  # these are set beside that list's box
            return link
        address = f"{reverse('admin:assets_asset_changelist')}?{urlencode({'q': query.box})}"
        return format_html('{} · <a class="dam-link" href="{}">{}</a>', link, address, _("List"))
