"""Settings of the test session: an embedded PostgreSQL of its own, in a temporary directory.

A worker that a test starts reads the same settings in its own process, and the database from ``DATABASE_URL``.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # as many processes as cores: more threads would only wait

if "DAM_DATA_DIR" not in os.environ:  # the controlling process, alone or of several, whose environment others inherit
    data_dir = Path(tempfile.mkdtemp(prefix="dam-test-"))
    os.environ["DAM_DATA_DIR"] = str(data_dir)
    from dam import postgres

    server = postgres.start(data_dir)

    @atexit.register
    def clean_up() -> None:
        server.stop()
        shutil.rmtree(data_dir, ignore_errors=True)


from dam.settings import *  # noqa: F403

MIDDLEWARE.remove("whitenoise.middleware.WhiteNoiseMiddleware")  # noqa: F405 - no static files are collected
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}  # noqa: F405
DATABASES["default"]["OPTIONS"].pop("pool", None)  # noqa: F405 - a test database must have no open connections
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
LOGGING["loggers"]["celery"] = {"level": "INFO"}  # noqa: F405 - tests wait for a worker to say that it is ready
