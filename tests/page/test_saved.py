"""Searches can be kept under a name, by those who have signed in."""

import pytest
from django.contrib.auth.models import User

from assets.models import Collection, Tag
from search.models import SavedSearch
from tests.page.conftest import Seen


@pytest.fixture
def open_page(client, user, make_asset):
    make_asset(title="Red square", tags=[Tag.named("red")])
    client.force_login(user)
    return lambda address="/": Seen(client.get(address))


def save(client, query="tag=red", **fields):
    return Seen(client.post("/saved/", {"query": query, "name": "Reds"} | fields, follow=True))


def test_the_search_that_is_shown_is_saved_and_shown_again(client, open_page):
    form = open_page("/?tag=red&sort=title")
    seen = save(client, form.one("input", name="query").attributes["value"])
    assert "The search is saved as “Reds”." in seen.one("ul", "messages").text
    assert seen.names == ["Red square"]
    (address,) = seen.links("Reds")
    assert address == "/?sort=title&tag=red"
    kept = SavedSearch.objects.get()
    assert (kept.owner.username, kept.shared, kept.collection) == ("reader", False, None)


def test_nothing_but_a_search_is_offered_to_be_saved(open_page):
    assert open_page("/").all("input", name="query") == []
    assert open_page("/?tag=red").all("input", name="query") != []


def test_visitors_are_offered_nothing_and_may_not_save(see, client, make_asset):
    make_asset(tags=[Tag.named("red")])
    assert see("/?tag=red").all("input", name="query") == []
    assert client.post("/saved/", {"query": "tag=red", "name": "x"})["Location"].startswith("/login/")
    assert not SavedSearch.objects.exists()


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"name": "  "}, "Give the search a name."),
        ({"name": "a\nb"}, "no line breaks"),
        ({"name": "x" * 201}, "at most 200 characters"),
        ({"query": ""}, "nothing to search for"),
        ({"query": "nothing=1&q=a"}, "unknown parameter"),
        ({"query": "q=a\r\nX-Header: 1&like=abc"}, "like:abc is no asset"),
    ],
)
def test_what_cannot_be_saved_is_told_and_leaves_the_search_as_it_was(client, open_page, fields, reason):
    seen = save(client, **fields)
    assert reason in seen.one("ul", "messages").text
    assert not SavedSearch.objects.exists()


def test_a_name_is_used_once(client, open_page):
    save(client)
    assert "There is a saved search “Reds” of yours already." in save(client).one("ul", "messages").text


def test_own_and_shared_searches_are_listed_and_own_ones_can_be_deleted(client, user, open_page):
    other = User.objects.create_user("other")
    SavedSearch.objects.create(name="Theirs", query="q=a", owner=other, shared=True)
    SavedSearch.objects.create(name="Secret", query="q=b", owner=other)
    own = SavedSearch.objects.create(name="Mine", query="tag=red", owner=user)
    seen = open_page()
    assert "Theirs by other" in " ".join(e.text for e in seen.all("li"))
    assert "Secret" not in seen.html
    (button,) = [b for b in seen.all("button") if "Delete the saved search" in b.text]
    assert button.attributes["formaction"] == f"/saved/{own.pk}/delete/"
    after = Seen(client.post(button.attributes["formaction"], {"next": "/?tag=red"}, follow=True))
    assert "The saved search “Mine” is deleted." in after.one("ul", "messages").text
    assert after.names == ["Red square"]
    assert not SavedSearch.objects.filter(pk=own.pk).exists()


def test_another_s_search_is_not_deleted_and_a_private_one_is_not_there(client, open_page):
    other = User.objects.create_user("other")
    shared = SavedSearch.objects.create(name="Theirs", query="q=a", owner=other, shared=True)
    secret = SavedSearch.objects.create(name="Secret", query="q=b", owner=other)
    assert client.post(f"/saved/{shared.pk}/delete/").status_code == 403
    assert client.post(f"/saved/{secret.pk}/delete/").status_code == 404
    assert client.post("/saved/99999999999999999999999/delete/").status_code == 404
    assert client.get(f"/saved/{shared.pk}/delete/").status_code == 405
    assert SavedSearch.objects.count() == 2


def test_after_a_deletion_nobody_is_led_to_another_site(client, user, open_page):
    own = SavedSearch.objects.create(name="Mine", query="tag=red", owner=user)
    assert client.post(f"/saved/{own.pk}/delete/", {"next": "https://example.com/"})["Location"] == "/"


def test_a_smart_collection_takes_the_permission_and_is_a_filter_at_once(client, editor, open_page):
    assert open_page("/?tag=red").all("input", name="smart") == []
    assert "permission" in save(client, smart="on").one("ul", "messages").text
    client.force_login(editor)
    assert open_page("/?tag=red").all("input", name="smart") != []
    save(client, smart="on", name="All reds")
    assert Collection.objects.get().smart
    assert open_page("/?collection=all-reds").names == ["Red square"]
