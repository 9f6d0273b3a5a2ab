"""What of the admin belongs to the whole: its menu and its look, and the API's tokens."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop
from knox.admin import AuthTokenAdmin as KnoxTokenAdmin
from knox.admin import AuthTokenCreateForm
from knox.models import AuthToken
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from assets.admin.base import ModelAdmin
from search.models import ApiKey

admin.site.unregister(AuthToken)

# The theme has these in English alone; named here, they are in our catalogue.
THEME = (gettext_noop("Select all rows"), gettext_noop("Select record"), gettext_noop("Type to search"))


class KeyForm(AuthTokenCreateForm):
    """A key for a program, or a page of another origin. Whoever is no superuser makes keys for themselves alone."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=100,
        widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy("What the key is for; it is told from others by this."),
    )
    read_only = forms.BooleanField(
        label=capfirst(gettext_lazy("read only")),
        required=False,
        initial=True,
        widget=UnfoldBooleanSwitchWidget,
        help_text=gettext_lazy("With it one may search and download; without, do whatever the user may."),
    )

    class Meta(AuthTokenCreateForm.Meta):
        fields = ["name", "read_only", "user", "expiry"]


@admin.register(AuthToken)
class TokenAdmin(KnoxTokenAdmin, ModelAdmin):
    """Keys are made here, or by signing in to the API; deleting one revokes it."""

    add_form = KeyForm
    list_display = ("key_name", "token_key", "user", "scope", "created", "expiry")
    list_select_related = ("user", "key")
    search_fields = ("key__name", "token_key", "user__username")
    fields = ("name", "read_only", "user", "expiry")
    raw_id_fields = ()

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj is None else ("key_name", "token_key", "user", "scope", "created", "expiry")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Whoever makes a key for somebody acts as they do: that is for superusers."""
        user: Any = request.user
        kwargs["queryset"] = (
            User.objects.filter(is_active=True) if user.is_superuser else User.objects.filter(pk=user.pk)
        )
        return super().formfield_for_foreignkey(db_field, request, initial=user.pk, **kwargs)

    def save_model(self, request: HttpRequest, obj: AuthToken, form: Any, change: bool) -> None:
        """Show the key, this once: what is stored is its digest."""
        with transaction.atomic():
            obj.save()
            wanted = form.cleaned_data
            ApiKey.objects.create(token=obj, name=wanted["name"], read_only=wanted["read_only"])
        text = _("The key “%(name)s”, shown this once: %(key)s")
        self.message_user(request, text % {"name": wanted["name"], "key": form.token}, messages.WARNING)

    @display(description=gettext_lazy("Name"), ordering="key__name")
    def key_name(self, token: AuthToken) -> str:
        return token.key.name if hasattr(token, "key") else _("signed in")

    @display(description=gettext_lazy("Scope"), ordering="key__read_only", label={"read": "info", "write": "warning"})
    def scope(self, token: AuthToken) -> tuple[str, str]:
        if hasattr(token, "key") and token.key.read_only:
            return "read", _("read only")
        return "write", _("read and write")


def stylesheet(request: HttpRequest) -> str:
    return static("admin/dam.css")


def icon(request: HttpRequest) -> str:
    return static("icon.svg")


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The menu: what this user may see, with the entry lit that the page belongs to."""
    groups = {
        _("Library"): [
            (_("Assets"), "photo_library", "assets_asset_changelist", "assets.view_asset"),
            (_("Upload"), "upload", "assets_asset_add", "assets.add_asset"),
            (_("Collections"), "folder_special", "assets_collection_changelist", "assets.view_collection"),
            (_("Tags"), "sell", "assets_tag_changelist", "assets.view_tag"),
            (_("Catalogue rows"), "table_rows", "assets_cataloguerow_changelist", "assets.view_cataloguerow"),
        ],
        _("Search"): [
            (_("Saved searches"), "saved_search", "search_savedsearch_changelist", "search.view_savedsearch"),
            (_("Flags"), "flag", "search_policyflag_changelist", "search.view_policyflag"),
            (_("Policies"), "policy", "search_policy_changelist", "search.view_policy"),
            (_("Embedding status"), "monitoring", "search_status", "search.view_embeddingmodel"),
            (_("Embeddings"), "scatter_plot", "search_embedding_changelist", "search.view_embedding"),
            (_("Embedding models"), "neurology", "search_embeddingmodel_changelist", "search.view_embeddingmodel"),
            (_("Questions"), "forum", "search_ask_changelist", "search.view_ask"),
            (_("Judgments"), "thumbs_up_down", "search_judgment_changelist", "search.view_judgment"),
            # No such permission can be given: superusers have it.
            *[(_("SQL"), "terminal", "search_sql", "search.run_sql")] * settings.DAM_SQL_CONSOLE,
        ],
        _("Access"): [
            (_("Users"), "person", "auth_user_changelist", "auth.view_user"),
            (_("Groups"), "group", "auth_group_changelist", "auth.view_group"),
            (_("API keys"), "key", "knox_authtoken_changelist", "knox.view_authtoken"),
        ],
    }
    allowed = {
        title: [
            {"title": name, "icon": icon, "link": reverse(f"admin:{view}")}
            for name, icon, view, permission in entries
            if request.user.has_perm(permission)
        ]
        for title, entries in groups.items()
    }
    links = [item["link"] for items in allowed.values() for item in items if request.path.startswith(item["link"])]
    here = max(links, key=len, default=None)
    return [
        {"title": title, "items": [item | {"active": item["link"] == here} for item in items]}
        for title, items in allowed.items()
        if items
    ]
