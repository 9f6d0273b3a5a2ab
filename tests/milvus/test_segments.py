"""The tests of the same name in ``tests/search``, with Milvus as the index."""

import pytest

from tests.search.test_segments import *  # noqa: F403

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("on_milvus")]
del test_a_ranking_of_what_has_no_segments_takes_the_statements_that_it_took  # noqa: F821 - asks no index
del test_the_index_serves_a_ranking_with_segments  # noqa: F821 - of pgvector's index
