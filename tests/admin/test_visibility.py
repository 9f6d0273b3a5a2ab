from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from assets.ledger import State
from assets.models import Asset, Collection, Tag
from assets.preparation import prepare_batch
from assets.querysets import AssetQuerySet
from search.models import Embedding
from tests.admin.conftest import LIST


@pytest.fixture
def hidden(make_asset: Callable[..., Asset], give_vector: Callable[..., Embedding], monkeypatch: Any) -> Asset:
    """An asset that nobody may see, in every place where the admin might show it, beside one that all may see."""
    asset, seen = make_asset("hidden.png"), make_asset("seen.png")
    prepare_batch()
    for step, each in enumerate([asset, seen]):
        each.tags.add(Tag.named("truck"))
        each.collections.add(Collection.named("Spring"))
        give_vector(each, [1, step])
    Embedding.objects.filter(asset=asset).update(state=State.QUARANTINED)
    Asset.objects.filter(pk=asset.pk).update(state=State.QUARANTINED)
    monkeypatch.setattr(AssetQuerySet, "visible_to", lambda assets, user: assets.exclude(pk=asset.pk))
    return asset


@pytest.mark.parametrize(
    "url",
    [
        LIST,
        "/admin/search/embedding/",
        "/admin/search/embeddingmodel/status/",
        "/admin/assets/collection/",
        "/admin/assets/tag/",
    ],
)
def test_an_asset_that_its_user_may_not_see_is_nowhere(url: str, hidden: Asset, editing: Client) -> None:
    page = editing.get(url).content.decode()
    assert "hidden.png" not in page
    assert f"/assets/{hidden.pk}/" not in page
    if url.startswith("/admin/assets/") and url != LIST:
        assert ">1</a>" in page  # the number of assets with this tag, or in this collection
    assert editing.get(f"{LIST}{hidden.pk}/change/").status_code == 302


def test_it_cannot_be_searched_from_or_acted_on(hidden: Asset, editing: Client) -> None:
    response = editing.get(LIST, {"q": f"like:{hidden.pk}"})
    assert not response.context["cl"].result_list
    assert "hidden.png" not in response.content.decode()
    snow = Tag.named("snow")
    data = {"index": 0, "_selected_action": [hidden.pk], "apply": 1, "chosen": [snow.pk]}
    editing.post(LIST, {"action": "tag", **data})
    editing.post(LIST, {"action": "prepare_again", **data})
    editing.post("/admin/search/embeddingmodel/status/", {"retry": "assets"})
    editing.post("/admin/search/embeddingmodel/status/", {"retry": "embeddings"})
    hidden.refresh_from_db()
    assert hidden.state == State.QUARANTINED
    assert Embedding.objects.get(asset=hidden).state == State.QUARANTINED
    assert not hidden.tags.filter(pk=snow.pk).exists()
