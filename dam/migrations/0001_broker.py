from django.db import migrations


def install_pgmq(apps, schema_editor):
    """Install the message queue's SQL schema, unless the database has it: installing it twice fails."""
    from pgmq.install import get_embedded_install_sql

    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT to_regnamespace('pgmq') IS NOT NULL")
        if not cursor.fetchone()[0]:
            cursor.execute(get_embedded_install_sql())


class Migration(migrations.Migration):
    operations = [migrations.RunPython(install_pgmq, migrations.RunPython.noop)]
