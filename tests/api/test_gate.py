"""What the first middleware refuses, before a byte of a body is read or a null character reaches the database."""

import pytest
from django.test import Client

from tests.api.conftest import ASSETS

pytestmark = pytest.mark.django_db
MB = 1024 * 1024


class Untouchable:
    def read(self, *args):
        raise AssertionError("the body was read")

    readline = read


def declare(client: Client, path: str, length: object, method: str = "POST"):
    return client.generic(
        method, path, b"", content_type="multipart/form-data; boundary=x",
        CONTENT_LENGTH=str(length), **{"wsgi.input": Untouchable()},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("path", "method", "length"),
    [
        ("/login/", "POST", 650 * MB),
        ("/login/", "POST", 3 * MB),
        ("/admin/login/", "POST", 650 * MB),
        ("/", "POST", 22 * MB),
        ("/assets/1/", "POST", 3 * MB),
        ("/admin/assets/asset/add/", "POST", 514 * MB),
        ("/admin/assets/tag/add/", "POST", 3 * MB),
    ],
)
def test_a_page_refuses_a_body_that_is_too_large_for_it_unread(client, path, method, length):
    answer = declare(client, path, length, method)
    assert answer.status_code == 413
    assert answer["Content-Type"].startswith("text/plain")
    assert "larger than the limit of" in answer.content.decode()


@pytest.mark.parametrize(
    ("path", "method", "length"),
    [
        (ASSETS, "POST", 514 * MB),
        (ASSETS, "PUT", 3 * MB),
        (f"{ASSETS}1/", "PATCH", 3 * MB),
        ("/api/v1/tags/", "POST", 650 * MB),
        ("/api/v1/tokens/", "POST", 3 * MB),
    ],
)
def test_the_api_refuses_a_body_that_is_too_large_for_it_as_a_problem(client, path, method, length):
    answer = declare(client, path, length, method)
    assert (answer.status_code, answer["Content-Type"]) == (413, "application/problem+json")
    assert answer.json()["status"] == 413


@pytest.mark.parametrize("length", ["", "none", "-1"])
def test_a_length_that_is_none_is_left_to_django(client, length):
    answer = client.generic("POST", "/login/", b"", content_type="text/plain", CONTENT_LENGTH=length)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "address",
    [
        "/admin/assets/asset/?q=a%00b",
        "/admin/assets/tag/?name=%00",
        "/login/?next=%00",
        "/assets/1/?x%00=y",
    ],
)
def test_null_characters_in_an_address_are_a_400(admin_client, address):
    assert admin_client.get(address).status_code == 400


def test_a_null_character_in_a_cookie_is_a_400(client):
    assert client.get("/", headers={"Cookie": r'sessionid="\000aaaaaaaaaaaaaaaa"'}).status_code == 400


def test_a_token_that_is_no_text_is_a_400(client):
    answer = client.get(ASSETS, headers={"Authorization": "Bearer \xff"})
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")


@pytest.mark.parametrize("path", [ASSETS, "/api/v1/tags/", "/api/v1/nothing/", "/api/schema/"])
def test_answers_of_the_api_are_not_kept_by_anybody_else(client, path):
    assert client.get(path)["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize("path", ["/api/docs/", "/api/redoc/", "/api/schema/", "/api/v1/tags/"])
def test_asking_an_address_of_the_api_for_its_options_fails_nowhere(client, path):
    assert client.options(path).status_code in (200, 401, 405)
