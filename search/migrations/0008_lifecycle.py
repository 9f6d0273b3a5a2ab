from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('search', '0007_descriptions'),
    ]

    operations = [
        migrations.AddField(
            model_name='embeddingmodel',
            name='named_by_settings',
            field=models.BooleanField(default=False, editable=False),
        ),
        migrations.AlterField(
            model_name='embeddingmodel',
            name='state',
            field=models.CharField(choices=[('building', 'building'), ('active', 'active'), ('retired', 'retired'), ('pruning', 'being deleted')], default='building', max_length=8, verbose_name='state'),
        ),
    ]
