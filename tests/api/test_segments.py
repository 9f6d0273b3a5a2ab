"""The life of a video over the API is the same on the file system and on a real S3 server."""

import io
from urllib.parse import urlsplit

import pytest
import requests
from PIL import Image

from assets import storage
from assets.models import Asset, Segment
from assets.preparation import prepare_batch
from tests.api.conftest import ASSETS
from tests.support.films import film, scenes

pytestmark = pytest.mark.django_db(transaction=True)


def fetch(client, url: str, **headers: str) -> tuple[int, bytes]:
    """Return what a browser gets for one of our URLs, itself or behind the redirect to S3."""
    answer = client.get(urlsplit(url).path, headers=headers)
    if answer.status_code == 302:
        answer = requests.get(answer["Location"], headers=headers, timeout=10)
        assert answer.headers["Content-Disposition"].startswith("inline")
        return answer.status_code, answer.content
    return answer.status_code, b"".join(answer.streaming_content)


def test_a_video_is_uploaded_shown_played_in_parts_and_deleted(either_storage, upload, api, client, editor):
    client.force_login(editor)
    data = film(scenes("delivery truck", "sailboat, sea", "soccer ball"))
    created = upload(data, "clip.mp4").json()
    assert (created["kind"], created["mime_type"], created["segments"]) == ("video", "video/mp4", [])
    prepare_batch()
    shown = api.get(created["url"]).json()
    assert [(s["number"], s["kind"], s["label"], s["milliseconds"]) for s in shown["segments"]] == [
        (1, "frame", "0:02", 2000),
        (2, "frame", "0:04", 4000),
    ]
    assert set(shown["renditions"]) == {"preview", "thumbnail"}
    listed = api.get(ASSETS).json()["results"][0]
    assert set(listed["renditions"]) == {"preview", "thumbnail"}
    assert "segments" not in listed

    status, preview = fetch(client, shown["segments"][1]["preview"])
    assert (status, Image.open(io.BytesIO(preview)).size) == (200, (320, 240))
    assert fetch(client, f"/assets/{created['id']}/view/") == (200, data)
    assert fetch(client, f"/assets/{created['id']}/view/", Range="bytes=10-19") == (206, data[10:20])

    folder = f"{shown['sha256'][:2]}/{shown['sha256']}"
    assert len(storage.renditions().listdir(folder)[1]) == 6
    assert api.delete(created["url"]).status_code == 204
    assert not Asset.objects.exists()
    assert not Segment.objects.exists()
    assert not storage.originals().exists(storage.original_key(shown["sha256"]))
    for number in (0, 1, 2):
        assert not storage.renditions().exists(storage.rendition_key(shown["sha256"], "preview", number))
