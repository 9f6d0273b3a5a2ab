import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("search", "0012_policies"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Ask',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('what', models.CharField(choices=[('question', 'question'), ('description', 'description')], default='question', max_length=12, verbose_name='what')),
                ('question', models.TextField(verbose_name='question')),
                ('search', models.TextField(blank=True, verbose_name='search')),
                ('assets', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list, size=None, verbose_name='assets sent')),
                ('model', models.CharField(max_length=255, verbose_name='model')),
                ('reserved', models.PositiveIntegerField(verbose_name='tokens reserved')),
                ('tokens_in', models.PositiveIntegerField(null=True, verbose_name='tokens in')),
                ('tokens_out', models.PositiveIntegerField(null=True, verbose_name='tokens out')),
                ('outcome', models.CharField(choices=[('pending', 'no end recorded'), ('answered', 'answered'), ('nothing', 'no picture to show'), ('declined', 'declined by the model'), ('failed', 'failed'), ('abandoned', 'left before the end')], default='pending', max_length=10, verbose_name='outcome')),
                ('problem', models.TextField(blank=True, verbose_name='problem')),
                ('answer', models.JSONField(default=list, verbose_name='answer')),
                ('asked_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), db_index=True, verbose_name='asked')),
                ('ended_at', models.DateTimeField(null=True, verbose_name='ended')),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='asks', to=settings.AUTH_USER_MODEL, verbose_name='user')),
            ],
            options={
                'verbose_name': 'question to the language model',
                'verbose_name_plural': 'questions to the language model',
                'ordering': ['-pk'],
            },
        ),
    ]
