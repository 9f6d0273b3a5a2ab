"""Bodies that no client means: each a 400 that says what is wrong, none a 500."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from assets.models import Tag
from tests.api.conftest import ASSETS

pytestmark = pytest.mark.django_db
TAGS = "/api/v1/tags/"
FAR = ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "1799-12-31T23:59:59Z", "2201-01-02"]


def problem(answer) -> dict:
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    return answer.json()


def named(answer) -> list[str]:
    return [error["field"].split(".")[0] for error in problem(answer)["errors"]]


@pytest.mark.parametrize("name", ["created_after", "created_before", "taken_after", "taken_before"])
@pytest.mark.parametrize("moment", FAR)
def test_a_date_that_no_picture_has_is_refused_by_name(api, client, public, name, moment):
    assert named(api.get(ASSETS, {name: moment})) == [name]
    page = client.get("/", {name: moment})
    assert page.status_code == 400
    assert "Enter a date" in page.content.decode()


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00", "9999-12-31T23:59:59", *FAR[:3], "2201-01-02T00:00:00Z"])
def test_an_asset_is_not_taken_outside_of_the_years_that_there_are_pictures_of(api, make_asset, upload, moment):
    assert named(api.patch(f"{ASSETS}{make_asset().pk}/", {"taken_at": moment})) == ["taken_at"]
    assert named(upload(taken_at=moment)) == ["taken_at"]


@pytest.mark.parametrize("body", ["[" * 100_000 + "]" * 100_000, '{"name":' * 100_000 + "1" + "}" * 100_000])
def test_json_that_is_nested_too_deeply_is_a_400(api, body):
    assert "nested" in problem(api.generic("POST", TAGS, body, content_type="application/json"))["detail"]


@pytest.mark.parametrize("parent", ["1e400", "-1e400", '"\\u0000"', "1" + "0" * 30, "[]", "{}"])
def test_a_parent_that_is_no_id_is_named(api, parent):
    body = f'{{"name": "x", "parent": {parent}}}'
    assert named(api.generic("POST", TAGS, body, content_type="application/json")) == ["parent"]


@pytest.mark.parametrize("field", ["tags", "collections"])
@pytest.mark.parametrize("slug", ["\0", "a\0b", "\ud800", {"a": "\0"}])
def test_a_slug_that_no_column_can_hold_is_named(api, make_asset, field, slug):
    body = json.dumps({field: [slug]})
    url = f"{ASSETS}{make_asset().pk}/"
    assert named(api.generic("PATCH", url, body, content_type="application/json")) == [field]


def test_a_form_of_too_many_parts_is_a_400(api):
    fields = {f"field{n}": "x" for n in range(1001)}
    problem(api.post(ASSETS, fields, format="multipart"))
    files = {f"file{n}": SimpleUploadedFile("a.png", b"x") for n in range(1001)}
    problem(api.post(ASSETS, files, format="multipart"))


def test_a_form_whose_fields_are_too_large_is_a_400(api):
    problem(api.post(ASSETS, {"description": "x" * 3 * 1024 * 1024}, format="multipart"))


def test_a_tag_that_has_children_is_not_deleted(api):
    vehicle, truck = Tag.named("vehicle"), Tag.named("truck")
    Tag.objects.filter(pk=truck.pk).update(parent=vehicle)
    answer = api.delete(f"{TAGS}{vehicle.pk}/")
    assert (answer.status_code, answer["Content-Type"]) == (409, "application/problem+json")
    assert "has tags below it" in answer.json()["detail"]
    assert api.delete(f"{TAGS}{truck.pk}/").status_code == 204
    assert api.delete(f"{TAGS}{vehicle.pk}/").status_code == 204
