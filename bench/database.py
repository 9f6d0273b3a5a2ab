"""A database of the bench's own: an embedded PostgreSQL in a data directory that is kept between runs."""

import atexit
import os
from pathlib import Path


def connect(data: Path) -> None:
    """Start the server of this data directory, point Django at it with the project's own settings, and migrate."""
    data.mkdir(parents=True, exist_ok=True)
    os.environ["DAM_DATA_DIR"] = str(data.resolve())
    os.environ["DJANGO_SETTINGS_MODULE"] = "dam.settings"
    os.environ["DAM_LOG_LEVEL"] = "WARNING"
    os.environ.pop("DATABASE_URL", None)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from dam import postgres

    atexit.register(postgres.start(data).stop)

    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
