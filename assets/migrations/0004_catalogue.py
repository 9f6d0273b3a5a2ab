import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("assets", "0003_segments_and_attempts")]

    operations = [
        migrations.CreateModel(
            name="CatalogueRow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("catalogue", models.CharField(max_length=100, verbose_name="catalogue")),
                ("key", models.CharField(max_length=200, null=True, verbose_name="key")),
                ("line", models.PositiveBigIntegerField(verbose_name="line")),
                ("source", models.TextField(blank=True, verbose_name="source")),
                ("said", models.JSONField(default=dict, verbose_name="said")),
                ("problem", models.TextField(blank=True, verbose_name="problem")),
                ("updated_at", models.DateTimeField(auto_now=True, verbose_name="updated")),
                (
                    "asset",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="catalogue_rows",
                        to="assets.asset",
                        verbose_name="asset",
                    ),
                ),
            ],
            options={
                "verbose_name": "catalogue row",
                "verbose_name_plural": "catalogue rows",
                "ordering": ["catalogue", "line", "pk"],
                "indexes": [
                    models.Index(fields=["catalogue", "line"], name="catalogue_line"),
                    models.Index(
                        condition=models.Q(("problem", ""), _negated=True),
                        fields=["catalogue"],
                        name="catalogue_problem",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("catalogue", "key"), name="one_catalogue_row_per_key")
                ],
            },
        ),
    ]
