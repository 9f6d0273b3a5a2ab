"""Assets by their words: PostgreSQL full text over what migration 0003 keeps in ``AssetText``.

The database makes words of what people type just as it does of what they wrote (``dam_words``): English stems without
accents, pairs of characters for Chinese, Japanese and Korean. Of what was typed only letters and digits reach a query.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import reduce
from operator import and_
from typing import Any

from django.contrib.postgres.search import SearchQuery, SearchRank
from django.db import connections
from django.db.models import F, Func, Q, Value

from assets.querysets import AssetQuerySet
from search.models import AssetText

# What a word counts by where it stands, as ts_rank wants it: D, C, B, A.
FIELDS = {"A": "title", "B": "tags", "C": "description", "D": "filename"}
WEIGHTS = [0.5, 0.3, 0.8, 1.0]

# As in the migration: what is written without spaces between words.
CJK = (
    r"\u1100-\u11ff\u3005-\u3007\u3041-\u309a\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3105-\u318f\u31a0-\u31bf"
    r"\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff"
)
_RUN_OR_WORD = re.compile(rf"[{CJK}]+|[^ {CJK}]+")
_RUN = re.compile(rf"[{CJK}]+")
_UNSENDABLE = re.compile("[\x00\ud800-\udfff]")  # what a PostgreSQL text cannot hold

_WHERE_FOUND = """
WITH wanted(lexeme, typed) AS (
    SELECT lexeme, word FROM unnest(%(words)s::text[]) AS word,
        unnest(tsvector_to_array(to_tsvector('english', dam_words(word)))) AS lexeme
    UNION SELECT pair, pair FROM unnest(%(pairs)s::text[]) AS pair
    UNION SELECT single || ':*', single FROM unnest(%(singles)s::text[]) AS single
)
SELECT DISTINCT asset_id, weight, typed
FROM search_assettext
    CROSS JOIN unnest(document) AS found
    CROSS JOIN unnest(ARRAY[found.lexeme, left(found.lexeme, 1) || ':*']) AS key
    JOIN wanted ON wanted.lexeme = key
    CROSS JOIN unnest(found.weights) AS weight
WHERE asset_id = ANY (%(ids)s)
"""


def matching(assets: AssetQuerySet, texts: Sequence[str], avoided: Sequence[str] = ()) -> AssetQuerySet | None:
    """Return the assets that have every word of all ``texts``, each with its ``text_rank``: the higher, the better.

    Those that have all words of one of the ``avoided`` texts are left out. None when there is no word in ``texts``,
    only what is in every text ("the") or no letter or digit at all. One Chinese, Japanese or Korean character by itself
    is found wherever it stands.
    """
    texts = [_sendable(text) for text in texts]
    if not _have_words(assets, "dam_all_words", texts):
        return None
    without = [~_query("dam_all_words", _sendable(text)) for text in avoided]
    query = reduce(and_, [*(_query("dam_all_words", text) for text in texts), *without])
    rank = SearchRank(F("text__document"), query, weights=WEIGHTS)
    return assets.filter(text__document=query).annotate(text_rank=rank)


def containing(assets: AssetQuerySet, phrase: str) -> AssetQuerySet:
    """Return the assets that have these words in this order, in one field; raise ValueError for one without any."""
    return assets.filter(_has(assets, phrase))


def not_containing(assets: AssetQuerySet, phrase: str) -> AssetQuerySet:
    """Return the assets that ``containing`` leaves out; raise ValueError for a phrase without any word."""
    return assets.exclude(_has(assets, phrase))


def exactly_named(assets: AssetQuerySet, text: str) -> AssetQuerySet:
    """Return the assets whose file name or title is this text, in whatever case."""
    name = _sendable(text).strip()
    if not name:
        return assets.none()
    return assets.filter(Q(filename__iexact=name) | Q(title__iexact=name))


def reasons(asset_ids: Sequence[int], texts: Sequence[str]) -> dict[int, list[dict[str, Any]]]:
    """Return which words of ``texts`` these assets have, as typed, and where; assets that have none are left out.

    By asset id, for example ``[{"signal": "text", "field": "title", "words": ["truck"]}]``; one query.
    """
    typed = list(dict.fromkeys(piece for text in texts for piece in _pieces(_sendable(text))))
    runs = [piece for piece in typed if _RUN.fullmatch(piece)]
    sought: dict[str, Any] = {
        "ids": list(asset_ids),
        "words": [piece for piece in typed if not _RUN.fullmatch(piece)],
        "pairs": [run[at : at + 2] for run in runs for at in range(len(run) - 1)],
        "singles": [run for run in runs if len(run) == 1],
    }
    found: dict[tuple[int, str], set[str]] = defaultdict(set)
    if asset_ids and typed:
        with connections[AssetText.objects.db].cursor() as cursor:
            cursor.execute(_WHERE_FOUND, sought)
            for asset_id, weight, word in cursor.fetchall():
                found[asset_id, weight].add(word)
    where: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for asset_id, weight in sorted(found):
        words = [word for piece in typed for word in _found_of(piece, found[asset_id, weight])]
        where[asset_id].append({"signal": "text", "field": FIELDS[weight], "words": words})
    return dict(where)


def _has(assets: AssetQuerySet, phrase: str) -> Q:
    sendable = _sendable(phrase)
    if not _have_words(assets, "dam_phrase", [sendable]):
        raise ValueError(f"“{phrase}” has no word to look for.")
    return Q(text__document=_query("dam_phrase", sendable))


def _query(function: str, text: str) -> SearchQuery:
    """Return the query that the migration's function makes of a text."""
    return SearchQuery(Func(Value(text), function=function), config="english", search_type="raw")


def _have_words(assets: AssetQuerySet, function: str, texts: Sequence[str]) -> bool:
    """Ask the database, which alone knows what is a word to it; about 0.2 ms."""
    with connections[assets.db].cursor() as cursor:
        sql = f"SELECT bool_or(numnode(to_tsquery('english', {function}(text))) > 0) FROM unnest(%s::text[]) AS text"  # noqa: S608
        cursor.execute(sql, [list(texts)])
        return bool(cursor.fetchone()[0])


def _sendable(text: str) -> str:
    return _UNSENDABLE.sub(" ", text)


def _pieces(text: str) -> Iterator[str]:
    """Yield the words of a text as they were typed, and the runs of characters that are written without spaces."""
    spaced = "".join(
        character if unicodedata.category(character)[0] in "LMN" or unicodedata.category(character) == "Cf" else " "
        for character in unicodedata.normalize("NFKC", text)
    )
    return (piece[0] for piece in _RUN_OR_WORD.finditer(spaced))


def _found_of(piece: str, found: set[str]) -> list[str]:
    """Return what was found of a piece: the word itself, or as much of a run as its found pairs cover."""
    if len(piece) == 1 or not _RUN.fullmatch(piece):
        return [piece] if piece in found else []
    stretches: list[str] = []
    end = -1
    for at in range(len(piece) - 1):
        if piece[at : at + 2] not in found:
            continue
        if at == end:
            stretches[-1] += piece[at + 1]
        else:
            stretches.append(piece[at : at + 2])
        end = at + 1
    return stretches
