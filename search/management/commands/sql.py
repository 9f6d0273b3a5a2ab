"""manage.py sql "SELECT ...": SQL over the schema dam_sql, in the terminal."""

import sys
from argparse import ArgumentParser
from typing import Any

import orjson
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from search.encoders import ModelUnavailable
from search.models import NoActiveModel
from search.sql import console, rules, session
from search.sql.console import Answer
from search.sql.lexer import place
from search.sql.rules import SqlError
from search.sql.text import table

FAILURES = (SqlError, session.NoSession, NoActiveModel, ModelUnavailable)


class Command(BaseCommand):
    help = (
        "Run SQL over the views and functions of the schema dam_sql, read-only:"
        " SELECT id, url FROM images ORDER BY embedding <-> clip_text_embedding('black car')::vector(512) LIMIT 10"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "sql",
            nargs="?",
            default="-",
            help="a statement, or several with semicolons between; - reads them (default)",
        )
        parser.add_argument("--user", metavar="NAME", help="with this user's rights instead of all")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        asked_by = session.EVERYTHING if options["user"] is None else session.rights(self._user(options["user"]))
        try:
            text = sys.stdin.read() if options["sql"] == "-" else options["sql"]
        except UnicodeDecodeError as error:
            raise CommandError(f"What was read is no UTF-8: {error}") from error
        try:
            found = rules.parted(text)
            if not found:
                raise SqlError("There is no statement.")
            for number, statement in enumerate(found):
                try:
                    answer = console.run(statement.sql, asked_by)
                except SqlError as error:
                    raise _moved(error, text, statement.start) from error
                self._show(answer, as_json=options["json"], first=number == 0)
        except FAILURES as error:
            raise CommandError(str(error)) from error

    def _user(self, name: str) -> Any:
        user = get_user_model().objects.filter(username=name).first()
        if user is None:
            raise CommandError(f"There is no user {name!r}.")
        return user

    def _show(self, answer: Answer, *, as_json: bool, first: bool) -> None:
        if as_json:
            self.stdout.write(orjson.dumps(answer.as_dict()).decode())
        else:
            self.stdout.write(("" if first else "\n") + table(answer, colours=self.stdout.isatty()))


def _moved(error: SqlError, text: str, start: int) -> SqlError:
    """Return an error of one statement with its place in all of the text."""
    if error.line is None or error.column is None:
        return error
    line, column = place(text, start)
    moved = column + error.column - 1 if error.line == 1 else error.column
    return SqlError(error.message, error.hint, line + error.line - 1, moved)
