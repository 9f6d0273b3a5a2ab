"""What a space of descriptions embeds: the text that people wrote of an asset, and whether it has changed since.

The text is the asset's title, its description and the names of its tags and of the tags above them, each on a line of
its own, as ``dam_description`` in the database puts it together (migration 0007). An asset without any owes no vector.

The database's triggers keep the digest of every asset's text, whoever writes it; each row of the ledger has the digest
of the text that its vector was made of. Where the two differ the vector is owed again; until it is there, the asset is
found by the old one.
"""

from django.db import connections

from search.models import Embedding, EmbeddingModel

_TEXTS = """
    WITH texts AS (
        SELECT id, dam_description(title, description, names) AS described
        FROM assets_asset LEFT JOIN dam_tag_names(%(assets)s) ON asset_id = id
        WHERE id = ANY (%(assets)s)
    ), noted AS (
        UPDATE search_embedding AS row SET described = sha256(convert_to(texts.described, 'UTF8'))
        FROM texts WHERE row.asset_id = texts.id AND row.id = ANY (%(rows)s)
    )
    SELECT row.id, texts.described
    FROM search_embedding AS row JOIN texts ON texts.id = asset_id
    WHERE row.id = ANY (%(rows)s) AND texts.described IS NOT NULL
"""
_CHANGED = """
    UPDATE search_embedding
    SET state = 'pending', attempts = 0, leased_until = NULL, problem = '', started_at = NULL, finished_at = NULL
    WHERE id IN (
        SELECT row.id FROM search_embedding AS row JOIN search_assettext AS text USING (asset_id)
        WHERE model_id = %(model)s AND state <> 'pending' AND row.described IS DISTINCT FROM text.described
        FOR UPDATE OF row SKIP LOCKED
    )
"""
_GONE = """
    DELETE FROM search_embedding AS row USING search_assettext AS text
    WHERE text.asset_id = row.asset_id AND model_id = %(model)s AND text.described IS NULL
"""


def owe() -> int:
    """Owe every live space of descriptions what was written or changed since; return how many vectors that are.

    Vectors of assets that have no text any more are deleted. One query where there is no such space.
    """
    owed = 0
    for model in EmbeddingModel.objects.live().filter(embeds=EmbeddingModel.Embeds.DESCRIPTION):
        owed += Embedding.objects.owe_all(model)
        with connections[Embedding.objects.db].cursor() as cursor:
            cursor.execute(_GONE, {"model": model.pk})
            cursor.execute(_CHANGED, {"model": model.pk})
            owed += cursor.rowcount
    return owed


def texts_of(rows: list[Embedding]) -> dict[int, str]:
    """Return by row the text that its vector is to be made of, and note its digest on the row.

    Rows of assets that have no text any more, or are deleted, are left out. The digest is noted before there is a
    vector, also for a text that no vector can be made of: it is tried again when it has changed, and not before.
    """
    with connections[Embedding.objects.db].cursor() as cursor:
        cursor.execute(_TEXTS, {"assets": [row.asset_id for row in rows], "rows": [row.pk for row in rows]})
        return dict(cursor.fetchall())
