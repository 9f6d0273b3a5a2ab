"""The Celery application; settings are Django's, with the prefix ``CELERY_``."""

import os

from celery import Celery
from kombu.transport import TRANSPORT_ALIASES

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dam.settings")

TRANSPORT_ALIASES["pgmq"] = "dam.pgmq:Transport"

app = Celery("dam")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

import dam.memory  # noqa: E402, F401 - connects itself; it reads the settings that are named above
