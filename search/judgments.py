"""What people say of results: whether an asset is what a query asked for. Collected with ``DAM_JUDGMENTS`` alone."""

from dataclasses import replace
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from assets.models import Asset
from search.models import Judgment
from search.query import REFERENCES, InvalidQuery, Mode, SearchQuery, Sort

# Queries are told apart in an index of the database, whose entries must be shorter than 2,700 bytes.
LONGEST = 2000


def wanted() -> bool:
    """Whether this library collects judgments."""
    return settings.DAM_JUDGMENTS


def judge(query: SearchQuery, asset: Asset, user: Any, relevant: bool | None) -> str:
    """Keep what ``user`` says of ``asset``, which the user can see; None takes it back. Return the query as stored.

    It is kept under what was asked for, in whatever mode and order the results stood. Raises InvalidQuery.
    """
    text = asked(query)
    if relevant is None:
        Judgment.objects.filter(query=text, asset=asset, user=user).delete()
    else:
        said = Judgment(query=text, asset=asset, user=user, relevant=relevant, created_at=timezone.now())
        Judgment.objects.bulk_create(  # one statement: two clicks at once are no conflict
            [said],
            update_conflicts=True,
            unique_fields=["query", "asset", "user"],
            update_fields=["relevant", "created_at"],
        )
    return text


def of_user(query: SearchQuery, user: Any) -> dict[int, bool]:
    """Return what this user said of the results of a query, by asset id."""
    return dict(Judgment.objects.filter(query=asked(query), user=user).values_list("asset_id", "relevant"))


def asked(query: SearchQuery) -> str:
    """Return the query's parameters without its mode and order; raise InvalidQuery for what cannot be judged."""
    for kind in REFERENCES[1:]:
        if query.of_kind(kind):
            raise InvalidQuery(
                {kind: [_("A picture that is not in the library is forgotten: nothing can be judged by it.")]}
            )
    text = replace(query, mode=Mode.HYBRID, sort=Sort.RELEVANCE).params().urlencode()
    if not text or len(text) > LONGEST:
        raise InvalidQuery({"query": [_("Only queries of 1 to %d characters can be judged.") % LONGEST]})
    return text
