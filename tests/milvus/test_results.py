"""The tests of the same name in ``tests/search``, with Milvus as the index."""

import pytest

from tests.search.test_results import *  # noqa: F403

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("on_milvus")]
del test_an_asset_finds_its_like_nearest_first  # noqa: F821 - of the exact route
del test_a_row_costs_no_query_of_its_own  # noqa: F821 - Milvus is told of everything by queries, too
