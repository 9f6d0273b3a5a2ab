"""The SQL console of the admin, in a browser."""

from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Page, expect

from assets.models import Asset


def test_a_statement_is_run_on_a_phone_and_shows_its_pictures(
    page: Page, live_server, client: Client, library, settings
):
    settings.DAM_SQL_CONSOLE = True
    name = "DSC00042_at_the_lake_before_the_storm.JPEG"  # as files are called: a word that is wider than its picture
    Asset.objects.filter(pk=library["both"].pk).update(title=name)
    client.force_login(User.objects.create_superuser("boss"))
    cookie = client.cookies[django_settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies([{"name": django_settings.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}])
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{live_server.url}/admin/search/embeddingmodel/sql/")
    page.get_by_label("Statement").fill(
        "SELECT * FROM images ORDER BY embedding <-> clip_text_embedding('black car in the night')::vector(512) LIMIT 2"
    )
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("status")).to_contain_text("2 rows")
    pictures = page.locator(".dam-found img")
    expect(pictures).to_have_count(2)
    expect(pictures.first).to_have_attribute("alt", "A car")
    expect(page.get_by_role("columnheader")).to_have_count(8)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    expect(page.locator(".dam-found li", has_text=name)).to_have_count(1)
    assert page.locator(".dam-found li").evaluate_all("all => all.every(one => one.scrollWidth <= one.clientWidth)")
