from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("search", "0014_index_backend")]

    operations = [migrations.AddField("mirror", "told", models.BigIntegerField(default=0))]
