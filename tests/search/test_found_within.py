"""What is asked for is found within a video, a document and a large picture, and the page leads to the place."""

import re
from io import BytesIO
from typing import Any

import pytest
from django.http import QueryDict
from PIL import Image

from assets.ledger import State
from assets.models import Asset, Rendition, Segment
from assets.preparation import prepare_batch
from search.embedding import embed_batch
from search.models import Embedding, EmbeddingModel
from search.query import SearchQuery
from search.results import search
from tests.support.films import document, film, scenes

pytestmark = pytest.mark.django_db
OTHERS = ("crab", "ferris wheel", "bicycle", "owl", "house", "couch", "squid", "fox")


def work() -> None:
    while prepare_batch() + embed_batch():
        pass


def found(text: str, user: Any) -> list[Any]:
    return search(SearchQuery.parse(QueryDict(f"q={text}&mode=semantic")), user)[0:10]


@pytest.fixture
def library(bundled_model: EmbeddingModel, make_asset, picture) -> None:
    for name, scene in zip(OTHERS, scenes(*OTHERS), strict=True):
        buffer = BytesIO()
        scene.save(buffer, "WEBP")
        make_asset(f"{name}.webp", data=buffer.getvalue())


@pytest.fixture
def clip(library, make_asset) -> Asset:
    """A film of a truck, a sailboat and a soccer ball, three seconds and thirty pictures each."""
    made = film(scenes("delivery truck", "sailboat, sea", "soccer ball"), seconds=3, size=(512, 512))
    asset = make_asset("clip.mp4", data=made)
    work()
    asset.refresh_from_db()
    return asset


def test_a_scene_in_the_middle_of_a_video_is_found_at_its_second(clip, user):
    for text, place in {"truck in the snow": None, "a sailboat on the sea": "0:03", "soccer ball": "0:06"}.items():
        first, *others = found(text, user)
        assert first == clip, text
        assert clip not in others
        assert (first.segment and first.segment.label) == place, text
        assert first.hit.match, text


def test_a_page_of_a_document_is_found_by_its_number(library, make_asset, user):
    asset = make_asset("report.pdf", data=document(scenes("delivery truck", "sailboat, sea", "soccer ball")))
    work()
    first, *others = found("soccer ball", user)
    assert (first, first.segment.label) == (asset, "page 3")
    assert asset not in others
    assert found("truck in the snow", user)[0].segment is None


def test_a_thing_at_the_edge_of_a_slim_picture_is_found_in_its_tile(library, make_asset, user):
    wide = Image.new("RGB", (2560, 512), "#88aa88")
    for number, scene in enumerate(scenes("sailboat", "couch", "squid", "owl", "soccer ball")):
        wide.paste(scene.resize((512, 512)), (512 * number, 0))
    buffer = BytesIO()
    wide.save(buffer, "JPEG", quality=92)
    asset = make_asset("panorama.jpg", data=buffer.getvalue())
    work()
    first = found("soccer ball", user)[0]
    assert (first, first.segment.label, first.segment.box) == (asset, "tile 5", [2048, 0, 512, 512])


def test_each_picture_is_embedded_once_and_in_every_live_model(library, make_asset, bundled_model):
    descriptions = EmbeddingModel.objects.create(
        name="words", dimensions=8, embeds=EmbeddingModel.Embeds.DESCRIPTION, asked_by_picture=False
    )
    asset = make_asset("clip.mp4", data=film(scenes("delivery truck", "sailboat"), size=(512, 512)))
    prepare_batch()
    work()
    rows = Embedding.objects.filter(asset=asset)
    assert list(rows.filter(model=bundled_model).order_by("segment").values_list("segment", "state")) == [
        (0, State.READY),
        (1, State.READY),
    ]
    assert not rows.filter(model=descriptions, segment__gt=0).exists()
    assert Embedding.objects.owe_all(bundled_model) == 0


def test_the_sweep_owes_what_no_signal_announced(clip, bundled_model):
    Embedding.objects.filter(segment=2).delete()
    assert Embedding.objects.owe_all(bundled_model) == 1
    other = EmbeddingModel.objects.create(name="other", dimensions=8)
    assert Embedding.objects.owe_all(other) == len(OTHERS) + 3


def test_a_segment_that_shows_something_else_loses_its_vector(clip):
    from assets.signals import segments_dropped

    segments_dropped.send(sender=Asset, asset_id=clip.pk, numbers=[2])
    assert list(Embedding.objects.filter(asset=clip).order_by("segment").values_list("segment", flat=True)) == [0, 1]


def test_a_deleted_video_leaves_no_rows(clip):
    clip.delete()
    for model in (Segment, Rendition, Embedding):
        assert not model.objects.filter(asset=clip.pk).exists()


def test_a_card_shows_the_frame_and_leads_to_it(clip, client, user):
    client.force_login(user)
    page = client.get("/?q=a+sailboat+on+the+sea").content.decode()
    number = clip.segments.get(milliseconds=3000).number
    assert f'href="/assets/{clip.pk}/?segment={number}"' in page
    assert f'src="/assets/{clip.pk}/{number}/thumbnail.webp"' in page
    assert re.search(r'class="where".*0:03', page)
    thumbnail = client.get(f"/assets/{clip.pk}/{number}/thumbnail.webp")
    assert Image.open(BytesIO(b"".join(thumbnail.streaming_content))).size == (320, 320)


def test_the_page_of_a_video_plays_from_the_second(clip, client, user):
    client.force_login(user)
    page = client.get(f"/assets/{clip.pk}/?segment=1").content.decode()
    assert f'src="/assets/{clip.pk}/view/#t=3.000"' in page
    assert f'poster="/assets/{clip.pk}/1/preview.webp"' in page
    assert page.count('aria-current="true"') == 1
    for gone in ("", "?segment=99", "?segment=x", "?segment=-1", "?segment=1&segment=99999999999999999999"):
        page = client.get(f"/assets/{clip.pk}/{gone}").content.decode()
        assert f'src="/assets/{clip.pk}/view/#t=0"' in page
        assert f'poster="/assets/{clip.pk}/preview.webp"' in page
        assert [f"0:0{second}</span>" in page for second in (0, 3, 6)] == [True] * 3


def test_the_page_of_a_document_opens_it_at_the_page(library, make_asset, client, user):
    asset = make_asset("report.pdf", data=document(scenes("delivery truck", "sailboat")))
    work()
    client.force_login(user)
    page = client.get(f"/assets/{asset.pk}/?segment=2").content.decode()
    assert f'href="/assets/{asset.pk}/view/#page=2"' in page
    assert f'<img src="/assets/{asset.pk}/2/preview.webp"' in page


def test_who_may_not_see_the_video_sees_none_of_it(clip, client):
    for path in ("view/", "1/preview.webp", "?segment=1"):
        assert client.get(f"/assets/{clip.pk}/{path}").status_code in {302, 403, 404}


def test_players_are_given_the_bytes_that_they_ask_for(clip, client, user):
    client.force_login(user)
    url, data = f"/assets/{clip.pk}/view/", clip.original.open().read()
    whole = client.get(url)
    assert (whole.status_code, whole["Content-Type"], whole["Accept-Ranges"]) == (200, "video/mp4", "bytes")
    assert whole["Content-Disposition"].startswith("inline")
    assert whole["Cache-Control"] == "private, no-cache"
    assert whole["X-Content-Type-Options"] == "nosniff"
    size = len(data)
    for asked, start, stop in (
        ("0-99", 0, 100), ("500-", 500, size), ("-100", size - 100, size),
        ("7-7", 7, 8), ("-1", size - 1, size), (f"{size - 1}-", size - 1, size), (f"{size - 1}-{size}", size - 1, size),
    ):  # fmt: skip
        part = client.get(url, headers={"Range": f"bytes={asked}"})
        assert part.status_code == 206
        assert part["Content-Range"] == f"bytes {start}-{stop - 1}/{len(data)}"
        assert b"".join(part.streaming_content) == data[start:stop]
    assert client.get(url, headers={"Range": f"bytes={len(data)}-"}).status_code == 416
    for part_of, status in ((whole["ETag"], 206), ('"another"', 200), (whole["Last-Modified"], 200)):
        assert client.get(url, headers={"Range": "bytes=7-", "If-Range": part_of}).status_code == status
    assert client.get(url, headers={"If-None-Match": whole["ETag"]}).status_code == 304
    original = client.get(f"/assets/{clip.pk}/original/", headers={"Range": "bytes=0-99"})
    assert (original.status_code, original["Content-Disposition"][:10]) == (206, "attachment")


def test_a_picture_is_not_viewed_as_it_was_uploaded(library, client, user):
    client.force_login(user)
    assert client.get(f"/assets/{Asset.objects.order_by('pk')[0].pk}/view/").status_code == 404
