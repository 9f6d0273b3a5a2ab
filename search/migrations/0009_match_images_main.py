from importlib import import_module

from django.db import migrations

BEFORE = import_module("search.migrations.0004_match_images").CREATE.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
# Spaces of several kinds are active side by side: the function is about that of pictures which are asked by text.
NOW = BEFORE.replace("WHERE state = 'active'", "WHERE state = 'active' AND embeds = 'picture' AND asked_by_text")


class Migration(migrations.Migration):
    dependencies = [("search", "0008_lifecycle")]

    operations = [migrations.RunSQL(NOW, BEFORE)]
