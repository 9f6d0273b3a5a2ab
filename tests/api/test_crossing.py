"""Two requests at the same moment: one is done, the other is told; neither is a 500, nothing is left half done."""

import pytest
from django.db import connection
from django.db.models.signals import pre_save

from assets.models import Asset, Collection, Rendition, Tag
from tests.api.conftest import ASSETS
from tests.support.concurrency import meanwhile

pytestmark = pytest.mark.django_db(transaction=True)
TAGS = "/api/v1/tags/"


@pytest.fixture
def just_before_saving():
    """Do this once, when the request has checked everything and is about to save."""
    connected = []

    def hook(model, act):
        def receiver(**kwargs):
            pre_save.disconnect(receiver, model)
            act()

        pre_save.connect(receiver, model, weak=False)
        connected.append((receiver, model))

    yield hook
    for receiver, model in connected:
        pre_save.disconnect(receiver, model)


@pytest.mark.parametrize(("model", "path"), [(Tag, TAGS), (Collection, "/api/v1/collections/")])
def test_the_same_new_name_at_the_same_moment_is_a_conflict(api, just_before_saving, model, path):
    just_before_saving(model, lambda: meanwhile(lambda: model.named("snow")))
    answer = api.post(path, {"name": "Snow"})
    assert (answer.status_code, answer["Content-Type"]) == (409, "application/problem+json")
    assert model.objects.count() == 1


def test_two_moves_that_cross_never_close_a_circle(api, client_of, editor, just_before_saving):
    first, second = Tag.named("first"), Tag.named("second")
    other = client_of(editor)

    def move_the_other_way():
        return meanwhile(lambda: other.patch(f"{TAGS}{second.pk}/", {"parent": first.pk}))

    just_before_saving(Tag, move_the_other_way)
    assert api.patch(f"{TAGS}{first.pk}/", {"parent": second.pk}).status_code == 200
    second.refresh_from_db()
    assert second.parent is None
    assert move_the_other_way().status_code == 400


def test_an_asset_is_deleted_while_a_worker_stores_its_renditions(api, make_asset):
    asset = make_asset()

    def store_a_rendition():
        return Rendition.objects.create(
            asset_id=asset.pk, preset="preview", file="k", mime_type="image/webp", width=1, height=1, size=1
        )

    def between_the_renditions_and_their_asset(execute, sql, params, many, context):
        if sql.startswith('DELETE FROM "assets_asset" '):
            meanwhile(store_a_rendition)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(between_the_renditions_and_their_asset):
        assert api.delete(f"{ASSETS}{asset.pk}/").status_code == 204
    assert not Asset.objects.exists()
    assert not Rendition.objects.exists()
