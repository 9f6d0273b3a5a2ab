"""The mirror of vectors in an index outside of the database, and the triggers that write down what it owes.

A row is written only for a model that has a mirror: without one (``DAM_INDEX=pgvector``) a vector that is written costs
one look into an empty table more.
"""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

TRIGGERS = """
    CREATE FUNCTION search_mirror_embedding() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP <> 'INSERT' THEN
            INSERT INTO search_mirrorchange (model_id, embedding_id)
            SELECT OLD.model_id, OLD.id WHERE EXISTS (SELECT FROM search_mirror WHERE model_id = OLD.model_id);
        END IF;
        IF TG_OP = 'INSERT' OR (TG_OP = 'UPDATE' AND NEW.model_id <> OLD.model_id) THEN
            INSERT INTO search_mirrorchange (model_id, embedding_id)
            SELECT NEW.model_id, NEW.id WHERE EXISTS (SELECT FROM search_mirror WHERE model_id = NEW.model_id);
        END IF;
        RETURN NULL;
    END $$;

    CREATE TRIGGER mirror_inserted AFTER INSERT ON search_embedding FOR EACH ROW
        WHEN (NEW.vector IS NOT NULL) EXECUTE FUNCTION search_mirror_embedding();
    CREATE TRIGGER mirror_deleted AFTER DELETE ON search_embedding FOR EACH ROW
        WHEN (OLD.vector IS NOT NULL) EXECUTE FUNCTION search_mirror_embedding();
    CREATE TRIGGER mirror_updated AFTER UPDATE OF vector, asset_id, model_id ON search_embedding FOR EACH ROW
        WHEN (
            OLD.vector IS DISTINCT FROM NEW.vector
            OR (OLD.asset_id, OLD.model_id) IS DISTINCT FROM (NEW.asset_id, NEW.model_id)
        )
        EXECUTE FUNCTION search_mirror_embedding();

    -- What the mirror filters by stands on the asset.
    CREATE FUNCTION search_mirror_asset() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO search_mirrorchange (model_id, embedding_id)
        SELECT e.model_id, e.id FROM search_embedding e
        WHERE e.asset_id = NEW.id AND e.vector IS NOT NULL AND e.model_id IN (SELECT model_id FROM search_mirror);
        RETURN NULL;
    END $$;

    CREATE TRIGGER mirror_asset AFTER UPDATE OF kind, created_at ON assets_asset FOR EACH ROW
        WHEN ((OLD.kind, OLD.created_at) IS DISTINCT FROM (NEW.kind, NEW.created_at))
        EXECUTE FUNCTION search_mirror_asset();
"""

NO_TRIGGERS = """
    DROP TRIGGER mirror_asset ON assets_asset;
    DROP TRIGGER mirror_updated ON search_embedding;
    DROP TRIGGER mirror_deleted ON search_embedding;
    DROP TRIGGER mirror_inserted ON search_embedding;
    DROP FUNCTION search_mirror_asset();
    DROP FUNCTION search_mirror_embedding();
"""


class Migration(migrations.Migration):
    dependencies = [("search", "0013_ask")]

    operations = [
        migrations.CreateModel(
            name="Mirror",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("collection", models.CharField(max_length=64, unique=True)),
                (
                    "state",
                    models.CharField(
                        choices=[("building", "Building"), ("ready", "Ready"), ("retired", "Retired")],
                        default="building",
                        max_length=8,
                    ),
                ),
                ("copied", models.BigIntegerField(default=0)),
                ("upto", models.BigIntegerField(default=0)),
                ("changed_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "model",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="mirrors",
                        to="search.embeddingmodel",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "retired"), _negated=True),
                        fields=("model", "state"),
                        name="one_mirror_per_state",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="MirrorChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("model_id", models.BigIntegerField()),
                ("embedding_id", models.BigIntegerField()),
                ("mirrored_at", models.DateTimeField(null=True)),
                ("changed_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "indexes": [models.Index(fields=["model_id", "id"], name="mirror_change_of_model")],
            },
        ),
        migrations.RunSQL(TRIGGERS, NO_TRIGGERS),
    ]
