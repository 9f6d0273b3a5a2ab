from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from assets.ledger import State
from assets.models import Asset, Collection, Tag
from search.models import Embedding
from tests.admin.conftest import LIST


def run(client: Client, action: str, assets: list[Asset], url: str = LIST, **fields: Any) -> Any:
    data = {"action": action, "index": 0, "select_across": 0, "_selected_action": [asset.pk for asset in assets]}
    return client.post(url, data | fields)


def test_an_action_asks_before_it_does_anything(editing: Client, make_asset: Callable[..., Asset]) -> None:
    asset, _tag = make_asset(), Tag.named("truck")
    response = run(editing, "tag", [asset])
    assert response.status_code == 200
    assert "truck" in response.content.decode()
    assert not asset.tags.exists()


def test_tags_go_to_the_chosen_assets_only(editing: Client, make_asset: Callable[..., Asset]) -> None:
    chosen, other, tag = make_asset(), make_asset(), Tag.named("truck")
    assert run(editing, "tag", [chosen], apply=1, chosen=[tag.pk]).status_code == 302
    assert list(chosen.tags.all()) == [tag]
    assert not other.tags.exists()


def test_an_action_without_a_choice_asks_again(editing: Client, make_asset: Callable[..., Asset]) -> None:
    response = run(editing, "tag", [make_asset()], apply=1)
    assert response.status_code == 200
    assert response.context["form"].errors["chosen"]


def test_tags_can_be_taken_away_and_only_those_that_are_there_are_offered(
    editing: Client, make_asset: Callable[..., Asset]
) -> None:
    truck, snow, _unused = Tag.named("truck"), Tag.named("snow"), Tag.named("beach")
    asset = make_asset(tags=[truck, snow])
    response = run(editing, "untag", [asset])
    assert set(response.context["form"].fields["chosen"].queryset) == {truck, snow}
    run(editing, "untag", [asset], apply=1, chosen=[truck.pk])
    assert list(asset.tags.all()) == [snow]


def test_assets_are_added_to_a_collection_beside_those_in_it(editing: Client, make_asset: Callable[..., Asset]) -> None:
    spring = Collection.named("Spring")
    before, added = make_asset(collections=[spring]), make_asset()
    run(editing, "collect", [added], apply=1, chosen=[spring.pk])
    assert set(spring.assets.all()) == {before, added}


def test_all_of_a_filtered_list_means_just_that(editing: Client, make_asset: Callable[..., Asset]) -> None:
    spring, tag = Collection.named("Spring"), Tag.named("truck")
    inside = [make_asset(collections=[spring]) for _ in range(3)]
    outside = make_asset()
    url = f"{LIST}?collection={spring.pk}"
    response = run(editing, "tag", inside[:1], url, select_across=1, apply=1, chosen=[tag.pk])
    assert response.status_code == 302
    assert set(tag.assets.all()) == set(inside)
    assert outside not in tag.assets.all()


def test_an_action_is_written_into_the_history(editing: Client, make_asset: Callable[..., Asset]) -> None:
    asset, tag = make_asset(), Tag.named("truck")
    run(editing, "tag", [asset], apply=1, chosen=[tag.pk])
    assert "Tag: truck" in editing.get(f"{LIST}{asset.pk}/history/").content.decode()


def test_a_quarantined_asset_can_be_prepared_again(editing: Client, make_asset: Callable[..., Asset]) -> None:
    asset = make_asset()
    Asset.objects.filter(pk=asset.pk).update(state=State.QUARANTINED, attempts=3, problem="broken")
    run(editing, "prepare_again", [asset])
    asset.refresh_from_db()
    assert (asset.state, asset.attempts, asset.problem) == (State.PENDING, 0, "")


@pytest.mark.parametrize("action", ["tag", "untag", "collect", "prepare_again", "embed_again", "delete_selected"])
def test_who_may_only_view_is_offered_no_action_and_can_run_none(
    action: str, looking: Client, make_asset: Callable[..., Asset]
) -> None:
    tag, spring = Tag.named("truck"), Collection.named("Spring")
    asset = make_asset(tags=[tag])
    Asset.objects.filter(pk=asset.pk).update(state=State.QUARANTINED)
    assert f'value="{action}"' not in looking.get(LIST).content.decode()
    for chosen in (tag.pk, spring.pk):
        run(looking, action, [asset], apply=1, chosen=[chosen], post="yes")
    asset.refresh_from_db()
    assert (asset.state, list(asset.tags.all())) == (State.QUARANTINED, [tag])
    assert not spring.assets.exists()


def test_adding_to_a_collection_takes_permission_on_collections(
    editor: User, editing: Client, make_asset: Callable[..., Asset]
) -> None:
    editor.user_permissions.remove(Permission.objects.get(codename="change_collection"))
    spring = Collection.named("Spring")
    run(editing, "collect", [make_asset()], apply=1, chosen=[spring.pk])
    assert not spring.assets.exists()


def test_an_editor_can_delete_an_asset_with_its_vectors(
    editing: Client, make_asset: Callable[..., Asset], give_vector: Callable[..., Embedding]
) -> None:
    asset = make_asset()
    give_vector(asset, [1, 0])
    assert run(editing, "delete_selected", [asset], post="yes").status_code == 302
    assert not Asset.objects.exists()
    assert not Embedding.objects.exists()
