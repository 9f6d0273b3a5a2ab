"""The tests of the same name in ``tests/search``, with Milvus as the index."""

import pytest

from tests.search.test_smart_collections import test_a_ranking_gives_its_matches  # noqa: F401

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("on_milvus")]
