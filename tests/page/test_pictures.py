"""A picture that is not in the library can be searched with: sent to the page, kept for a day, shown as a chip."""

from io import BytesIO
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from assets.models import Tag
from search import query_pictures
from search.models import QueryPicture
from search.throttles import QueryPictureThrottle
from tests.page.conftest import Seen


@pytest.fixture(autouse=True)
def nothing_counted():
    cache.clear()


@pytest.fixture
def send(client, public, bundled_model):
    """Send a file to an address of the page, as its form does."""

    def post(content, address="/", name="mine.png", **fields):
        return client.post(address, {"picture": SimpleUploadedFile(name, content)} | fields)

    return post


def test_a_picture_leads_to_its_results_with_the_words_and_filters_there_were(send, see, picture, make_asset):
    make_asset(tags=[Tag.named("truck")])
    response = send(picture(), "/?q=night&tag=truck&sort=title&page=1")
    assert response.status_code == 302
    query = parse_qs(urlsplit(response["Location"]).query)
    (token,) = query.pop("picture")
    assert query == {"q": ["night"], "tag": ["truck"], "sort": ["title"]}
    assert query_pictures.find(token)
    assert see(response["Location"]).status == 200


def test_what_stands_in_the_box_goes_with_the_picture(send, picture):
    response = send(picture(), "/?q=night", q="day")
    assert parse_qs(urlsplit(response["Location"]).query)["q"] == ["day"]


def test_a_picture_takes_the_place_of_other_pictures(send, picture, make_asset):
    response = send(picture(), f"/?like={make_asset().pk}&picture=x&q=red&mode=keyword")
    assert set(parse_qs(urlsplit(response["Location"]).query)) == {"q", "picture"}


def test_the_chip_shows_the_picture_small_and_takes_it_away(send, see, picture, make_asset):
    make_asset()
    seen = see(send(picture("blue"), "/?q=night")["Location"])
    (chip,) = [chip for chip in seen.all("a", "chip") if "your picture" in chip.text]
    assert chip.text == "Remove Like your picture ×"
    assert chip.attributes["href"] == "?q=night"
    (thumbnail,) = [e for e in seen.all("img") if (e.attributes["src"] or "").startswith("data:")]
    assert thumbnail.attributes["src"].startswith("data:image/webp;base64,")
    assert len(thumbnail.attributes["src"]) < 5000


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("page.html", b"<html><script>", "page.html"),
        ("broken.png", b"\x89PNG\r\n\x1a\n" + b"x" * 100, "broken.png cannot be decoded"),
        ("nothing.png", b"", "nothing.png"),
    ],
)
def test_a_file_that_is_no_picture_is_refused_by_name_and_nothing_is_kept(send, name, content, reason):
    seen = Seen(send(content, "/?q=night", name=name))
    assert seen.status == 400
    assert reason in seen.one("div", "problems").text
    assert seen.one("input", id="id_q").attributes["value"] == "night"
    assert not QueryPicture.objects.exists()


def test_a_form_without_a_file_is_told_so(client, public, db):
    seen = Seen(client.post("/?q=night", {"q": "night"}))
    assert seen.status == 400
    assert "Choose a picture to search with." in seen.one("div", "problems").text


def test_a_picture_may_be_larger_than_an_ordinary_form_but_not_than_its_own_limit(send, picture, monkeypatch):
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 255, (1000, 1100, 3), dtype=np.uint8))
    noise.save(buffer := BytesIO(), "PNG")
    assert len(buffer.getvalue()) > 2.6 * 1024 * 1024
    assert send(buffer.getvalue()).status_code == 302
    monkeypatch.setattr(query_pictures, "MOST_BYTES", 1024 * 1024)
    assert send(buffer.getvalue()).status_code == 413


def test_too_many_pictures_in_a_short_time_are_refused_until_later(send, picture, monkeypatch):
    monkeypatch.setattr(QueryPictureThrottle, "THROTTLE_RATES", {"query-picture": "1/min"})
    assert send(picture()).status_code == 302
    response = send(picture())
    assert response.status_code == 429
    assert 0 < int(response["Retry-After"]) <= 61
    assert "You have searched with many pictures" in response.content.decode()
    assert QueryPicture.objects.count() == 1


def test_a_picture_is_taken_only_from_the_page_s_own_form(public, picture, db):
    strict = Client(enforce_csrf_checks=True)
    files = {"picture": SimpleUploadedFile("a.png", picture())}
    assert strict.post("/", files).status_code == 403
    form = Seen(strict.get("/"))
    (token,) = {e.attributes["value"] for e in form.all("input", name="csrfmiddlewaretoken")}
    files["picture"].seek(0)
    assert strict.post("/", files | {"csrfmiddlewaretoken": token}).status_code == 302


def test_who_may_not_read_the_library_may_not_search_with_a_picture(client, picture, db, settings):
    settings.DAM_PUBLIC_READ = False
    response = client.post("/", {"picture": SimpleUploadedFile("a.png", picture())})
    assert response["Location"].startswith("/login/")
    assert not QueryPicture.objects.exists()


def test_a_picture_that_has_expired_says_so(send, see, picture, make_asset):
    make_asset()
    address = send(picture())["Location"]
    QueryPicture.objects.all().delete()
    seen = see(address)
    assert seen.status == 400
    assert "has expired" in seen.one("div", "problems").text


def test_a_picture_on_the_web_is_fetched_once_and_named_by_its_token(
    client, user, picture, bundled_model, make_asset, monkeypatch
):
    make_asset()
    fetched = []
    monkeypatch.setattr(query_pictures.remote, "fetch", lambda url, **limits: fetched.append(url) or picture())
    client.force_login(user)
    response = client.get("/", {"q": "night -url:https://example.com/a.png"}, follow=True)
    assert response.status_code == 200
    assert fetched == ["https://example.com/a.png"]
    query = parse_qs(urlsplit(response.redirect_chain[-1][0]).query)
    assert query["q"] == ["night"]
    assert query["picture"][0].startswith("-")
    assert "Not like" in response.content.decode()


def test_a_picture_on_the_web_that_is_not_to_be_had_is_told(client, user, bundled_model):
    client.force_login(user)
    response = client.get("/", {"url": "http://127.0.0.1/secret.png"})
    assert response.status_code == 400
    assert "127.0.0.1 was not found on the public internet." in response.content.decode()
