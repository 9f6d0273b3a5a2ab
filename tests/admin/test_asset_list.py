from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from assets.models import Asset, Collection, Tag
from assets.preparation import prepare_batch
from tests.admin.conftest import LIST, told


def test_thirty_assets_cost_as_many_queries_as_three(editing: Client, make_asset: Callable[..., Asset]) -> None:
    tags = [Tag.named("car"), Tag.named("snow")]

    def queries_with(count: int) -> int:
        while Asset.objects.count() < count:
            make_asset(tags=tags, collections=[Collection.named("Spring")])
        prepare_batch()
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert editing.get(LIST).status_code == 200
        return len(queries)

    assert queries_with(3) == queries_with(30)


def test_a_prepared_asset_shows_its_thumbnail_as_a_link_to_its_page(
    editing: Client, make_asset: Callable[..., Asset]
) -> None:
    asset = make_asset(title="Truck")
    prepare_batch()
    page = editing.get(LIST).content.decode()
    assert f'src="/assets/{asset.pk}/thumbnail.webp"' in page
    assert f'href="/admin/assets/asset/{asset.pk}/change/"' in page


def test_an_asset_that_waits_shows_no_broken_picture(editing: Client, make_asset: Callable[..., Asset]) -> None:
    asset = make_asset()
    page = editing.get(LIST).content.decode()
    assert f"/assets/{asset.pk}/thumbnail.webp" not in page
    assert "dam-no-thumbnail" in page


def test_a_date_is_short_and_tells_its_time_to_who_points_at_it(
    editing: Client, make_asset: Callable[..., Asset]
) -> None:
    make_asset(taken_at=datetime(2026, 9, 28, 12, 30, tzinfo=UTC))
    assert 'title="Sept. 28, 2026, 12:30 p.m.">Sept. 28, 2026</time>' in editing.get(LIST).content.decode()


def test_a_tag_finds_what_carries_its_children(make_asset: Callable[..., Asset], listed: Any) -> None:
    vehicle = Tag.named("vehicle")
    truck = Tag.objects.create(name="truck", parent=vehicle)
    found, _other = make_asset(tags=[truck]), make_asset()
    assert listed(tags=vehicle.pk) == [found.pk]


def test_two_tags_mean_both_of_them(make_asset: Callable[..., Asset], listed: Any) -> None:
    truck, snow = Tag.named("truck"), Tag.named("snow")
    both = make_asset(tags=[truck, snow])
    make_asset(tags=[truck])
    make_asset(tags=[snow])
    assert listed(tags=[truck.pk, snow.pk]) == [both.pk]


def test_a_collection_narrows_the_list(make_asset: Callable[..., Asset], listed: Any) -> None:
    spring = Collection.named("Spring")
    inside, _outside = make_asset(collections=[spring]), make_asset()
    assert listed(collection=spring.pk) == [inside.pk]


@pytest.mark.parametrize("field", ["created_at", "taken_at"])
def test_a_range_of_days_includes_the_whole_of_its_last_day(
    field: str, make_asset: Callable[..., Asset], listed: Any
) -> None:
    days = {}
    for day in (1, 2, 3):
        asset = make_asset()
        Asset.objects.filter(pk=asset.pk).update(**{field: datetime(2026, 3, day, 23, 59, tzinfo=UTC)})
        days[day] = asset.pk
    assert listed(**{f"{field}_from": "2026-03-02", f"{field}_to": "2026-03-02"}) == [days[2]]


def test_ids_can_be_limited_at_both_ends(make_asset: Callable[..., Asset], listed: Any) -> None:
    ids = [make_asset().pk for _ in range(4)]
    assert listed(id_from=ids[1], id_to=ids[2]) == [ids[2], ids[1]]


def test_kind_and_preparation_narrow_the_list(make_asset: Callable[..., Asset], listed: Any) -> None:
    ready = make_asset()
    prepare_batch()
    pending = make_asset()
    assert listed(state__exact="ready") == [ready.pk]
    assert listed(state__exact="pending") == [pending.pk]
    assert listed(kind__exact="video") == []


@pytest.mark.parametrize(
    "parameters",
    [
        {"id_from": "many"},
        {"id_to": "99999999999999999999999"},
        {"created_at_from": "yesterday"},
        {"taken_at_to": "2026-02-30"},
        {"tags": "truck"},
        {"tags": "999999"},
        {"collection": "-1"},
        {"collection": ["999999"]},
        {"embedding": "zz"},
    ],
)
def test_a_filter_that_makes_no_sense_is_named_and_dropped(parameters: dict[str, str], editing: Client) -> None:
    response = editing.get(LIST, parameters, follow=True)
    assert response.status_code == 200
    assert response.redirect_chain
    assert told(response)


def test_a_page_beyond_the_last_shows_the_last(
    make_asset: Callable[..., Asset], editing: Client, monkeypatch: Any
) -> None:
    from search.admin.asset import SemanticAssetAdmin

    monkeypatch.setattr(SemanticAssetAdmin, "list_per_page", 2)
    ids = [make_asset().pk for _ in range(3)]
    response = editing.get(LIST, {"p": 9})
    assert [asset.pk for asset in response.context["cl"].result_list] == ids[:1]


def test_who_may_not_view_assets_gets_no_list(user: Any, client: Client) -> None:
    user.is_staff = True
    user.save()
    client.force_login(user)
    assert client.get(LIST).status_code == 403
