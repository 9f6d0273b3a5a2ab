"""Admin pages on small screens, and what they show of a video."""

from collections.abc import Callable

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Page, expect

from assets.models import Asset
from assets.preparation import prepare_batch
from search.models import EmbeddingModel
from tests.support.films import film, scenes


@pytest.fixture
def admin(page: Page, live_server, client: Client, left_alone: None) -> Callable[[str], None]:
    """Open an address of the admin as a superuser."""
    client.force_login(User.objects.create_superuser("boss"))
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}])
    return lambda path: page.goto(f"{live_server.url}/admin/{path}")


def hidden_pixels(page: Page, selector: str) -> int:
    """How much of an element is to be scrolled to sideways."""
    return page.locator(selector).evaluate("element => element.scrollWidth - element.clientWidth")


def test_the_list_of_models_is_whole_on_a_laptop(page: Page, admin, bundled_model: EmbeddingModel):
    name = "ViT-B-32:/var/lib/models/clip-vit-base-patch32-laion2b.safetensors"
    EmbeddingModel.objects.create(name=name, dimensions=512)
    page.set_viewport_size({"width": 1280, "height": 800})
    admin("search/embeddingmodel/")
    table = page.locator("#result_list").bounding_box()
    last = page.locator("#result_list .field-exact_up_to").last.bounding_box()
    assert last["x"] + last["width"] <= table["x"] + table["width"] <= 1280


def test_the_ledgers_coverage_fits_a_phone(page: Page, admin, bundled_model: EmbeddingModel, make_asset):
    make_asset()
    page.set_viewport_size({"width": 390, "height": 844})
    admin("search/embedding/")
    expect(page.locator(".dam-ledger-counts")).to_be_visible()
    assert hidden_pixels(page, ".dam-ledger-counts") == 0


def test_a_videos_page_plays_it_and_shows_its_frames(page: Page, admin, make_asset: Callable[..., Asset]):
    shown = scenes("truck", "sailboat", "soccer")
    asset = make_asset("film.webm", data=film(shown, seconds=2, container="webm", codec="libvpx", rate=10))
    prepare_batch()
    admin(f"assets/asset/{asset.pk}/change/")
    expect(page.locator(".dam-preview video")).to_have_attribute("src", f"/assets/{asset.pk}/view/")
    frames = page.locator(".dam-parts a")
    expect(frames).to_have_count(asset.segments.count())
    expect(frames.first).to_have_attribute("href", f"/assets/{asset.pk}/1/preview.webp")
