from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("search", "0012_policies")]

    operations: list = []
