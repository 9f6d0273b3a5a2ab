"""SQL runs over a connection of its own: what it is to see, a test commits (``transactional_db``)."""

from collections.abc import Callable
from typing import Any

import pytest

from search.sql import console, session
from search.sql.console import Answer
from tests.search.conftest import many_assets  # noqa: F401


@pytest.fixture
def sql(db: None) -> Callable[..., Answer]:
    """Run a statement: with the rights of ``user``, by default of who has the server."""

    def run(statement: str, user: Any = session.EVERYTHING) -> Answer:
        asked_by = user if isinstance(user, dict) else session.rights(user)
        return console.run(statement, asked_by)

    return run
