"""The tests of the same name in ``tests/search``, with Milvus as the index."""

import pytest

from tests.search.test_completeness import *  # noqa: F403

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("told")]
del test_many_matching_rows_are_served_by_the_index_with_room_to_spare  # noqa: F821 - of pgvector's index
del test_an_index_that_takes_too_long_is_given_up_and_the_transaction_goes_on  # noqa: F821 - of pgvector's index
del test_an_index_that_comes_back_short_is_not_believed  # noqa: F821 - of pgvector's index
del test_the_exact_ranking_is_brute_force  # noqa: F821 - asks no index
