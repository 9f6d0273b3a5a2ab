"""The console in the admin and over REST: for superusers, where it is on."""

import logging
import threading

import pytest
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.test import APIClient

from search.sql import console

PAGE, API = "/admin/search/embeddingmodel/sql/", "/api/v1/sql/"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def on(settings):
    settings.DAM_SQL_CONSOLE = True


@pytest.fixture
def root(db) -> User:
    return User.objects.create_superuser("root")


@pytest.fixture
def api(root) -> APIClient:
    client = APIClient()
    client.force_authenticate(root)
    return client


@pytest.fixture
def browser(root) -> Client:
    client = Client()
    client.force_login(root)
    return client


def test_the_api_answers_with_columns_and_rows(api):
    answer = api.post(API, {"sql": "SELECT 1 AS id, 'x' AS name, ARRAY['a'] AS tags"})
    assert answer.status_code == 200
    assert answer.json() | {"took_ms": 0} == {
        "columns": ["id", "name", "tags"], "rows": [[1, "x", ["a"]]], "row_count": 1, "truncated": False, "took_ms": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "Send a statement"),
        ([], "Send a statement"),
        ({"sql": 5}, "Send a statement"),
        ({"sql": ""}, "There is no statement"),
        ({"sql": "DELETE FROM auth_user"}, "line 1, column 1: DELETE is not run here"),
        ({"sql": "SELECT\n nothing"}, 'line 2, column 2: column "nothing" does not exist'),
        ({"sql": "SELECT 'a\u0000'"}, "a character in it"),
        ({"sql": "SELECT " + "x" * 100_000}, "characters"),
    ],
)
def test_a_mistake_is_a_problem_that_names_it(api, body, says):
    answer = api.post(API, body, format="json")
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert says in answer.json()["detail"]


def test_others_are_refused_and_where_it_is_off_it_is_not_there(api, browser, editor, settings):
    for somebody, status in ((None, 401), (editor, 403)):
        client = APIClient()
        if somebody:
            client.force_authenticate(somebody)
        assert client.post(API, {"sql": "SELECT 1"}).status_code == status
    other = Client()
    other.force_login(editor)
    assert other.get(PAGE).status_code == 403
    assert Client().get(PAGE).status_code == 302
    assert "/sql/" not in other.get("/admin/").content.decode()
    assert PAGE in browser.get("/admin/").content.decode()
    assert api.get(API).status_code == 405
    settings.DAM_SQL_CONSOLE = False
    assert api.post(API, {"sql": "SELECT 1"}).status_code == APIClient().post(API).status_code == 404
    assert browser.get(PAGE).status_code == 404
    assert PAGE not in browser.get("/admin/").content.decode()


def test_without_its_role_it_says_what_to_do(api, browser, settings):
    settings.DAM_SQL_DATABASE = {"NAME": "nowhere", "USER": "nobody", "HOST": "/nowhere"}
    answer = api.post(API, {"sql": "SELECT 1"})
    assert answer.status_code == 503
    assert "install_sql" in answer.json()["detail"]
    assert "install_sql" in browser.post(PAGE, {"sql": "SELECT 1"}).content.decode()


def test_the_log_says_who_ran_what(api, browser, root, caplog):
    with caplog.at_level(logging.INFO, "search.sql"):
        api.post(API, {"sql": "SELECT 1\n AS one"})
        browser.post(PAGE, {"sql": "DROP TABLE auth_user"})
    assert [record.message for record in caplog.records if record.name.startswith("search.sql")] == [
        f"SQL by user {root.pk} over the API: 'SELECT 1\\n AS one'",
        f"SQL by user {root.pk} in the admin: 'DROP TABLE auth_user'",
    ]


def test_the_page_shows_a_statement_to_begin_with_and_its_mistakes(browser):
    assert "black car in the night" in browser.get(PAGE).content.decode()
    page = browser.post(PAGE, {"sql": "SELECT <b>'&'"}).content.decode()
    assert "SELECT &lt;b&gt;" in page
    assert "<b>" not in page
    assert "line 1, column 8" in page


@pytest.mark.django_db(transaction=True)
def test_the_page_shows_a_table_and_the_pictures_of_an_id(browser, make_asset, bundled_model):
    from assets.preparation import prepare_batch

    red, blue = (make_asset(f"{color}.png", color=color, title=f"<i>{color}") for color in ("red", "blue"))
    prepare_batch()
    page = browser.post(
        PAGE, {"sql": "SELECT id, title, embedding FROM images ORDER BY embedding <-> clip_text_embedding('blue')"}
    )
    shown = page.content.decode()
    assert [asset.pk for asset in page.context["pictures"]] == [row[0] for row in page.context["answer"].rows]
    assert {asset.pk for asset in page.context["pictures"]} == {red.pk, blue.pk}
    assert f"/assets/{red.pk}/thumbnail.webp" in shown
    assert "&lt;i&gt;red" in shown
    assert "<i>red" not in shown
    assert "… 512]" in shown
    others = browser.post(PAGE, {"sql": "SELECT id FROM (VALUES (0), (987654321), (NULL), (-5)) AS x (id)"})
    assert others.context["pictures"] == []
    assert browser.post(PAGE, {"sql": "SELECT 'x' AS id, 2^70 AS big"}).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_model_that_is_away_is_said_so(api, make_asset, small_space):
    """Its name is of no model, so nothing can encode a text."""
    answer = api.post(API, {"sql": "SELECT clip_text_embedding('something new')"})
    assert answer.status_code == 503
    small_space.delete()
    assert api.post(API, {"sql": "SELECT clip_text_embedding('something new')"}).status_code == 503


def test_statements_at_once_leave_threads_of_the_web_server_to_everybody_else(api, browser, monkeypatch):
    monkeypatch.setattr(console, "_places", threading.BoundedSemaphore(1))
    with console._place():
        answer = api.post(API, {"sql": "SELECT 1"})
        assert (answer.status_code, answer["Retry-After"]) == (503, "5")
        assert "statements are running" in answer.json()["detail"]
        assert "statements are running" in browser.post(PAGE, {"sql": "SELECT 1"}).content.decode()
    for statement, status in (("SELECT 1/0", 400), ("SELECT 1", 200)):
        assert api.post(API, {"sql": statement}).status_code == status
