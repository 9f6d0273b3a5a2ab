"""manage.py install_sql: what SQL users need of the database, made (again) and told."""

from argparse import ArgumentParser
from importlib import import_module
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction

from search.sql import live, session

# What the migrations made is made again in the same words.
schema: Any = import_module("search.migrations.0011_dam_sql")
matching: Any = import_module("search.migrations.0012_policies")
NAMES = """
SELECT relname::text FROM pg_class WHERE relnamespace = 'dam_sql'::regnamespace AND relkind = 'v'
UNION SELECT proname || '()' FROM pg_proc WHERE pronamespace = 'dam_sql'::regnamespace ORDER BY 1
"""


class Command(BaseCommand):
    help = (
        "Make the schema dam_sql and its role (again), and say what there is. With --live, clip_text_embedding asks the"
        " encoder for vectors that are not known yet: for servers with plpython3u or http."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--live", action="store_true", help="have the database ask the encoder itself")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                schema.create(cursor)
                cursor.execute("SELECT to_regprocedure('dam_sql.match_images(vector, double precision, integer)')")
                if cursor.fetchone()[0] is None:
                    cursor.execute(matching.MATCH_IMAGES.format(path=schema.search_path(cursor)))
                live.remove(cursor)
                extension = live.install(cursor) if options["live"] else ""
                schema.grant(cursor)
                role = self._role(cursor)
        except live.Refused as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Schema dam_sql: {', '.join(self._names())}")
        self.stdout.write(f"Role {session.ROLE}: {role}")
        self.stdout.write(
            f"clip_text_embedding: asks the encoder at {settings.DAM_ENCODER_URL} ({extension})"
            if extension
            else "clip_text_embedding: reads the vectors that the library has made"
        )

    def _role(self, cursor: Any) -> str:
        """Give the role what it signs in with; return what can be said of it."""
        cursor.execute("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s)", [session.ROLE])
        if not cursor.fetchone()[0]:
            return (
                "missing, and this user may not make it. Have an administrator run"
                f" CREATE ROLE {session.ROLE} LOGIN NOINHERIT, then run this again"
            )
        if settings.DAM_SQL_DATABASE:
            return "signs in by DAM_SQL_DATABASE_URL"
        if session.is_embedded():
            return "signs in over the socket of the embedded server"
        cursor.execute("SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user")
        if not cursor.fetchone()[0]:
            return "its password is an administrator's to set; DAM_SQL_DATABASE_URL says how it signs in"
        cursor.execute(f"ALTER ROLE {session.ROLE} PASSWORD %s", [session.password()])
        return "signs in with a password made of SECRET_KEY"

    def _names(self) -> list[str]:
        with connection.cursor() as cursor:
            cursor.execute(NAMES)
            return [name for (name,) in cursor.fetchall()]
