"""Uploading through the API: 201 with the asset, or a problem that says what is wrong and leaves nothing."""

import pytest

from assets.models import Asset, Collection, Tag
from tests.api.conftest import ASSETS

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("either_storage")]


def test_an_upload_answers_with_the_asset_and_where_it_is(upload, api, editor):
    Tag.named("red")
    Collection.named("Winter")
    answer = upload(title="A truck", tags=["red"], collections=["winter"], taken_at="2026-01-02T03:04:05Z")
    assert answer.status_code == 201
    shown = api.get(answer["Location"]).json()
    assert shown == answer.json()
    assert (shown["title"], shown["tags"], shown["filename"]) == ("A truck", ["red"], "a.png")
    assert (shown["state"], shown["uploaded_by"], shown["taken_at"]) == ("pending", "editor", "2026-01-02T03:04:05Z")
    assert Asset.objects.get().collections.get().slug == "winter"


def test_the_same_bytes_again_are_a_conflict_that_links_to_the_first(upload, picture):
    data = picture()
    first = upload(data, "a.png").json()
    answer = upload(data, "another-name.png")
    assert answer.status_code == 409
    assert answer["Content-Type"] == "application/problem+json"
    assert (answer.json()["existing"], answer.json()["existing_id"]) == (first["url"], first["id"])


@pytest.mark.parametrize(
    ("data", "name", "status"),
    [
        (b"", "empty.png", 400),
        (b"not a picture at all", "text.png", 415),
        (b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', "a.svg", 415),
    ],
)
def test_what_is_no_picture_is_refused_by_name(upload, data, name, status):
    answer = upload(data, name)
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    assert name in answer.json()["detail"] or "empty" in answer.json()["detail"]
    assert not Asset.objects.exists()


def test_a_path_as_a_file_name_loses_its_directories(upload):
    assert upload(name="../../etc/passwd").json()["filename"] == "passwd"


def test_a_file_without_a_name_is_refused(api, picture):
    from django.test.client import BOUNDARY, MULTIPART_CONTENT

    body = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename=""\r\n\r\n'.encode()
        + picture()
        + f"\r\n--{BOUNDARY}--\r\n".encode()
    )
    answer = api.generic("POST", ASSETS, body, content_type=MULTIPART_CONTENT)
    assert answer.status_code == 400
    assert "file" in answer.json()["detail"]


def test_a_declared_length_over_the_limit_is_refused_before_it_is_read(api):
    class Untouchable:
        def read(self, *args):
            raise AssertionError("the body was read")

        readline = read

    answer = api.generic(
        "POST", ASSETS, b"", content_type="multipart/form-data; boundary=x",
        CONTENT_LENGTH=str(2 * 1024**3), **{"wsgi.input": Untouchable()},
    )  # fmt: skip
    assert answer.status_code == 413
    assert "512 MB" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"tags": ["no-such-tag"]}, "tags"),
        ({"collections": ["nowhere"]}, "collections"),
        ({"taken_at": "yesterday"}, "taken_at"),
        ({"title": "x" * 256}, "title"),
        ({"title": "null \x00 byte"}, "title"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_stored(upload, files, fields, named):
    answer = upload(**fields)
    assert answer.status_code == 400
    assert [error["field"].split(".")[0] for error in answer.json()["errors"]] == [named]
    assert not Asset.objects.exists()
    assert not [path for path in files.rglob("*") if path.is_file()]


def test_json_is_no_way_to_upload(api):
    assert api.post(ASSETS, {"file": "a"}, format="json").status_code == 415


def test_a_description_can_be_changed_and_the_file_facts_cannot(upload, api):
    url = upload().json()["url"]
    answer = api.patch(url, {"title": "New", "sha256": "0" * 64, "size": 1, "state": "ready"}, format="json")
    assert (answer.status_code, answer.json()["title"], answer.json()["state"]) == (200, "New", "pending")
    assert answer.json()["sha256"] != "0" * 64
    assert api.put(url, {"title": "x"}, format="json").status_code == 405


def test_an_asset_can_be_tagged_and_put_into_collections_later(upload, api):
    Tag.named("Red")
    Collection.named("Winter")
    url = upload().json()["url"]
    answer = api.patch(url, {"tags": ["red"], "collections": ["winter"]}, format="json").json()
    assert (answer["tags"], answer["collections"]) == (["red"], ["winter"])
    assert api.patch(url, {"collections": ["nowhere"]}, format="json").status_code == 400


def test_deleting_answers_204_and_the_asset_is_gone(upload, api):
    url = upload().json()["url"]
    assert api.delete(url).status_code == 204
    assert api.get(url).status_code == 404
