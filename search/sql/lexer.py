"""PostgreSQL's lexical rules, as far as they say where a string, a comment and a name begin and end.

The statement itself is the server's to parse. The lexers in reach (sqlparse comes with Django) are made for
formatting, of all dialects at once: what such a one takes for a string could be code to the server.
These are the rules of its own scanner, with ``standard_conforming_strings`` on, as it is in every session here.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple


class Token(NamedTuple):
    """``kind`` is space, string, name, number or other; ``end`` is the place after the last character."""

    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


class Unterminated(Exception):
    """A string, name or comment that nothing ends; ``start`` is where it begins."""

    def __init__(self, what: str, start: int) -> None:
        self.what, self.start = what, start
        super().__init__(f"unterminated {what}")


# Two strings with a line break between are one, and the second is read by the rules of the first.
_CONTINUED = r"(?:(?:[ \t\f\v]|--[^\r\n]*+)*+[\r\n](?:[ \t\r\n\f\v]|--[^\r\n]*+[\r\n])*+'%s')*+"
_PLAIN, _ESCAPED = r"(?:[^']|'')*+", r"(?:[^'\\]|\\.|'')*+"
_TOKEN = re.compile(
    rf"""
    (?P<space> [ \t\r\n\f\v]++ | --[^\r\n]*+ )
    | (?P<comment> /\* )
    | (?P<string> [eE]'{_ESCAPED}'{_CONTINUED % _ESCAPED} | (?:[bBxXnN]|[uU]&)?'{_PLAIN}'{_CONTINUED % _PLAIN} )
    | (?P<dollar> \$(?:[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_\x80-\U0010ffff]*+)?\$ )
    | (?P<name> (?:[uU]&)?"(?:[^"]|"")*+" | [A-Za-z_\x80-\U0010ffff][A-Za-z0-9_$\x80-\U0010ffff]*+ )
    | (?P<number> \$?[0-9]++ )
    | (?P<other> . )
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")


def tokens(sql: str) -> Iterator[Token]:
    """Yield the tokens of a text, which together are the text; comments are space. Raise Unterminated."""
    at = 0
    while at < len(sql):
        match: Any = _TOKEN.match(sql, at)  # any character is one of them
        kind, text = match.lastgroup, match.group()
        if kind == "comment":
            kind, text = "space", sql[at : _end_of_comment(sql, at)]
        elif kind == "dollar":
            end = sql.find(text, match.end())
            if end < 0:
                raise Unterminated("dollar-quoted string", at)
            kind, text = "string", sql[at : end + len(text)]
        elif text in ("'", '"') or (text in ("e", "E") and sql[match.end() : match.end() + 1] == "'"):
            raise Unterminated("quoted name" if text == '"' else "string", at)
        yield Token(kind, text, at)
        at += len(text)


def _end_of_comment(sql: str, start: int) -> int:
    """Return where a comment ends; comments stand inside each other."""
    depth = 0
    for edge in _COMMENT_EDGE.finditer(sql, start):
        depth += 1 if edge.group() == "/*" else -1
        if depth == 0:
            return edge.end()
    raise Unterminated("comment", start)


def code(sql: str) -> list[Token]:
    """Return the tokens without space and comments."""
    return [token for token in tokens(sql) if token.kind != "space"]


def name_of(token: Token) -> str:
    """Return the name as the server knows it."""
    if token.text.startswith('"'):
        return token.text[1:-1].replace('""', '"')
    return token.text.lower()


class Statement(NamedTuple):
    """One of the statements of a text, verbatim, and where it begins in it."""

    sql: str
    start: int


def statements(sql: str) -> list[Statement]:
    """Return the statements of a text, which semicolons part; none of them is empty. Raise Unterminated."""
    found: list[Statement] = []
    part: list[Token] = []
    for token in [*code(sql), Token("other", ";", len(sql))]:
        if token.text != ";":
            part.append(token)
        elif part:
            found.append(Statement(sql[part[0].start : part[-1].end], part[0].start))
            part = []
    return found


def place(sql: str, position: int) -> tuple[int, int]:
    """Return line and column, both from 1, of a position from 0."""
    before = sql[:position]
    return before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1
