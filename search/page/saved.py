"""Saved searches on the page: keep the search that is shown, list one's own and shared ones, forget one's own."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from search import saved
from search.language import Kind
from search.models import SavedSearch
from search.page.guard import for_members
from search.query import InvalidQuery, SearchQuery


@require_POST
@for_members
def save(request: HttpRequest) -> HttpResponse:
    text = request.POST.get("query", "")
    try:
        kept = saved.save(
            request.user,
            request.POST.get("name", ""),
            saved.read(text),
            shared="shared" in request.POST,
            smart="smart" in request.POST,
        )
    except InvalidQuery as error:
        messages.error(request, _("The search was not saved. %s") % " ".join(error.all_messages))
    except PermissionDenied as error:
        messages.error(request, _("The search was not saved. %s") % error)
    else:
        messages.success(request, _("The search is saved as “%s”.") % kept)
    return redirect(f"{reverse('search')}?{QueryDict(text).urlencode()}")


@require_POST
@for_members
def forget(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete a saved search of one's own; PermissionDenied for another's."""
    search = get_object_or_404(SavedSearch.objects.visible_to(request.user), pk=pk)
    saved.delete(search, request.user)
    messages.success(request, _("The saved search “%s” is deleted.") % search)
    return redirect(way_back(request))


def way_back(request: HttpRequest) -> str:
    """Return the address that a form was sent from, if it says so and it is one of ours."""
    back = request.POST.get("next", "")
    ours = url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure())
    return back if ours else reverse("search")


def saved_searches(user: Any) -> "QuerySet[SavedSearch]":
    """Return what somebody may use: their own, and what others share."""
    return SavedSearch.objects.visible_to(user).select_related("owner", "collection")


def can_be_saved(query: SearchQuery, user: Any) -> bool:
    """Whether it is worth offering: pictures of searches are kept for a day only."""
    return user.is_authenticated and bool(query) and not query.of_kind(Kind.PICTURE)
