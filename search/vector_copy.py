"""Vectors on their way to the database, in PostgreSQL's binary COPY format: a batch of them in one message."""

from typing import Any

import numpy as np

TABLE = "encoded"

_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END = b"\xff\xff"


def send(cursor: Any, ids: list[int], vectors: np.ndarray) -> None:
    """Put float32 vectors of shape (n, dimensions) into the temporary table ``TABLE`` (id, vector), and nothing else.

    It empties itself when the transaction ends, and it is made once per connection.
    """
    cursor.execute(f"CREATE TEMPORARY TABLE IF NOT EXISTS {TABLE} (id bigint, vector halfvec) ON COMMIT DELETE ROWS")
    cursor.execute(f"DELETE FROM {TABLE}")  # noqa: S608 - what an earlier batch of the same transaction left
    with cursor.copy(f"COPY {TABLE} (id, vector) FROM STDIN (FORMAT BINARY)") as copy:
        copy.write(_HEADER + binary(ids, vectors) + _END)


def binary(ids: list[int], vectors: np.ndarray) -> bytes:
    """Return rows (bigint, halfvec) of a binary COPY."""
    count, dimensions = vectors.shape
    rows = np.zeros(
        count,
        dtype=[
            ("fields", ">i2"),
            ("id_bytes", ">i4"),
            ("id", ">i8"),
            ("vector_bytes", ">i4"),
            ("dimensions", ">i2"),
            ("unused", ">i2"),
            ("vector", ">f2", (dimensions,)),
        ],
    )
    rows["fields"], rows["id_bytes"], rows["vector_bytes"] = 2, 8, 4 + 2 * dimensions
    rows["id"], rows["dimensions"], rows["vector"] = ids, dimensions, vectors
    return rows.tobytes()
