"""The tests of the same name in ``tests/search``, with Milvus as the index."""

import pytest

from tests.search.test_surfaces import library, test_random_queries_find_the_same_everywhere  # noqa: F401

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("on_milvus")]
