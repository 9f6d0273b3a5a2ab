"""Relevant or not: what those who have signed in say of results, where the library collects it."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from assets.models import Asset
from search import saved
from search.judgments import judge, of_user, wanted
from search.page.guard import for_members, wants_part
from search.page.saved import way_back
from search.query import InvalidQuery, SearchQuery

ANSWERS = {"yes": True, "no": False, "": None}


@require_POST
@for_members
def judgment(request: HttpRequest, pk: int) -> HttpResponse:
    """Keep what somebody says of one result, and show it; an empty answer takes it back."""
    if not wanted():
        raise Http404
    asset = get_object_or_404(Asset.objects.visible_to(request.user), pk=pk)
    said = ANSWERS.get(request.POST.get("relevant", ""))
    try:
        judge(saved.read(request.POST.get("query", "")), asset, request.user, said)
    except InvalidQuery as error:
        return HttpResponse(" ".join(error.all_messages), status=400, content_type="text/plain; charset=utf-8")
    if wants_part(request):
        return render(request, "components/judge.html", {"asset": asset, "said": said})
    return redirect(way_back(request))


def said_of(query: SearchQuery, user: Any) -> dict[int, bool] | None:
    """Return what this user said of a query's results, by asset id; None when nothing is to be said of them."""
    if not (wanted() and user.is_authenticated and query.parts):
        return None
    try:
        return of_user(query, user)
    except InvalidQuery:  # with a picture of somebody's own, say: nothing is kept of these
        return None
