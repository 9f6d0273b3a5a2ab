from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("search", "0010_query_vectors_have_one_index")]

    operations: list = []
