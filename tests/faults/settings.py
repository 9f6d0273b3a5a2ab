"""The settings of a library, with the broker's connections led through a socket of the test's own.

The broker is a part of the database: only so can one fail without the other.
"""

import os

from psycopg.conninfo import make_conninfo

from dam.settings import *  # noqa: F403

if directory := os.environ.get("FAULTS_BROKER"):
    options = CELERY_BROKER_TRANSPORT_OPTIONS  # noqa: F405
    options["conn_string"] = make_conninfo(options["conn_string"], host=directory)
