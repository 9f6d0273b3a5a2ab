import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from assets.models import Asset
from demo.llm import Request, Server
from search.models import Ask
from tests.ask.conftest import PROVIDERS
from tests.page.conftest import Seen

pytestmark = pytest.mark.django_db


def drafts(request: Request) -> str:
    return json.dumps({"alt": "Ein Lastwagen.", "caption": "Lastwagen", "language": "de"})


@pytest.fixture
def writer(client: Client, editor: User) -> Client:
    client.force_login(editor)
    return client


@pytest.mark.parametrize("provider", PROVIDERS)
def test_drafts_are_answered_and_nothing_is_written(
    provider: str, shown: Callable[..., Asset], serve: Any, ask_at: Any, writer: Client
) -> None:
    ask_at(serve(Server(answer=drafts)).url, provider)
    asset = shown(title="Laster", description="")
    response = writer.post(f"/api/v1/assets/{asset.pk}/describe/")
    assert response.status_code == 200, response.content
    said = response.json()
    assert (said["alt"], said["caption"], said["language"]) == ("Ein Lastwagen.", "Lastwagen", "de")
    assert said["language_of"] == "text"
    changed = Asset.objects.get(pk=asset.pk)
    assert (changed.title, changed.description, changed.updated_at) == ("Laster", "", asset.updated_at)
    assert Ask.objects.get().what == Ask.What.DESCRIPTION


def test_the_language_is_that_of_the_text_or_else_of_the_user(
    shown: Callable[..., Asset], serve: Any, ask_at: Any, writer: Client
) -> None:
    server = serve(Server(answer=drafts))
    ask_at(server.url)
    with_text, without = shown("a.png", title="Laster"), shown("b.png")
    writer.post(f"/api/v1/assets/{with_text.pk}/describe/")
    headers = {"accept-language": "zh-hans"}
    response = writer.post(f"/api/v1/assets/{without.pk}/describe/", headers=headers)
    assert response.json()["language_of"] == "user"
    first, second = (request.texts[-1] for request in server.requests)
    assert "language of the title" in first
    assert "Simplified Chinese" in second


def test_who_may_not_change_an_asset_gets_no_drafts(
    shown: Callable[..., Asset], serve: Any, ask_at: Any, reader: Client, client: Client
) -> None:
    server = serve(Server(answer=drafts))
    ask_at(server.url)
    asset = shown(title="Laster")
    assert reader.post(f"/api/v1/assets/{asset.pk}/describe/").status_code == 403
    assert reader.post(f"/admin/assets/asset/{asset.pk}/describe/").status_code == 302
    client.logout()
    assert client.post(f"/api/v1/assets/{asset.pk}/describe/").status_code == 401
    assert server.requests == []


def test_an_asset_that_is_not_there_or_has_no_picture_is_said_so(
    make_asset: Callable[..., Asset], ask_at: Any, writer: Client
) -> None:
    ask_at("http://127.0.0.1:9")
    assert writer.post("/api/v1/assets/999999/describe/").status_code == 404
    asset = make_asset()
    response = writer.post(f"/api/v1/assets/{asset.pk}/describe/")
    assert response.status_code == 409
    assert response.json()["code"] == "no_picture"


def test_in_the_admin_a_draft_is_reviewed_before_it_is_saved(
    shown: Callable[..., Asset], serve: Any, ask_at: Any, writer: Client
) -> None:
    ask_at(serve(Server(answer=drafts)).url)
    asset = shown(title="Laster")
    address = f"/admin/assets/asset/{asset.pk}/describe/"
    change_page = Seen(writer.get(f"/admin/assets/asset/{asset.pk}/change/"))
    assert change_page.one("form", action=address)
    review = Seen(writer.post(address))
    assert review.status == 200
    assert review.one("input", name="title").attributes["value"] == "Lastwagen"
    assert review.one("textarea", name="description").text == "Ein Lastwagen."
    assert Asset.objects.get(pk=asset.pk).title == "Laster"
    writer.post(address, {"save": "1", "title": "Lastwagen", "description": "Ein roter Lastwagen."})
    saved = Asset.objects.get(pk=asset.pk)
    assert (saved.title, saved.description) == ("Lastwagen", "Ein roter Lastwagen.")
    assert Ask.objects.count() == 1


def test_a_title_that_is_too_long_is_not_saved(shown: Callable[..., Asset], ask_at: Any, writer: Client) -> None:
    ask_at("http://127.0.0.1:9")
    asset = shown(title="Laster")
    response = writer.post(f"/admin/assets/asset/{asset.pk}/describe/", {"save": "1", "title": "x" * 256})
    assert response.status_code == 400
    assert Asset.objects.get(pk=asset.pk).title == "Laster"


def test_the_admin_says_what_went_wrong(shown: Callable[..., Asset], ask_at: Any, writer: Client) -> None:
    ask_at("http://127.0.0.1:9")
    asset = shown(title="Laster")
    response = writer.post(f"/admin/assets/asset/{asset.pk}/describe/", follow=True)
    assert "cannot be reached" in response.content.decode()


def test_a_get_drafts_nothing(shown: Callable[..., Asset], ask_at: Any, writer: Client) -> None:
    asset = shown(title="Laster")
    assert writer.get(f"/admin/assets/asset/{asset.pk}/describe/").status_code == 405
    assert writer.get(f"/api/v1/assets/{asset.pk}/describe/").status_code == 405


def test_without_a_model_the_admin_says_so(shown: Callable[..., Asset], writer: Client) -> None:
    asset = shown(title="Laster")
    seen = Seen(writer.get(f"/admin/assets/asset/{asset.pk}/change/"))
    assert "Drafts of descriptions are off." in seen.html


def test_markup_in_drafts_stays_text(shown: Callable[..., Asset], serve: Any, ask_at: Any, writer: Client) -> None:
    def hostile(request: Request) -> str:
        return json.dumps({"alt": "</textarea><script>x</script>", "caption": '"><script>x', "language": "<b>"})

    ask_at(serve(Server(answer=hostile)).url)
    asset = shown(title="Laster")
    seen = Seen(writer.post(f"/admin/assets/asset/{asset.pk}/describe/"))
    assert seen.one("textarea", name="description").text == "</textarea><script>x</script>"
    assert "<script>x" not in seen.html
    assert "&lt;b&gt;" not in seen.html


def test_the_books_are_read_and_not_written(
    shown: Callable[..., Asset], serve: Any, ask_at: Any, writer: Client
) -> None:
    ask_at(serve(Server(answer=drafts)).url)
    asset = shown(title="Laster")
    writer.post(f"/api/v1/assets/{asset.pk}/describe/")
    row = Ask.objects.get()
    assert "Laster" in writer.get("/admin/search/ask/").content.decode()
    page = writer.get(f"/admin/search/ask/{row.pk}/change/").content.decode()
    assert "Ein Lastwagen." in page
    assert writer.post(f"/admin/search/ask/{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert writer.get("/admin/search/ask/add/").status_code == 403
