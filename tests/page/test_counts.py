"""The counts beside the results are of the matches, and each leads to as many results as it says."""

import re
from datetime import UTC, datetime

import pytest

from assets.models import Asset, Collection, Tag

PART = {"HX-Request": "true"}


@pytest.fixture
def library(make_asset, give_vector):
    vehicle = Tag.named("vehicle")
    truck = Tag.objects.create(name="truck", parent=vehicle)
    winter = Collection.named("Winter")
    for number in range(12):
        asset = make_asset(
            tags=[[truck], [vehicle], [truck, Tag.named("snow")]][number % 3],
            collections=[winter] if number % 4 == 0 else [],
        )
        taken = datetime(2019 + number % 3, 12, 31, 23, 59, tzinfo=UTC) if number % 2 else None
        Asset.objects.filter(pk=asset.pk).update(taken_at=taken)
        give_vector(asset, [1, number / 10])
    return Asset.objects.order_by("pk")


def values(seen):
    """Each value's link, and its count."""
    return {e.attributes["href"]: int(e.text.split()[-1]) for e in seen.all("a") if re.search(r" \d+$", e.text)}


@pytest.mark.parametrize("address", ["sort=-created_at", "like={0}&sort=-created_at", "tag=truck&like={0}&sort=title"])
def test_a_count_is_the_number_of_results_that_its_link_leads_to(see, library, address):
    counted = values(see("/facets/?" + address.format(library[0].pk), headers=PART))
    assert len(counted) > 4
    for link, count in counted.items():
        assert len(see(link, follow=True).names) == count, link


def test_the_links_keep_the_search_and_its_filters(see, library):
    counted = values(see("/facets/?tag=truck&mode=semantic", headers=PART))
    assert counted["/?mode=semantic&tag=snow&tag=truck"] == 4
    assert counted["/?mode=semantic&collection=winter&tag=truck"] == 2


def test_what_would_keep_every_result_is_not_offered(see, library):
    texts = see("/facets/", headers=PART).html
    assert "kind=image" not in texts
    assert "tag=vehicle" not in texts


def test_a_year_is_that_of_the_shot_else_that_of_the_file(see, library):
    counted = values(see("/facets/", headers=PART))
    this_year = datetime.now(tz=UTC).year
    assert counted[f"/?year={this_year}"] == 6
    assert counted["/?year=2019"] + counted["/?year=2020"] + counted["/?year=2021"] == 6


def test_who_uploads_is_told_to_those_who_have_signed_in_alone(client, public, user, library):
    Asset.objects.filter(pk=library[0].pk).update(uploaded_by=user)
    assert "reader" not in client.get("/facets/", headers=PART).content.decode()
    client.force_login(user)
    assert "reader" in client.get("/facets/", headers=PART).content.decode()


def test_no_counts_for_who_may_not_read(client, db, settings):
    settings.DAM_PUBLIC_READ = False
    assert client.get("/facets/")["Location"].startswith("/login/")


@pytest.mark.parametrize("query", ["q=a^1e9", "nothing=1", "like=999999", "created_after=x", "page=0"])
def test_a_search_that_cannot_be_counted_is_answered_by_the_search_page(see, small_space, query):
    assert see(f"/facets/?{query}").response["Location"] == f"/?{query.replace('^', '%5E')}"
    assert see(f"/facets/?{query}", headers=PART).response["HX-Redirect"].startswith("/?")
