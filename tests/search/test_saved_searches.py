from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import QueryDict

from assets.models import Asset, Collection, Tag
from search import saved
from search.models import SavedSearch
from search.query import InvalidQuery, SearchQuery


def query(address: str) -> SearchQuery:
    return SearchQuery.parse(QueryDict(address))


@pytest.fixture
def other(db: None) -> User:
    return User.objects.create_user("other")


def refusal(act: Callable[[], object]) -> str:
    with pytest.raises(InvalidQuery) as refused:
        act()
    return str(refused.value)


def test_a_query_is_kept_as_its_parameters_and_comes_back_the_same(user: User) -> None:
    Tag.named("truck")
    asked = query('q=red+car+-night+"old+town"&tag=truck&sort=-created_at')
    kept = saved.save(user, "  Red cars ", asked)
    kept.refresh_from_db()
    assert kept.name == "Red cars"
    assert kept.query == asked.params().urlencode()
    assert saved.query_of(kept) == asked
    assert kept.collection is None


def test_people_have_their_own_and_what_others_share(user: User, other: User) -> None:
    saved.save(other, "secret", query("q=car"))
    shared = saved.save(other, "common", query("q=car"), shared=True)
    own = saved.save(user, "mine", query("q=car"))
    assert set(SavedSearch.objects.visible_to(user)) == {shared, own}


def test_a_name_is_taken_for_its_owner_only(user: User, other: User) -> None:
    saved.save(user, "cars", query("q=car"))
    saved.save(other, "cars", query("q=car"))
    assert "“cars” of yours already" in refusal(lambda: saved.save(user, "cars", query("q=truck")))


@pytest.mark.parametrize(
    ("name", "problem"),
    [(" ", "a name"), ("x" * 201, "at most 200"), ("a\nb", "control characters"), ("a\0b", "control characters")],
)
def test_a_name_that_cannot_be_is_refused(user: User, name: str, problem: str) -> None:
    assert problem in refusal(lambda: saved.save(user, name, query("q=car")))


def test_an_empty_query_is_refused(user: User) -> None:
    assert "nothing to search for" in refusal(lambda: saved.save(user, "all", query("sort=title")))


@pytest.mark.parametrize("address", ["picture=token", "url=https://example.com/a.jpg", "q=car&picture=token"])
def test_a_picture_that_is_kept_for_a_day_is_refused_with_what_to_do(user: User, address: str) -> None:
    message = refusal(lambda: saved.save(user, "like mine", query(address)))
    assert "Add it to the library and use like:" in message


def test_an_asset_that_its_owner_cannot_see_is_refused(user: User, make_asset: Callable[..., Asset]) -> None:
    asset = make_asset()
    saved.save(user, "seen", query(f"like={asset.pk}"))
    assert "There is no asset 999999" in refusal(lambda: saved.save(user, "unseen", query("like=999999")))
    user.is_active = False
    assert f"There is no asset {asset.pk}" in refusal(lambda: saved.save(user, "left", query(f"like={asset.pk}")))


def test_a_space_that_is_not_there_is_refused_by_its_name(user: User, make_asset, give_vector) -> None:
    give_vector(make_asset(), [1])
    saved.save(user, "here", query("q=car&space=test-space"))
    with pytest.raises(InvalidQuery) as refused:
        saved.save(user, "nowhere", query("q=car&space=nowhere"))
    assert refused.value.errors == {"space": ["There is no space “nowhere”. There are: test-space."]}
    assert SavedSearch.objects.get().name == "here"


def test_a_query_that_has_become_invalid_names_what_is_wrong(user: User) -> None:
    tag = Tag.named("truck")
    kept = saved.save(user, "trucks", query("tag=truck"))
    tag.delete()
    assert "truck" in refusal(lambda: saved.query_of(kept))


def test_an_address_that_somebody_copied_is_read_without_its_page(db: None) -> None:
    assert saved.read("?q=car&page=7&page_size=20&facets=1") == query("q=car")
    assert "too many parameters" in refusal(lambda: saved.read("&".join(["tag=a"] * 5000)))


def test_only_its_owner_changes_or_deletes_a_search(user: User, other: User) -> None:
    kept = saved.save(other, "cars", query("q=car"), shared=True)
    for act in (lambda: saved.update(kept, user, name="mine"), lambda: saved.delete(kept, user)):
        with pytest.raises(PermissionDenied, match="Only its owner"):
            act()
    saved.update(kept, other, name="trucks", query=query("q=truck"), shared=False)
    kept.refresh_from_db()
    assert (kept.name, kept.query, kept.shared) == ("trucks", "q=truck", False)
    saved.delete(kept, User.objects.create_superuser("root"))
    assert not SavedSearch.objects.exists()


def test_a_refused_change_leaves_everything_as_it_was(user: User) -> None:
    kept = saved.save(user, "cars", query("q=car"))
    saved.save(user, "trucks", query("q=truck"))
    refusal(lambda: saved.update(kept, user, name="trucks", query=query("q=bus")))
    kept.refresh_from_db()
    assert (kept.name, kept.query) == ("cars", "q=car")


def test_a_smart_collection_takes_the_permission_to_add_collections(user: User, editor: User) -> None:
    with pytest.raises(PermissionDenied, match="permission to add collections"):
        saved.save(user, "Cars", query("q=car"), smart=True)
    assert not SavedSearch.objects.exists()
    assert not Collection.objects.exists()
    assert saved.save(editor, "Cars", query("q=car"), smart=True).collection == Collection.objects.get(slug="cars")
