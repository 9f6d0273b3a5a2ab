"""Anonymous visitors see nothing, unless the library is public; what is not visible is not there."""

import pytest
from django.urls import reverse


@pytest.mark.parametrize("address", ["/", "/?q=truck", "/assets/1/"])
def test_anonymous_visitors_are_sent_to_sign_in_and_come_back(client, db, settings, address):
    settings.DAM_PUBLIC_READ = False
    response = client.get(address)
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("login") + "?next=/")


def test_anonymous_visitors_are_not_told_whether_an_asset_exists(client, make_asset, settings):
    settings.DAM_PUBLIC_READ = False
    there, gone = client.get(f"/assets/{make_asset().pk}/"), client.get("/assets/999999/")
    assert there.status_code == gone.status_code == 302


def test_a_part_for_somebody_signed_out_loads_the_whole_page_instead(client, db, settings):
    settings.DAM_PUBLIC_READ = False
    response = client.get("/?kind=image", headers={"HX-Request": "true"})
    assert response["HX-Redirect"] == "/?kind=image"
    assert response.content == b""


def test_signed_in_users_see_the_library(client, user, make_asset, settings):
    settings.DAM_PUBLIC_READ = False
    asset = make_asset(title="Red square")
    client.force_login(user)
    assert "Red square" in client.get("/").content.decode()
    assert client.get(asset.get_absolute_url()).status_code == 200


def test_a_public_library_is_open_to_anonymous_visitors(see, make_asset):
    asset = make_asset(title="Red square")
    assert see("/").names == ["Red square"]
    assert see(asset.get_absolute_url()).status == 200


def test_an_asset_that_does_not_exist_is_a_404(see, db):
    assert see("/assets/999999/").status == 404
    assert see("/assets/99999999999999999999999999/").status == 404


def test_signing_in_leads_back_to_the_search(client, user, settings):
    settings.DAM_PUBLIC_READ = False
    address = client.get("/?kind=image")["Location"]
    assert "Sign in" in client.get(address).content.decode()
    response = client.post(reverse("login"), {"username": "reader", "password": "reader", "next": "/?kind=image"})
    assert response["Location"] == "/?kind=image"


def test_a_wrong_password_is_said(client, user):
    response = client.post(reverse("login"), {"username": "reader", "password": "wrong"})
    assert 'role="alert"' in response.content.decode()


def test_only_those_who_may_change_an_asset_are_offered_to(client, user, editor, make_asset):
    asset = make_asset()
    edit = reverse("admin:assets_asset_change", args=[asset.pk])
    client.force_login(user)
    assert edit not in client.get(asset.get_absolute_url()).content.decode()
    client.force_login(editor)
    assert edit in client.get(asset.get_absolute_url()).content.decode()


def test_no_page_of_the_library_is_kept_by_a_shared_cache(see, make_asset):
    for address in ("/", make_asset().get_absolute_url()):
        response = see(address).response
        assert "private" in response["Cache-Control"]
        assert "no-cache" in response["Cache-Control"]


def test_scripts_come_from_this_server_alone(see, make_asset):
    seen = see("/")
    policy = seen.response["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert all((script.attributes.get("src") or "").startswith("/static/") for script in seen.all("script"))
    assert all("style" not in e.attributes and "onclick" not in e.attributes for e in seen.elements)
