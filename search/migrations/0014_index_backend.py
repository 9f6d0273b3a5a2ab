from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("search", "0013_ask")]

    operations: list = []
