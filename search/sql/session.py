"""A connection of the console's own: signed in as a role that can read the schema ``dam_sql`` alone.

``SET ROLE`` on the library's own connection would not do: a statement can undo it from within.
"""

from typing import Any

import psycopg
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

ROLE = "dam_sql"
NOT_OF_LIBPQ = ("pool", "options", "assume_role", "isolation_level", "server_side_binding")
# The rights of who has the server itself.
EVERYTHING = {"dam.user_id": "", "dam.public_read": "on"}


class NoSession(Exception):
    """There is no session for a statement; the message says why, and what to do."""


def rights(user: Any) -> dict[str, str]:
    """Return the settings of a session in which dam_sql shows what ``user`` may see; None: nobody has signed in.

    The one translation of a user into them; what they mean is ``dam_sql.sees_library``.
    """
    user = user or AnonymousUser()
    return {"dam.user_id": str(user.pk or ""), "dam.public_read": "on" if settings.DAM_PUBLIC_READ else "off"}


def address() -> str:
    """Return where the library's pages are, without a slash at the end."""
    host = f"[{settings.DAM_HOST}]" if ":" in settings.DAM_HOST else settings.DAM_HOST
    return settings.DAM_URL or f"http://{host}:{settings.DAM_PORT}"


def password() -> str:
    """Return the role's password where the server asks for one: the same wherever SECRET_KEY is."""
    return salted_hmac("search.sql.session", "the role dam_sql").hexdigest()


def is_embedded() -> bool:
    """Whether this is our own server, to which everybody on this machine's socket is trusted with any role."""
    database = connection.settings_dict
    return not database.get("PASSWORD") and str(database.get("HOST", "")).startswith("/")


def connect(asked_by: dict[str, str]) -> psycopg.Connection:
    """Return a new connection whose session has these ``rights``; raise NoSession. Close it."""
    main = connection.settings_dict
    database = settings.DAM_SQL_DATABASE or main | {"USER": ROLE, "PASSWORD": None if is_embedded() else password()}
    options = {name: value for name, value in main["OPTIONS"].items() if name not in NOT_OF_LIBPQ}
    with connection.cursor() as cursor:
        cursor.execute("SHOW search_path")
        (search_path,) = cursor.fetchone()
    session = asked_by | {
        "dam.url": address(),
        "search_path": f"dam_sql, {search_path}",
        "default_transaction_read_only": "on",
        "standard_conforming_strings": "on",
        "client_encoding": "UTF8",
        "statement_timeout": f"{round(settings.DAM_SQL_SECONDS * 1000)}",
        "timezone": settings.TIME_ZONE,
        "datestyle": "ISO",
    }
    # What the library's own connections have comes first: rankings are complete under any filter.
    given = [main["OPTIONS"].get("options", ""), *(f"-c {name}={_escaped(value)}" for name, value in session.items())]
    # That of the web process gives up on a server that hangs.
    opened_by = (main["OPTIONS"].get("pool") or {}).get("connection_class", psycopg.Connection)
    try:
        return opened_by.connect(
            host=database.get("HOST") or None,
            port=database.get("PORT") or None,
            dbname=database["NAME"],
            user=database["USER"],
            password=database.get("PASSWORD") or None,
            application_name="dam sql",
            autocommit=True,
            prepare_threshold=None,
            **options | {"options": " ".join(given)},
        )
    except psycopg.OperationalError as error:
        raise NoSession(
            _(
                "The role of the SQL console cannot sign in to the database: %s\n"
                "`manage.py install_sql` makes the role; DAM_SQL_DATABASE_URL names another way in."
            )
            % str(error).strip()
        ) from error


def _escaped(value: str) -> str:
    return "".join(f"\\{character}" if character in " \\" else character for character in value)
