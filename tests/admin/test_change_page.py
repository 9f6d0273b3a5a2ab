from collections.abc import Callable

from django.test import Client
from PIL import Image

from assets.models import Asset, Tag
from assets.preparation import prepare_batch

EDITS = {"title": "Truck in snow", "description": "A white one", "taken_at_0": "2026-03-01", "taken_at_1": "12:00:00"}


def page_of(asset: Asset) -> str:
    return f"/admin/assets/asset/{asset.pk}/change/"


def test_it_shows_preview_facts_and_what_the_camera_wrote(
    editing: Client, make_asset: Callable[..., Asset], picture: Callable[..., bytes]
) -> None:
    exif = Image.Exif()
    exif[0x0110] = "Sinar P3"
    asset = make_asset("truck.jpg", data=picture(size=(80, 40), format="JPEG", exif=exif))
    prepare_batch()
    page = editing.get(page_of(asset)).content.decode()
    for shown in [f"/assets/{asset.pk}/preview.webp", f"/assets/{asset.pk}/original/", "80 × 40", asset.sha256]:
        assert shown in page
    assert "Sinar P3" in page


def test_title_description_tags_and_date_can_be_changed(editing: Client, make_asset: Callable[..., Asset]) -> None:
    asset, tag = make_asset(), Tag.named("truck")
    response = editing.post(page_of(asset), {**EDITS, "tags": [tag.pk]})
    assert response.status_code == 302
    asset.refresh_from_db()
    assert (asset.title, asset.description, list(asset.tags.all())) == ("Truck in snow", "A white one", [tag])
    assert asset.taken_at is not None
    assert asset.taken_at.isoformat() == "2026-03-01T12:00:00+00:00"


def test_file_facts_cannot_be_changed(editing: Client, make_asset: Callable[..., Asset]) -> None:
    asset = make_asset()
    editing.post(page_of(asset), {**EDITS, "sha256": "0" * 64, "filename": "other.png", "state": "ready"})
    changed = Asset.objects.get(pk=asset.pk)
    assert changed.title == "Truck in snow"
    assert (changed.sha256, changed.filename, changed.state) == (asset.sha256, asset.filename, asset.state)


def test_who_may_only_view_sees_the_page_and_cannot_save(looking: Client, make_asset: Callable[..., Asset]) -> None:
    asset = make_asset()
    assert looking.get(page_of(asset)).status_code == 200
    assert looking.post(page_of(asset), EDITS).status_code == 403
    assert Asset.objects.get(pk=asset.pk).title == ""
