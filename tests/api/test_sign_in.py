"""Guessing a password: counted by address over all three doors, before the password is looked at."""

import base64

import pytest
from django.core.cache import cache

pytestmark = pytest.mark.django_db
TOKENS = "/api/v1/tokens/"
PAGES = ["/login/", "/admin/login/"]


@pytest.fixture(autouse=True)
def uncounted():
    cache.clear()
    yield
    cache.clear()


def basic(name: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


@pytest.fixture
def guess(client, user):
    def send(door: str, **options):
        if door == TOKENS:
            return client.post(door, headers=basic("reader", "wrong"), **options)
        return client.post(door, {"username": "reader", "password": "wrong"}, **options)

    return send


@pytest.mark.parametrize("door", [TOKENS, *PAGES])
def test_wrong_passwords_are_refused_from_the_twenty_first_on(guess, client, door):
    assert {guess(door).status_code for _ in range(20)} == {401 if door == TOKENS else 200}
    answer = guess(door)
    assert (answer.status_code, int(answer["Retry-After"]) > 0) == (429, True)
    assert client.post(TOKENS, headers=basic("reader", "reader")).status_code == 429
    if door in PAGES:
        assert "Too many attempts" in answer.content.decode()
        assert client.get(door).status_code == 200


def test_the_doors_share_one_limit(guess):
    for _ in range(10):
        guess(TOKENS), guess("/login/")
    assert guess("/admin/login/").status_code == 429


def test_a_made_up_forwarding_header_is_no_way_around_the_limit(guess):
    answers = [guess(TOKENS, REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=f"10.1.0.{n}") for n in range(21)]
    assert answers[-1].status_code == 429


def test_another_address_is_not_kept_out(guess):
    for _ in range(21):
        guess(TOKENS)
    assert guess(TOKENS, REMOTE_ADDR="10.0.0.2").status_code == 401


@pytest.mark.parametrize("name", ["a\0b", "\0"])
def test_a_name_with_a_null_character_is_nobody_s(client, name):
    answer = client.post(TOKENS, headers=basic(name, "c"))
    assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")


def test_the_admin_s_sign_in_page_still_signs_in(client, admin_user):
    answer = client.post("/admin/login/?next=/admin/", {"username": "admin", "password": "password"})
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")
