"""The life of an asset over the API is the same on the file system and on a real S3 server."""

import io
import time
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from PIL import Image

from assets.models import Asset
from assets.preparation import prepare_batch
from assets.storage import originals, renditions
from search.models import Embedding
from tests.api.conftest import ASSETS
from tests.conftest import place
from tests.support.processes import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def fetch(client, url: str) -> bytes:
    """Return what a browser gets for one of our URLs: the bytes, or those behind the redirect to S3."""
    answer = client.get(urlsplit(url).path)
    if answer.status_code == 302:
        answer = requests.get(answer["Location"], timeout=10)
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Disposition"].startswith(("attachment", "inline"))
        return answer.content
    assert answer.status_code == 200
    return b"".join(answer.streaming_content)


def test_upload_renditions_search_download_and_delete(
    either_storage, upload, api, client, editor, picture, bundled_model
):
    client.force_login(editor)
    data = picture(size=(1500, 1000), format="JPEG")
    created = upload(data, "雪 truck.jpg").json()
    assert fetch(client, created["original"]) == data

    prepare_batch()
    shown = api.get(created["url"]).json()
    assert (shown["state"], shown["width"]) == ("ready", 1500)
    for preset, width in {"preview": 1024, "thumbnail": 320}.items():
        image = Image.open(io.BytesIO(fetch(client, shown["renditions"][preset])))
        assert (image.format, image.width) == ("WEBP", width)
    assert api.get(f"{ASSETS}?semantic=truck").json()["results"][0]["id"] == created["id"]

    assert upload(data, "again.jpg").status_code == 409
    assert originals().exists(Asset.objects.get().original.name)
    kept = [(originals(), Asset.objects.get().original.name)]
    kept += [(renditions(), rendition.file.name) for rendition in Asset.objects.get().renditions.all()]
    assert api.delete(created["url"]).status_code == 204
    assert not any(storage.exists(name) for storage, name in kept)
    assert not Embedding.objects.exists()


def test_a_refused_upload_leaves_no_object(s3, upload):
    assert upload(b"no picture", "a.png").status_code == 415
    assert list(s3.objects.all()) == []


def test_a_signed_url_is_the_only_way_in_and_expires(s3, settings, upload, client, editor):
    client.force_login(editor)
    created = upload().json()
    for storage in (originals(), renditions()):
        storage.querystring_expire = 1
    signed = client.get(urlsplit(created["original"]).path)["Location"]
    assert requests.get(signed.split("?")[0], timeout=10).status_code in {400, 401, 403}
    tampered = signed.replace("X-Amz-Expires=1", "X-Amz-Expires=9999")
    assert tampered != signed
    assert requests.get(tampered, timeout=10).status_code == 403
    wait_until(lambda: requests.get(signed, timeout=10).status_code == 403, "the URL to expire", seconds=20)


def test_an_asset_waits_while_s3_is_down_and_goes_on_when_it_is_back(s3, swift, make_asset, settings):
    from datetime import timedelta

    from django.db.models.functions import Now

    asset = make_asset()
    originals().bucket.meta.client.meta.events.register_first("before-send", _unreachable)
    started = time.monotonic()
    prepare_batch()
    assert time.monotonic() - started < 60
    asset.refresh_from_db()
    assert (asset.state, asset.attempts) == ("pending", 0)
    originals().bucket.meta.client.meta.events.unregister("before-send", _unreachable)
    Asset.objects.update(leased_until=Now() - timedelta(seconds=1))
    prepare_batch()
    asset.refresh_from_db()
    assert asset.state == "ready"


def _unreachable(**kwargs: object) -> None:
    from botocore.exceptions import EndpointConnectionError

    raise EndpointConnectionError(endpoint_url="http://s3.invalid")


def test_oss_of_alibaba_is_asked_by_the_buckets_host_and_the_older_signature(monkeypatch, settings):
    from dam import settings as ours

    for name, value in {
        "AWS_S3_ENDPOINT_URL": "https://s3.oss-cn-hangzhou.aliyuncs.com",
        "AWS_S3_REGION_NAME": "cn-hangzhou",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_S3_ADDRESSING_STYLE": "virtual",
        "AWS_S3_SIGNATURE_VERSION": "s3",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(ours, "DAM_S3_BUCKET", "my-bucket")
    place(settings, {"originals": ours._storage("originals")})
    address = urlsplit(originals().url("ab/cd"))
    assert (address.hostname, address.path) == ("my-bucket.s3.oss-cn-hangzhou.aliyuncs.com", "/originals/ab/cd")
    assert set(parse_qs(address.query)) == {"AWSAccessKeyId", "Signature", "Expires"}
    # It refuses bodies with a checksum behind them (aws-chunked), which boto sends wherever it may.
    assert originals().connection.meta.client.meta.config.request_checksum_calculation == "when_required"
