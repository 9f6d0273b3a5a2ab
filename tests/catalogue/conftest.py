"""A catalogue in a folder of the test's own, and the command over it."""

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from tests.conftest import draw


def run(*arguments: object) -> dict[str, Any]:
    """Import; return the outcome of the one file, with its exit status."""
    output, status = StringIO(), 0
    try:
        call_command("import_catalogue", *map(str, arguments), "--json", stdout=output)
    except SystemExit as end:
        status = end.code
    return json.loads(output.getvalue()) | {"exit": status}


def counts(outcome: dict[str, Any]) -> dict[str, int]:
    """The counts that are not 0."""
    return {name: outcome[name] for name in ("new", "linked", "changed", "unchanged", "failed") if outcome[name]}


def problems(outcome: dict[str, Any]) -> dict[int, str]:
    """What is wrong, by line, with the column before it."""
    return {
        found["line"]: f"{found['column']}: {found['problem']}" if found["column"] else found["problem"]
        for found in outcome["problems"]
    }


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    return folder


@pytest.fixture
def put(shop: Path) -> Callable[..., str]:
    """Draw a picture into the shop's folder; return its name."""

    def place(name: str, color: str = "red") -> str:
        (shop / name).parent.mkdir(parents=True, exist_ok=True)
        (shop / name).write_bytes(draw(color))
        return name

    return place


@pytest.fixture
def write(shop: Path) -> Callable[..., Path]:
    """Write rows as ``shop.jsonl``: dicts, or lines as they are."""

    def lines(*rows: Any, name: str = "shop.jsonl") -> Path:
        path = shop / name
        path.write_bytes(
            b"".join((row if isinstance(row, bytes) else json.dumps(row).encode()) + b"\n" for row in rows)
        )
        return path

    return lines
