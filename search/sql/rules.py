"""What a statement of the console may be, told from its words: so that what is refused is refused with its reason.

The role, its read-only transaction and the time limit are what keep the library safe. These rules are about what every
role may do in PostgreSQL: sleep, take locks, change settings (``dam.user_id`` among them), run SQL that stands in a
string. All of that is done by volatile functions, or by statements that are no queries.
"""

from itertools import pairwise
from typing import Any

from django.utils.translation import gettext as _

from search.sql.lexer import Statement, Token, Unterminated, code, name_of, place, statements

QUERIES = ("select", "with", "values", "table", "explain", "show")
# Nor within a query; as names they are to be quoted. (UPDATE pg_settings in a WITH changes settings, read-only or not.)
WRITES = ("insert", "update", "delete", "merge", "into")
LONGEST = 100_000  # characters of a statement
MOST_TEXTS = 100  # of which the vectors are made for one statement

# Volatile, but of no effect on anything else.
HARMLESS = {
    *("random", "random_normal", "setseed", "gen_random_uuid", "uuidv4", "uuidv7"),
    *("clock_timestamp", "timeofday", "pg_column_compression", "pg_column_toast_chunk_id"),
}

_VOLATILE = "SELECT DISTINCT proname::text FROM pg_proc WHERE provolatile = 'v' AND proname = ANY(%s)"


class SqlError(Exception):
    """A statement that was refused, or failed, or may not be run; ``hint`` and the place may be missing.

    ``line`` and ``column`` count from 1 in the text that was given.
    """

    def __init__(self, message: str, hint: str = "", line: int | None = None, column: int | None = None) -> None:
        self.message, self.hint, self.line, self.column = message, hint, line, column
        super().__init__(message)

    def __str__(self) -> str:
        where = _("line %d, column %d: ") % (self.line, self.column) if self.line else ""
        return f"{where}{self.message}" + (f"\n{self.hint}" if self.hint else "")

    @classmethod
    def at(cls, sql: str, position: int, message: str, hint: str = "") -> "SqlError":
        return cls(message, hint, *place(sql, position))


def parted(sql: str) -> list[Statement]:
    """Return the statements of a text; raise SqlError where that cannot be told."""
    if len(sql) > LONGEST:
        numbers = {"count": f"{len(sql):,}", "most": f"{LONGEST:,}"}
        raise SqlError(_("The statement has %(count)s characters; at most %(most)s are taken.") % numbers)
    for at, character in enumerate(sql):
        if character == "\0" or "\ud800" <= character <= "\udfff":
            raise SqlError.at(sql, at, _("The statement has a character in it that PostgreSQL has not."))
    try:
        return statements(sql)
    except Unterminated as error:
        raise SqlError.at(sql, error.start, _("What begins here is not closed: %s.") % error.what) from error


def one_query(sql: str) -> Statement:
    """Return the one statement of a text, if it is a query; else raise SqlError."""
    found = parted(sql)
    if not found:
        raise SqlError(_("There is no statement."))
    if len(found) > 1:
        raise SqlError.at(sql, found[1].start, _("One statement at a time: here a second one begins."))
    words = code(found[0].sql)
    first = next((token for token in words if token.text != "("), words[0])
    if first.kind != "name" or first.text.lower() not in QUERIES:
        hint = _("A statement begins with %s.") % ", ".join(name.upper() for name in QUERIES)
        raise _not_run(sql, found[0], first, hint)
    for word in words:
        if word.kind == "name" and word.text.lower() in WRITES:
            raise _not_run(sql, found[0], word, _("Nothing is written here; what is only named so is to be quoted."))
    return found[0]


def _not_run(sql: str, statement: Statement, word: Token, hint: str) -> SqlError:
    shown = word.text.upper() if word.kind == "name" else word.text
    return SqlError.at(sql, statement.start + word.start, _("%s is not run here.") % shown[:40], hint)


def refuse_effects(cursor: Any, statement: Statement, sql: str) -> None:
    """Raise SqlError for a call of a function that has effects, or whose effects PostgreSQL does not rule out."""
    called: dict[str, int] = {}
    for name, opening in pairwise(code(statement.sql)):
        if name.kind == "name" and name.text[:2].lower() == "u&":
            raise SqlError.at(sql, statement.start + name.start, _("Write names without U&."))
        if name.kind == "name" and opening.text == "(":
            called.setdefault(name_of(name), statement.start + name.start)
    volatile = {name for (name,) in cursor.execute(_VOLATILE, [list(called)])} - HARMLESS
    if volatile:
        name = min(volatile, key=lambda name: called[name])
        message = _("%s() is not called here.") % name
        hint = _("Only functions that read and do nothing else are (none that PostgreSQL calls volatile).")
        raise SqlError.at(sql, called[name], message, hint)


def literal_texts(statement: Statement) -> list[str]:
    """Return, as they are written, the string literals that a statement calls clip_text_embedding with, each once."""
    found: dict[str, None] = {}
    words = [*code(statement.sql), Token("other", "", len(statement.sql))]
    for at, (name, opening) in enumerate(pairwise(words)):
        if name.kind != "name" or name_of(name) != "clip_text_embedding" or opening.text != "(":
            continue
        literal, after = words[at + 2], words[min(at + 3, len(words) - 1)]
        # 'a' || 'b' is no literal; 'a'::text is one.
        if literal.kind == "string" and literal.text[0] not in "bBxX" and after.text in (")", ":"):
            found[literal.text] = None
    return list(found)
