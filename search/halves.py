"""Vectors on their way to the database, in PostgreSQL's binary format: a batch of them as one array of halfvec."""

from functools import cache

import numpy as np
import psycopg
from django.db import connection
from psycopg.adapt import Buffer, Dumper
from psycopg.pq import Format


class Halves:
    """Vectors, float32 of shape (n, dimensions), as psycopg sends them: rounded to half precision."""

    def __init__(self, vectors: np.ndarray) -> None:
        self.vectors = vectors
        self.oid = _oid(connection.settings_dict["NAME"])  # now: no statement can be run while another is being made

    def binary(self) -> bytes:
        """Return a PostgreSQL array of one dimension: its header, and each element after its length."""
        count, dimensions = self.vectors.shape
        halfvec = [("dimensions", ">i2"), ("unused", ">i2"), ("values", ">f2", (dimensions,))]
        rows = np.zeros(count, dtype=[("bytes", ">i4"), *halfvec])
        rows["bytes"], rows["dimensions"], rows["values"] = 4 + 2 * dimensions, dimensions, self.vectors
        header = np.array([1, 0, self.oid, count, 1], ">i4")  # dimensions, nulls … from 1
        return header.tobytes() + rows.tobytes()


class _HalvesDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Halves) -> Buffer:
        return obj.binary()


psycopg.adapters.register_dumper(Halves, _HalvesDumper)


@cache
def _oid(_database: str) -> int:
    """Return the number that the type has in the database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 'halfvec'::regtype::oid::integer")
        return cursor.fetchone()[0]
