"""What of the admin belongs to the whole: its menu and its look, and the API's tokens."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import gettext as _
from knox.admin import AuthTokenAdmin as KnoxTokenAdmin
from knox.models import AuthToken

from assets.admin.base import ModelAdmin

admin.site.unregister(AuthToken)


@admin.register(AuthToken)
class TokenAdmin(KnoxTokenAdmin, ModelAdmin):
    """Tokens are made by signing in to the API, or here; deleting one revokes it."""

    list_display = ("token_key", "user", "created", "expiry")
    list_select_related = ("user",)
    autocomplete_fields = ("user",)
    raw_id_fields = ()


def stylesheet(request: HttpRequest) -> str:
    return static("admin/dam.css")


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The menu: what this user may see, with the entry lit that the page belongs to."""
    groups = {
        _("Library"): [
            (_("Assets"), "photo_library", "assets_asset_changelist", "assets.view_asset"),
            (_("Upload"), "upload", "assets_asset_add", "assets.add_asset"),
            (_("Collections"), "folder_special", "assets_collection_changelist", "assets.view_collection"),
            (_("Tags"), "sell", "assets_tag_changelist", "assets.view_tag"),
        ],
        _("Search"): [
            (_("Saved searches"), "saved_search", "search_savedsearch_changelist", "search.view_savedsearch"),
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
            (_("API tokens"), "key", "knox_authtoken_changelist", "knox.view_authtoken"),
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
