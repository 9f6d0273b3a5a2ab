"""The WSGI entry point of the web server."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dam.settings")
# No request may keep the database busy for longer; migrations, index builds and workers may.
os.environ.setdefault("DAM_STATEMENT_TIMEOUT_MS", "30000")

application = get_wsgi_application()
