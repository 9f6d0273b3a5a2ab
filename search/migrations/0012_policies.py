from importlib import import_module
from typing import Any

import django.core.validators
import django.db.models.deletion
import pgvector.django.halfvec
from django.conf import settings
from django.db import migrations, models

dam_sql = import_module("search.migrations.0011_dam_sql")
BEFORE = import_module("search.migrations.0009_match_images_main").NOW

# The threshold is applied to what was found, not in the scan: there it would make the scan go on through the whole
# index when fewer rows than match_count are near enough. Rights are in the scan, which goes on until it has as many
# visible rows as it was asked for. What it does so by is set here, because not everybody who calls it is Django.
MATCH_IMAGES = """
CREATE FUNCTION dam_sql.match_images(query_embedding vector, match_threshold double precision, match_count integer)
RETURNS TABLE (id bigint, image text, similarity double precision)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = {path}
SET hnsw.iterative_scan = 'relaxed_order'
SET hnsw.ef_search = 400
SET hnsw.max_scan_tuples = 2147483647
SET hnsw.scan_mem_multiplier = 64
AS $match$
DECLARE
    model search_embeddingmodel;
    statement text := 'SELECT array_agg(id), array_agg(url), array_agg(distance) FROM ('
        'SELECT images.id, images.url, (embedding <-> $1)%1$s AS distance FROM dam_sql.images'
        ' WHERE embedding IS NOT NULL ORDER BY (embedding <-> $1)%1$s LIMIT $2) AS near';
    wanted integer;
    ids bigint[];
    urls text[];
    distances double precision[];
    asked halfvec;
BEGIN
    SELECT * INTO model FROM search_embeddingmodel
    WHERE state = 'active' AND embeds = 'picture' AND asked_by_text;
    IF model.id IS NULL THEN
        RAISE EXCEPTION 'match_images: no embedding model is active' USING HINT = 'Run manage.py register_model.';
    END IF;
    IF query_embedding IS NULL THEN
        RAISE invalid_parameter_value USING MESSAGE = 'match_images: query_embedding is null';
    END IF;
    IF vector_dims(query_embedding) <> model.dimensions THEN
        RAISE invalid_parameter_value USING MESSAGE = format(
            'match_images: query_embedding has %s dimensions, the model %s has %s',
            vector_dims(query_embedding), model.name, model.dimensions);
    END IF;
    IF vector_norm(query_embedding) = 0 THEN
        RAISE invalid_parameter_value USING MESSAGE = 'match_images: query_embedding is a vector of zeros';
    END IF;
    IF match_threshold IS NULL OR match_threshold NOT BETWEEN -1 AND 1 THEN -- nor NaN, which is above every number
        RAISE invalid_parameter_value USING MESSAGE = format(
            'match_images: match_threshold is a cosine from -1 to 1, not %s', coalesce(match_threshold::text, 'null'));
    END IF;
    IF match_count IS NULL OR match_count NOT BETWEEN 1 AND 10000 THEN
        RAISE invalid_parameter_value USING MESSAGE = format(
            'match_images: match_count must be from 1 to 10000, not %s', coalesce(match_count::text, 'null'));
    END IF;
    asked := l2_normalize(query_embedding);
    wanted := match_count + 200; -- relaxed scans answer slightly out of order
    -- As search.ranking does it: of many rows the index is asked, and few are all compared (exact_rows says what is few
    -- for so many results); so are all of them where the index comes back short.
    IF EXISTS (
        SELECT FROM pg_class WHERE oid = to_regclass('embedding_hnsw_' || model.id)
        AND reltuples > coalesce(model.exact_rows, 20000) * sqrt((match_count + 20) / 220.0)
    ) THEN
        PERFORM set_config(
            'hnsw.ef_search', least(1000, greatest(coalesce(model.ef_search, 400), 2 * match_count))::text, true);
        EXECUTE format(statement, '') INTO ids, urls, distances USING asked, wanted;
    END IF;
    IF ids IS NULL OR cardinality(ids) < wanted THEN
        EXECUTE format(statement, ' + 0') INTO ids, urls, distances USING asked, wanted;
    END IF;
    RETURN QUERY
        SELECT near.id, near.url, 1 - near.distance * near.distance / 2
        FROM unnest(ids, urls, distances) AS near (id, url, distance)
        WHERE 1 - near.distance * near.distance / 2 >= match_threshold
        ORDER BY near.distance, near.id LIMIT match_count;
END
$match$;
COMMENT ON FUNCTION dam_sql.match_images IS 'The visible assets most similar to a vector of the active model, most'
    ' similar first: those of at least this cosine, each with the address of its original.';
"""


def forwards(apps: Any, schema_editor: Any) -> None:
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(MATCH_IMAGES.format(path=dam_sql.search_path(cursor)))
        dam_sql.grant(cursor)


class Migration(migrations.Migration):
    dependencies = [
        ("search", "0011_dam_sql"),
        ("assets", "0003_segments_and_attempts"),
        ("knox", "0009_extend_authtoken_field"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ApiKey',
            fields=[
                ('token', models.OneToOneField(editable=False, on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='key', serialize=False, to='knox.authtoken')),
                ('name', models.CharField(max_length=100, verbose_name='name')),
                ('read_only', models.BooleanField(default=True, verbose_name='read only')),
            ],
        ),
        migrations.CreateModel(
            name='Policy',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100, unique=True, verbose_name='name')),
                ('text', models.TextField(help_text='What is to be flagged, in words, as in the search box: knife (gun or rifle)^0.5 -kitchen', verbose_name='text')),
                ('threshold', models.PositiveSmallIntegerField(default=50, help_text='Relevance in percent, as search results show it; from 50 % an asset is a match.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(99)], verbose_name='flag from')),
                ('enabled', models.BooleanField(default=True, help_text='Switched off, it flags nothing; decisions are kept, open flags are not.', verbose_name='on')),
                ('vector', pgvector.django.halfvec.HalfVectorField(editable=False, null=True)),
                ('centre', models.FloatField(editable=False, null=True)),
                ('cut', models.FloatField(editable=False, null=True)),
                ('farthest', models.FloatField(editable=False, null=True)),
                ('checked_at', models.DateTimeField(editable=False, null=True, verbose_name='checked')),
                ('problem', models.TextField(blank=True, editable=False, verbose_name='problem')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('model', models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='search.embeddingmodel')),
            ],
            options={
                'verbose_name': 'policy',
                'verbose_name_plural': 'policies',
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='PolicyFlag',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('similarity', models.FloatField(verbose_name='similarity')),
                ('state', models.CharField(choices=[('open', 'open'), ('confirmed', 'confirmed'), ('dismissed', 'dismissed')], default='open', max_length=9, verbose_name='state')),
                ('decided_at', models.DateTimeField(null=True, verbose_name='decided')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='flagged')),
                ('asset', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='policy_flags', to='assets.asset', verbose_name='asset')),
                ('decided_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='decided by')),
                ('policy', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='flags', to='search.policy', verbose_name='policy')),
            ],
            options={
                'verbose_name': 'flag',
                'verbose_name_plural': 'flags',
                'indexes': [models.Index(fields=['state', 'policy'], name='flags_to_review')],
                'constraints': [models.UniqueConstraint(fields=('policy', 'asset'), name='one_flag_of_a_policy')],
            },
        ),
        # One function, in the schema of who writes SQL.
        migrations.RunSQL("DROP FUNCTION public.match_images(vector, double precision, integer)", BEFORE),
        migrations.RunPython(
            forwards,
            lambda apps, schema_editor: schema_editor.execute(
                "DROP FUNCTION dam_sql.match_images(vector, double precision, integer)"
            ),
        ),
    ]
