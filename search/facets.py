"""How many of the matches there are by tag, kind, collection, year and uploader: in one round trip."""

from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.models import QuerySet

from assets.models import Asset

MOST_VALUES = 30
NAMES = ("tag", "collection", "kind", "year", "uploader")

# A tag stands for what is below it in the tree, as the filter `tag` does; so its count does too.
_SQL = """
WITH RECURSIVE matches AS MATERIALIZED ({matches}),
upward (tag_id, above_id) AS (
    SELECT id, id FROM assets_tag
    UNION
    SELECT upward.tag_id, above.parent_id
    FROM upward JOIN assets_tag above ON above.id = upward.above_id
    WHERE above.parent_id IS NOT NULL
)
SELECT 'tag', tag.slug, tag.name, count(DISTINCT link.asset_id)
FROM matches
JOIN assets_asset_tags link ON link.asset_id = matches.id
JOIN upward USING (tag_id)
JOIN assets_tag tag ON tag.id = upward.above_id
GROUP BY tag.id
UNION ALL
SELECT 'collection', collection.slug, collection.name, count(*)
FROM matches
JOIN assets_collection_assets link ON link.asset_id = matches.id
JOIN assets_collection collection ON collection.id = link.collection_id
GROUP BY collection.id
UNION ALL
SELECT 'kind', kind, kind, count(*) FROM matches GROUP BY kind
UNION ALL
SELECT 'year', year, year, count(*)
FROM (SELECT to_char(coalesce(taken_at, created_at) AT TIME ZONE 'UTC', 'YYYY') AS year FROM matches) AS years
GROUP BY year
UNION ALL
SELECT 'uploader', uploader.username, uploader.username, count(*)
FROM matches JOIN auth_user uploader ON uploader.id = matches.uploaded_by_id
GROUP BY uploader.id
ORDER BY 1, 4 DESC, 3
"""


def facets(matches: "QuerySet[Asset]", user: Any) -> dict[str, list[dict[str, Any]]]:
    """Return for each facet its most frequent values: ``{"tag": [{"value", "label", "count"}, …], …}``.

    ``matches`` are assets that the user may see. The year is that in which a picture was taken, else created. Visitors
    who have not signed in are not told who uploads.
    """
    counted: dict[str, list[dict[str, Any]]] = {
        name: [] for name in NAMES if name != "uploader" or user.is_authenticated
    }
    columns = matches.order_by().values("id", "kind", "taken_at", "created_at", "uploaded_by_id")
    try:
        sql, params = columns.query.sql_with_params()
    except EmptyResultSet:
        return counted
    with connections[matches.db].cursor() as cursor:
        cursor.execute(_SQL.format(matches=sql), params)
        for name, value, label, count in cursor.fetchall():
            if name in counted and len(counted[name]) < MOST_VALUES:
                counted[name].append({"value": value, "label": label, "count": count})
    return counted
