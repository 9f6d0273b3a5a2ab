"""The WSGI entry point; ``python -m dam.wsgi`` is the web server."""

import os
import threading

from django.core.wsgi import get_wsgi_application

import dam.env  # noqa: F401 - reads .env, whose values come before these

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dam.settings")
# No request may keep the database busy for longer, or wait longer for the encoder; migrations and workers may.
os.environ.setdefault("DAM_STATEMENT_TIMEOUT_MS", "30000")
os.environ.setdefault("DAM_ENCODER_SECONDS", "3")
os.environ.setdefault("DAM_REMOTE_TIMEOUT", "4")

application = get_wsgi_application()

if os.environ.get("DAM_WARM_UP"):  # set by ``manage.py up``; without DAM_ENCODER_URL this process loads a model
    from search.vectors import warm_up

    threading.Thread(target=warm_up, name="warm-up", daemon=True).start()

if __name__ == "__main__":
    from dam.web import serve  # not before the settings know what is set above

    serve(application)
