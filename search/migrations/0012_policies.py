from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("search", "0011_dam_sql")]

    operations: list = []
