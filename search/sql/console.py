"""Running a statement of somebody's: verbatim, read-only, within limits of time, rows and bytes."""

import fcntl
import logging
import select
import sys
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from django.conf import settings
from django.utils.translation import gettext as _
from psycopg.adapt import Transformer
from psycopg.pq import DiagnosticField, ExecStatus, Format, TransactionStatus

from search.models import EmbeddingModel
from search.sql import rules, session
from search.sql.lexer import Statement
from search.sql.rules import SqlError
from search.vectors import text_vector

logger = logging.getLogger(__name__)

MOST_BYTES = 32 * 1024 * 1024  # of an answer, as the server sends it
AT_ONCE = 4  # statements of one process: each keeps a thread of the web server from everybody else
LATE = 5.0  # seconds after the server's own limit at which it is no longer waited for

# What becomes a value of Python and of JSON; everything else stays as PostgreSQL writes it.
NATIVE = {psycopg.postgres.types[name].oid for name in ("bool", "int2", "int4", "int8", "oid", "float4", "float8")} | {
    psycopg.postgres.types[name].array_oid for name in ("text", "varchar", "int4", "int8", "float4", "float8")
}

_places = threading.BoundedSemaphore(AT_ONCE)


@dataclass(frozen=True)
class Answer:
    """What a statement gave: at most DAM_SQL_ROWS rows, whose values are those of JSON."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    truncated: bool
    took_ms: float

    def as_dict(self) -> dict[str, Any]:
        return {
            "columns": self.columns,
            "rows": self.rows,
            "row_count": len(self.rows),
            "truncated": self.truncated,
            "took_ms": self.took_ms,
        }


def run(sql: str, asked_by: dict[str, str], who: str = "") -> Answer:
    """Run one statement with these ``session.rights``, after making the vectors of the texts that it names.

    ``who`` is for the log, which has every statement that comes over the network. Raises SqlError; session.NoSession;
    encoders.ModelUnavailable and NoActiveModel where a vector is to be made and cannot be.
    """
    if who:
        logger.info("SQL by %s: %r", who, sql[: rules.LONGEST])
    statement = rules.one_query(sql)
    with _place(), closing(session.connect(asked_by)) as connection:
        try:
            rules.refuse_effects(connection.cursor(), statement, sql)
            _make_vectors(connection, statement)
            connection.execute("BEGIN READ ONLY")
            started = time.monotonic()
            columns, rows, truncated = _answer(connection, statement, sql)
        except psycopg.Error as error:
            raise SqlError(error.diag.message_primary or str(error).strip()) from error
        finally:
            if connection.pgconn.transaction_status == TransactionStatus.ACTIVE:
                connection.cancel_safe(timeout=2)
    return Answer(columns, rows, truncated, round(1000 * (time.monotonic() - started), 1))


@contextmanager
def _place() -> Iterator[None]:
    """Hold a place for the block; raise NoSession when all are taken."""
    if not _places.acquire(blocking=False):
        raise session.NoSession(_("%d statements are running. Try again in a moment.") % AT_ONCE)
    try:
        yield
    finally:
        _places.release()


def _make_vectors(connection: psycopg.Connection, statement: Statement) -> None:
    """Have the vectors of the statement's literal texts made. The server reads them: it knows all spellings."""
    literals = rules.literal_texts(statement)
    if not literals:
        return
    if len(literals) > rules.MOST_TEXTS:
        numbers = {"count": len(literals), "most": rules.MOST_TEXTS}
        raise SqlError(_("The statement names %(count)d texts; at most %(most)d are made vectors of.") % numbers)
    texts = connection.execute("SELECT " + ", ".join(literals)).fetchone()
    model = EmbeddingModel.objects.active()
    for text in filter(str.strip, texts or ()):
        text_vector(text, model)


def _answer(connection: psycopg.Connection, statement: Statement, sql: str) -> tuple[list[str], list[Any], bool]:
    """Return columns, rows, and whether there was more."""
    columns: list[str] = []
    rows: list[tuple[Any, ...]] = []
    for result in _results(connection, statement.sql):
        if result.status == ExecStatus.FATAL_ERROR:
            raise _error(result, statement, sql)
        columns = [(result.fname(column) or b"").decode() for column in range(result.nfields)]
        if result.ntuples:
            if len(rows) == settings.DAM_SQL_ROWS:
                return columns, rows, True
            rows.append(_row(connection, result))
    return columns, rows, False


def _results(connection: psycopg.Connection, sql: str) -> Iterator[Any]:
    """Yield one result for each row, and one that ends them, as they come: never more than one is held here.

    A single row may be of a gigabyte: it is counted while it arrives, roughly, because libpq may take more at once than
    was there when it was asked; and exactly when it is here.
    """
    server = connection.pgconn
    server.send_query_params(sql.encode(), None)  # this way the server takes one statement only
    server.set_single_row_mode()
    arrives = select.poll()
    arrives.register(server.socket, select.POLLIN)
    received = arriving = 0
    deadline = time.monotonic() + settings.DAM_SQL_SECONDS + LATE
    while server.flush():
        _wait(arrives, deadline)
    while True:
        while server.is_busy():
            _wait(arrives, deadline)
            arriving += int.from_bytes(fcntl.ioctl(server.socket, termios.FIONREAD, bytes(4)), sys.byteorder)
            _bound(received + arriving)
            server.consume_input()
        result = server.get_result()
        if result is None:
            return
        arriving = 0
        if result.ntuples:
            received += sum(len(result.get_value(0, column) or b"") for column in range(result.nfields))
        _bound(received)
        yield result


def _bound(received: int) -> None:
    if received > MOST_BYTES:
        raise SqlError(_("The answer has more than %d MB.") % (MOST_BYTES // 1024**2), _("Select less of it."))


def _wait(arrives: Any, deadline: float) -> None:
    if not arrives.poll(max(0.0, 1000 * (deadline - time.monotonic()))):
        raise SqlError(_("The database does not answer."))


def _row(connection: psycopg.Connection, result: Any) -> tuple[Any, ...]:
    reader = Transformer(connection)
    return tuple(_value(reader, result.ftype(column), result.get_value(0, column)) for column in range(result.nfields))


def _value(reader: Any, oid: int, data: bytes | None) -> Any:
    if data is None:
        return None
    return reader.get_loader(oid, Format.TEXT).load(data) if oid in NATIVE else bytes(data).decode()


def _error(result: Any, statement: Statement, sql: str) -> SqlError:
    """Return what the server says, with the place in the text that was given."""

    def field(name: DiagnosticField) -> str:
        return (result.error_field(name) or b"").decode(errors="replace")

    message, hint, state = (
        field(name)
        for name in (DiagnosticField.MESSAGE_PRIMARY, DiagnosticField.MESSAGE_HINT, DiagnosticField.SQLSTATE)
    )
    if state == "57014":
        message = _("The statement was stopped after %g seconds (DAM_SQL_SECONDS).") % settings.DAM_SQL_SECONDS
    elif state == "42501":
        hint = _("Only the views and functions of the schema dam_sql are open here.")
    elif detail := field(DiagnosticField.MESSAGE_DETAIL):
        hint = f"{detail} {hint}".strip()
    position = field(DiagnosticField.STATEMENT_POSITION)
    if position:
        return SqlError.at(sql, statement.start + int(position) - 1, message, hint)
    return SqlError(message, hint)
