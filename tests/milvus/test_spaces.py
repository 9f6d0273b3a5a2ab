"""The tests of the same name in ``tests/search``, with Milvus as the index."""

import pytest

from tests.search.test_spaces import (  # noqa: F401
    described,
    find,
    library,
    seen,
    test_every_result_comes_once_whatever_the_pages_are,
    test_filters_and_rights_hold_in_every_space,
    test_what_a_description_means_is_found_without_its_words,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("on_milvus")]
