"""How assets are asked for: visibility first, then tags as a hierarchy, collections and dates."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import AnonymousUser

from assets.models import Asset, Collection, Tag

pytestmark = pytest.mark.django_db


def day(number: int) -> datetime:
    return datetime(2026, 3, number, tzinfo=UTC)


def test_signed_in_users_see_the_library_and_strangers_do_not(make_asset, user):
    asset = make_asset()
    assert list(Asset.objects.visible_to(user)) == [asset]
    assert list(Asset.objects.visible_to(AnonymousUser())) == []
    user.is_active = False
    assert list(Asset.objects.visible_to(user)) == []


def test_a_public_library_can_be_seen_by_strangers(make_asset, public):
    asset = make_asset()
    assert list(Asset.objects.visible_to(AnonymousUser())) == [asset]


def test_a_tag_stands_for_all_tags_below_it(make_asset):
    vehicle = Tag.objects.create(name="Vehicle")
    truck = Tag.objects.create(name="Truck", parent=vehicle)
    lorry = Tag.objects.create(name="Lorry", parent=truck)
    trucks = make_asset(tags=[lorry])
    make_asset(tags=[Tag.named("tree")])
    assert list(Asset.objects.tagged("vehicle")) == [trucks]
    assert list(Asset.objects.tagged(truck)) == [trucks]


def test_several_tags_mean_all_of_them_and_each_asset_comes_once(make_asset):
    red, car, bus = (Tag.named(name) for name in ("red", "car", "bus"))
    red_car = make_asset(tags=[red, car])
    red_bus = make_asset(tags=[red, bus])
    assert list(Asset.objects.tagged("red", "car")) == [red_car]
    assert list(Asset.objects.tagged_any([red, car, bus])) == [red_bus, red_car]
    assert list(Asset.objects.tagged("red", "no such tag")) == []


def test_collections_and_dates_narrow_further(make_asset):
    winter = Collection.named("Winter")
    early, late = make_asset(collections=[winter], taken_at=day(1)), make_asset(taken_at=day(2))
    assert list(Asset.objects.in_collection(winter)) == [early]
    assert list(Asset.objects.taken_between(day(1), day(2))) == [early]
    assert list(Asset.objects.taken_between(day(2), None)) == [late]


@pytest.mark.parametrize("name", ["", "!!!", " "])
def test_a_tag_needs_a_letter_or_a_digit(name):
    with pytest.raises(ValueError, match="no tag name"):
        Tag.named(name)


def test_names_with_the_same_slug_are_the_same_tag():
    assert Tag.named("Red Car") == Tag.named("red car")
    assert Tag.named("雪地").slug == "雪地"
