"""Only what the asker may see leaves the library."""

from base64 import b64decode
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from PIL import Image

from assets.models import Asset
from assets.querysets import AssetQuerySet
from demo.llm import Server
from tests.ask.conftest import PROVIDERS

pytestmark = pytest.mark.django_db


@pytest.fixture
def private(monkeypatch: Any) -> None:
    """A library in which assets of a private title are seen by the editor alone."""
    everything = AssetQuerySet.visible_to

    def visible_to(self: Any, user: Any) -> Any:
        seen = everything(self, user)
        return seen if user.username == "editor" else seen.exclude(title__startswith="Private")

    monkeypatch.setattr(AssetQuerySet, "visible_to", visible_to)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_the_asker_may_not_see_never_reaches_the_service(
    provider: str,
    private: None,
    shown: Callable[..., Asset],
    serve: Any,
    ask_at: Any,
    reader: Client,
    editor: User,
) -> None:
    server = serve(Server())
    ask_at(server.url, provider)
    shown("a.png", title="Private truck", color="red", description="secret words")
    seen = shown("b.png", title="Truck", color="blue")
    bodies = [{"q": "truck", "mode": "keyword"}, {"mode": "keyword"}, {"q": "secret", "mode": "keyword"}]
    for body in bodies:
        reader.post("/api/v1/ask/", {"question": "truck", **body}, content_type="application/json")
    reader.post("/ask/", {"question": "truck", "search": "q=truck&mode=keyword"})
    sent = server.requests
    assert len(sent) == 3  # nothing was found for the secret
    for request in sent:
        assert "secret" not in str(request.body)
        assert "Private" not in str(request.body)
        (jpeg,) = request.pictures
        with Image.open(BytesIO(b64decode(jpeg))) as picture:
            red, _green, blue = picture.getpixel((30, 30))  # type: ignore[misc]
            assert blue > 200 > 50 > red
    reader.force_login(editor)
    said = reader.post("/api/v1/ask/", {"question": "truck", **bodies[0]}, content_type="application/json").json()
    assert {one["id"] for one in said["pictures"]} == set(Asset.objects.values_list("pk", flat=True))
    assert seen.pk in {one["id"] for one in said["pictures"]}


def test_an_asset_that_may_not_be_seen_is_not_described(
    private: None, shown: Callable[..., Asset], serve: Any, ask_at: Any, editor: User, client: Client
) -> None:
    server = serve(Server())
    ask_at(server.url)
    asset = shown(title="Private truck")
    other = User.objects.create_superuser("other")
    client.force_login(other)
    assert client.post(f"/api/v1/assets/{asset.pk}/describe/").status_code == 404
    assert client.post(f"/admin/assets/asset/{asset.pk}/describe/").status_code == 404
    assert client.post("/api/v1/ask/", {"question": "a", "like": str(asset.pk)}, "application/json").status_code == 400
    assert server.requests == []


def test_a_picture_is_not_named_by_its_id(shown: Callable[..., Asset], serve: Any, ask_at: Any, post: Any) -> None:
    server = serve(Server())
    ask_at(server.url)
    asset = shown(title="Truck")
    Asset.objects.filter(pk=asset.pk).update(title="Truck")
    post()
    body = dict(server.requests[0].body)
    assert f'"id": {asset.pk}' not in str(body)
    assert "reader" not in str(list(server.requests[0].texts))
