"""Models come and go with Milvus as the index; two tests of ``tests/search``, with Milvus as the index."""

import numpy as np
import pytest
from django.db.models.functions import Now

from assets.models import Asset
from search import lifecycle, ranking, tasks
from search.milvus import client, collections, mirror, upkeep
from search.models import Embedding, EmbeddingModel, Mirror, MirrorChange
from tests.search.test_switching import (  # noqa: F401
    assets,
    new,
    old,
    test_no_search_fails_or_mixes_spaces_while_models_change_two_hundred_times,
    test_rolling_back_goes_to_the_model_before_at_once_and_owes_it_what_came_since,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("on_milvus")]


@pytest.mark.django_db(transaction=True)
def test_each_model_has_a_collection_of_its_own_there_and_back_and_until_it_is_deleted(clusters, small_space, settings):
    other = EmbeddingModel.objects.create(name="other", dimensions=4)
    Embedding.objects.bulk_create(
        Embedding(asset=asset, model=other, vector=np.roll([0.8, 0.6, 0, 0], number % 4), state="ready")
        for number, asset in enumerate(clusters)
    )
    mirror.build(other)
    EmbeddingModel.objects.filter(pk=small_space.pk).update(activated_at=Now())
    names = dict(Mirror.objects.values_list("model__name", "collection"))
    assert len(set(names.values())) == 2

    def ask(dimensions: int) -> ranking.Neighbours:
        found = ranking.neighbours(Asset.objects.all(), np.eye(dimensions)[0], 5)
        assert found.mode == "index"
        return found

    before = ask(8)
    lifecycle.switch(other)
    ask(4)
    lifecycle.roll_back()
    assert ask(8) == before
    settings.DAM_MODEL = small_space.name
    lifecycle.prune(other)
    tasks.prune()
    assert not MirrorChange.objects.filter(model_id=other.pk).exists()
    retired = Mirror.objects.filter(state=Mirror.State.RETIRED)
    assert [row.collection for row in retired] == [names["other"]]
    retired.update(changed_at="2020-01-01T00:00Z")
    upkeep.sweep()
    assert not collections.exists(names["other"])
    assert collections.exists(names[small_space.name])
    assert ask(8) == before


@pytest.mark.django_db(transaction=True)
def test_a_model_is_deleted_while_milvus_is_away(clusters, small_space, settings):
    settings.DAM_MILVUS_URI = "http://127.0.0.1:1"
    client.forget()
    EmbeddingModel.objects.filter(pk=small_space.pk).update(state=EmbeddingModel.State.RETIRED)
    small_space.refresh_from_db()
    lifecycle.prune(small_space)
    tasks.prune()
    assert not EmbeddingModel.objects.exists()
    assert [row.state for row in Mirror.objects.all()] == [Mirror.State.RETIRED]
