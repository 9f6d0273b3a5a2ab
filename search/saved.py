"""Saved searches, and the smart collections whose members are their matches.

A smart collection holds what the owner of its search may see, at most the first 10,000 matches (``DEEPEST``), newest
first. It is refreshed when its search is changed and by a sweep; in between it may be as old as the sweep's interval.

Locks are taken in one order, so that nobody waits in a circle: the collection's row before its saved search's.
"""

import logging
import time
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, TooManyFieldsSent
from django.db import DatabaseError, connections, transaction
from django.db.models import F, Q
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _

from assets.locks import only_one
from assets.models import Asset, Collection
from assets.paginator import DEEPEST
from search import spaces
from search.encoders import ModelUnavailable
from search.language import Kind
from search.models import NoActiveModel, SavedSearch
from search.query import InvalidQuery, SearchQuery
from search.results import search

# Parameters of the answer rather than of the query, in an address that somebody copied.
OF_THE_ANSWER = ("page", "page_size", "facets", "format")

logger = logging.getLogger(__name__)


def save(user: Any, name: str, query: SearchQuery, *, shared: bool = False, smart: bool = False) -> SavedSearch:
    """Keep a query under a name; with ``smart`` its matches become the members of a new collection.

    Raises InvalidQuery, whose errors are of ``name`` or of a parameter, and PermissionDenied.
    """
    saved = SavedSearch(owner=user, shared=shared)
    with only_one("saved searches"):
        saved.name, saved.query = checked_name(saved, name), checked_query(saved, query)
        if smart:
            saved.collection = _new_collection(saved, user)
        saved.save()
    refresh(saved)
    return saved


def update(
    saved: SavedSearch,
    user: Any,
    *,
    name: str | None = None,
    query: SearchQuery | None = None,
    shared: bool | None = None,
    smart: bool | None = None,
) -> None:
    """Change what is given; raise as ``save`` does. A collection that is smart no more stays as an ordinary one."""
    refuse_others(saved, user)
    with only_one("saved searches"):
        saved.refresh_from_db()
        if name is not None and name != saved.name:
            saved.name = checked_name(saved, name)
            Collection.objects.filter(saved_search=saved).update(name=saved.name)
        if query is not None:
            saved.query, saved.problem = checked_query(saved, query), ""
        if shared is not None:
            saved.shared = shared
        if smart and saved.collection is None:
            saved.collection = _new_collection(saved, user)
            _refuse_circle(saved.collection.pk, saved.query)
        elif smart is False and saved.collection is not None:
            release(saved)
            saved.collection, saved.problem = None, ""
        saved.save()
    if query is not None or smart:
        refresh(saved)


def delete(saved: SavedSearch, user: Any) -> None:
    """Delete the search; its collection stays, with the members that it has, as an ordinary one."""
    refuse_others(saved, user)
    with only_one("saved searches"):
        saved.refresh_from_db()
        saved.delete()  # a signal releases the collection, so that it is released whoever deletes


def release(saved: SavedSearch) -> None:
    """Give the search's collection, if it has one, into the hands of people."""
    Collection.objects.filter(saved_search=saved).update(smart=False)


def refuse_others(saved: SavedSearch, user: Any) -> None:
    """Raise PermissionDenied for somebody who may not change this search."""
    if saved.owner_id != user.pk and not user.is_superuser:
        raise PermissionDenied(_("Only its owner can change the saved search “%s”.") % saved)


def read(text: str) -> SearchQuery:
    """Read a query from the parameters of an address; raise InvalidQuery."""
    try:
        params = QueryDict(text.strip().removeprefix("?"), mutable=True)
    except TooManyFieldsSent as error:
        raise InvalidQuery({"query": [_("This query has too many parameters.")]}) from error
    for name in OF_THE_ANSWER:
        params.pop(name, None)
    return SearchQuery.parse(params)


def query_of(saved: SavedSearch) -> SearchQuery:
    """Return the saved query; raise InvalidQuery when it has become invalid since: a tag is gone, say."""
    return read(saved.query)


def refresh(saved: SavedSearch) -> None:
    """Make the matches the members of the smart collection; nothing without one.

    What is in the way (an asset of ``like`` is gone, the model is not to be had) is kept as ``problem``; the members
    are then left as they are. One at a time for each search: whoever comes second sees what the first has done.
    """
    with only_one(f"saved search {saved.pk}"):
        current = SavedSearch.objects.select_related("owner").filter(pk=saved.pk, collection__isnull=False).first()
        if current is None or current.collection_id is None:
            return
        try:
            with transaction.atomic():  # a statement that fails must not take the lock's transaction with it
                ids = _matching(current)
        except (InvalidQuery, NoActiveModel, ModelUnavailable) as error:
            problem = str(error)
        except DatabaseError as error:
            logger.error("The smart collection of the saved search %s was not refreshed", current.pk, exc_info=error)
            problem = _("The database cannot answer this search: %s") % error
        else:
            _set_members(current.collection_id, ids)
            problem = _("Only the newest %d matches are members.") % DEEPEST if len(ids) == DEEPEST else ""
        saved.refreshed_at, saved.problem = timezone.now(), problem
        SavedSearch.objects.filter(pk=saved.pk).update(refreshed_at=saved.refreshed_at, problem=problem)


def refresh_due() -> int:
    """Refresh the smart collections, longest waiting first, for as long as the interval of sweeps; return how many."""
    interval = settings.DAM_SMART_COLLECTION_SECONDS
    stop = time.monotonic() + interval
    refreshed = 0
    for saved in SavedSearch.objects.filter(collection__isnull=False).order_by(F("refreshed_at").asc(nulls_first=True)):
        try:
            refresh(saved)
            refreshed += 1
        except Exception:  # one broken search must not stop the others
            logger.exception("The smart collection of the saved search %s (%s) was not refreshed", saved.pk, saved)
        if time.monotonic() > stop:
            logger.warning("Not all smart collections could be refreshed in %s seconds; the others follow", interval)
            break
    return refreshed


def _matching(saved: SavedSearch) -> list[int]:
    matches = search(query_of(saved), saved.owner).matches
    return list(matches.order_by("-pk").values_list("pk", flat=True)[:DEEPEST])


def _set_members(collection_id: int, ids: Sequence[int]) -> None:
    """Write the difference. Assets that are being deleted are waited for, and left out."""
    if not Collection.objects.select_for_update().filter(pk=collection_id, smart=True).exists():
        return
    links = Collection.assets.through.objects.filter(collection_id=collection_id)
    members = set(links.values_list("asset_id", flat=True))
    if new := sorted(set(ids) - members):
        with connections[links.db].cursor() as cursor:
            cursor.execute(
                "INSERT INTO assets_collection_assets (collection_id, asset_id)"
                " SELECT %s, id FROM assets_asset WHERE id = ANY (%s) ORDER BY id FOR KEY SHARE"
                " ON CONFLICT DO NOTHING",
                [collection_id, new],
            )
    if gone := members - set(ids):
        links.filter(asset_id__in=gone).delete()


def checked_name(saved: SavedSearch, name: str) -> str:
    """Return the name as this search may have it; raise InvalidQuery."""
    name = name.strip()
    longest = SavedSearch._meta.get_field("name").max_length or 0
    taken = SavedSearch.objects.filter(owner=saved.owner, name=name).exclude(pk=saved.pk)
    if not name:
        problem = _("Give the search a name.")
    elif not name.isprintable():
        problem = _("A name has no line breaks or control characters.")
    elif len(name) > longest:
        problem = _("A name has at most %d characters.") % longest
    elif taken.exists():
        problem = _("There is a saved search “%s” of yours already.") % name
    else:
        return name
    raise InvalidQuery({"name": [problem]})


def checked_query(saved: SavedSearch, query: SearchQuery) -> str:
    """Return the query's parameters as this search may have them; raise InvalidQuery."""
    if not query:
        raise InvalidQuery({"query": [_("There is nothing to search for in this query.")]})
    for kind in (Kind.PICTURE, Kind.URL):
        if query.of_kind(kind):
            problem = _("Pictures to search with are kept for a day only. Add it to the library and use like:NUMBER.")
            raise InvalidQuery({kind: [problem]})
    wanted = {int(part.value) for part in query.of_kind(Kind.LIKE)}
    there = Asset.objects.visible_to(saved.owner).filter(pk__in=wanted).values_list("pk", flat=True)
    if missing := sorted(wanted - set(there)):
        raise InvalidQuery({"like": [_("There is no asset %d.") % missing[0]]})
    if query.space:
        spaces.named(query)
    text = query.params().urlencode()
    if saved.collection_id is not None:
        _refuse_circle(saved.collection_id, text)
    return text


def checked_slug(name: str, user: Any) -> str:
    """Return the slug of the smart collection of a search of this name; raise InvalidQuery and PermissionDenied."""
    if not user.has_perm("assets.add_collection"):
        raise PermissionDenied(_("A smart collection takes the permission to add collections."))
    try:
        slug = Collection.slug_of(name)
    except ValueError as error:
        raise InvalidQuery({"name": [str(error)]}) from error
    if Collection.objects.filter(slug=slug).exists():
        raise InvalidQuery({"name": [_("There is a collection “%s” already.") % slug]})
    return slug


def _new_collection(saved: SavedSearch, user: Any) -> Collection:
    defaults = {"name": saved.name, "smart": True, "created_by": saved.owner}
    slug = checked_slug(saved.name, user)
    collection, created = Collection.objects.get_or_create(slug=slug, defaults=defaults)
    if not created:  # at this very moment
        raise InvalidQuery({"name": [_("There is a collection “%s” already.") % slug]})
    return collection


def _refuse_circle(collection_id: int, text: str) -> None:
    """Raise InvalidQuery when a query filters by the collection that it fills, or by one that is filled from it."""
    asked = QueryDict(text).getlist("collection")
    seen: set[int] = set()
    while asked:
        collections = Collection.objects.filter(Q(slug__in=asked) & ~Q(pk__in=seen))
        found = {collection.pk: collection for collection in collections}
        if collection_id in found:
            problem = _("The smart collection “%s” cannot be filled from itself.") % found[collection_id]
            raise InvalidQuery({"collection": [problem]})
        seen |= set(found)
        queries = SavedSearch.objects.filter(collection__in=found).values_list("query", flat=True)
        asked = [slug for query in queries for slug in QueryDict(query).getlist("collection")]
