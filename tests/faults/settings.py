"""The settings of a library whose broker can fail without its database, and whose decoder fails over marked files.

The broker is a part of the database; here its connections are led through a socket of the test's own.
"""

import os

from botocore.config import Config
from psycopg.conninfo import make_conninfo

from assets.imaging import sandbox
from dam.settings import *  # noqa: F403

sandbox.DECODER = "tests.faults.decoder"

if directory := os.environ.get("FAULTS_BROKER"):
    options = CELERY_BROKER_TRANSPORT_OPTIONS  # noqa: F405
    options["conn_string"] = make_conninfo(options["conn_string"], host=directory)

if os.environ.get("FAULTS_HURRY") and DAM_S3_BUCKET:  # noqa: F405
    for name in ("originals", "renditions"):
        place = STORAGES[name]["OPTIONS"]  # noqa: F405
        place["client_config"] = place["client_config"].merge(Config(read_timeout=2))
