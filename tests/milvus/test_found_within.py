"""The tests of the same name in ``tests/search``, with Milvus as the index."""

import pytest

from tests.search.test_found_within import (  # noqa: F401
    clip,
    library,
    test_a_page_of_a_document_is_found_by_its_number,
    test_a_scene_in_the_middle_of_a_video_is_found_at_its_second,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("on_milvus")]
