"""What a queryset of assets demands of every row, in Milvus' language: a necessary condition, never more.

The database decides what belongs to an answer. What is said here only spares Milvus rows that cannot: conditions that
all rows fulfil, on columns that a collection has. Whatever is not understood is left out.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.db.models.expressions import Col
from django.db.models.sql.where import AND, WhereNode

from assets.models import Asset, Kind
from search.milvus.collections import microseconds

COMPARED = {"exact": "==", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
FIELDS = {"id": "asset", "kind": "kind", "created_at": "created_at"}


def necessary(assets: "QuerySet[Asset]") -> str:
    """Return a condition that every one of ``assets`` fulfils; empty where none is known."""
    return " and ".join(_of_node(assets.query.where))


def _of_node(node: WhereNode) -> Iterator[str]:
    if node.connector != AND or node.negated:
        return
    for child in node.children:
        if isinstance(child, WhereNode):
            yield from _of_node(child)
        elif condition := _of_lookup(child):
            yield condition


def _of_lookup(lookup: Any) -> str | None:
    column, sign = getattr(lookup, "lhs", None), COMPARED.get(getattr(lookup, "lookup_name", ""))
    if not isinstance(column, Col) or column.alias != Asset._meta.db_table or column.target.model is not Asset:
        return None
    field, value = FIELDS.get(column.target.name), lookup.rhs
    if sign is None or field is None:
        return None
    if field == "kind":
        return f'kind == "{Kind(value).value}"' if sign == "==" and value in Kind.values else None
    if field == "created_at" and isinstance(value, datetime) and value.tzinfo is not None:
        return f"created_at {sign} {microseconds(value)}"
    if field == "asset" and type(value) is int and abs(value) < 2**63:
        return f"asset {sign} {value}"
    return None
