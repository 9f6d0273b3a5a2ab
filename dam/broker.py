"""Settings of the Celery broker: PostgreSQL itself (pgmq) by default, Redis when one is named."""

from typing import Any

from psycopg.conninfo import make_conninfo

# A message that no worker finishes within this many seconds is delivered again. Nothing depends on it: tasks may run
# twice, and what is owed stands in the database.
VISIBILITY_SECONDS = 600

# A database on another machine that vanished without a word is noticed within this time (seconds; milliseconds).
NETWORK: dict[str, Any] = {
    "connect_timeout": 3,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}


def transport_options(broker_url: str, database: dict[str, Any]) -> dict[str, Any]:
    """Return ``broker_transport_options`` for this broker; short timeouts, so that a dead one is noticed."""
    if not broker_url.startswith("pgmq://"):
        return {
            "visibility_timeout": VISIBILITY_SECONDS,
            "socket_timeout": 5,
            "socket_connect_timeout": 2,
            "health_check_interval": 25,
            "global_keyprefix": "dam:",
        }
    # The client would prefer DATABASE_URL to its own URL and drop a socket directory: always give it the whole string,
    # with a password that is not empty.
    conn_string = make_conninfo(
        host=database.get("HOST") or "localhost",
        port=database.get("PORT") or 5432,
        dbname=database["NAME"],
        user=database.get("USER") or "postgres",
        password=database.get("PASSWORD") or "unused",
        application_name="dam broker",
        **NETWORK,
    )
    return {
        "conn_string": conn_string,
        "init_extension": False,  # a migration has installed its schema
        "visibility_timeout": VISIBILITY_SECONDS,
        "wait_time_seconds": 0,
        "polling_interval": 0.1,
        "pool_size": 4,
        "pool_timeout": 3,
    }
