"""The WSGI entry point of the web server."""

import os
import threading

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dam.settings")
# No request may keep the database busy for longer; migrations, index builds and workers may.
os.environ.setdefault("DAM_STATEMENT_TIMEOUT_MS", "30000")

application = get_wsgi_application()

if os.environ.get("DAM_WARM_UP"):  # set by ``manage.py up``; it costs the process a model's memory from the start
    from search.vectors import warm_up

    threading.Thread(target=warm_up, name="warm-up", daemon=True).start()
