"""An answer as plain text: the same in every terminal, with vectors shortened."""

import re
from typing import Any

from rich.box import Box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from search.sql.console import Answer

# Columns as psql draws them: eight lines, of which a table without an edge has the second to the fourth.
PSQL = Box("    \n  | \n--+-\n  | \n    \n    \n  | \n    \n", ascii=True)
VECTOR = re.compile(r"\[(-?[\d.e+-]+,){3,}-?[\d.e+-]+\]")
WIDEST = 200  # characters of a value
LONGEST_VECTOR = 500_000  # characters of the longest that pgvector writes, which has 16,000 numbers


def short(value: Any) -> str:
    """Return a value as one line: a vector by its first numbers and how many it has, a long text by its beginning."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        value = ", ".join(map(short, value[:WIDEST]))  # a cell may hold millions
    text = str(value)
    if len(text) <= LONGEST_VECTOR and VECTOR.fullmatch(text):
        numbers = text[1:-1].split(",")
        text = f"[{','.join(numbers[:3])},… {len(numbers)}]" if len(numbers) > 8 else text
    text = text[: WIDEST + 1]
    text = "".join(character if character.isprintable() else " " for character in text)
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…"


def table(answer: Answer, *, colours: bool = False) -> str:
    """Return the rows as a table with their number below; numbers stand right."""
    shown = Table(box=PSQL, show_edge=False, header_style="bold")
    for place, name in enumerate(answer.columns):
        numbers = all(isinstance(row[place], int | float | None) for row in answer.rows)
        shown.add_column(Text(short(name)), justify="right" if numbers and answer.rows else "left", no_wrap=True)
    for row in answer.rows:
        shown.add_row(*(Text(short(value)) for value in row))
    lines = Console(force_terminal=colours, width=None if colours else 10_000, highlight=False, no_color=not colours)
    with lines.capture() as captured:
        lines.print(shown)
    text = "\n".join(line.rstrip() for line in captured.get().strip("\n").splitlines())
    return f"{text}\n{_count(answer)}"


def _count(answer: Answer) -> str:
    count = len(answer.rows)
    more = ", and more that DAM_SQL_ROWS keeps back" if answer.truncated else ""
    return f"({count} row{'' if count == 1 else 's'}{more})"
