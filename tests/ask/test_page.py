import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from assets.models import Asset
from demo.llm import Request, Server
from tests.page.conftest import Seen

pytestmark = pytest.mark.django_db


def test_an_answer_comes_as_a_page_where_there_is_no_script(
    shown: Callable[..., Asset], serve: Any, ask_at: Any, reader: Client
) -> None:
    ask_at(serve(Server()).url)
    asset = shown(title="Truck")
    seen = Seen(reader.post("/ask/", {"question": "A truck?", "search": "q=truck&mode=keyword"}))
    assert seen.status == 200
    assert "Truck." in seen.html
    assert seen.one("a", "cited").attributes["href"] == f"/assets/{asset.pk}/"
    assert seen.one("input", name="question").attributes["value"] == "A truck?"


def test_the_script_is_answered_in_lines(shown: Callable[..., Asset], serve: Any, ask_at: Any, reader: Client) -> None:
    ask_at(serve(Server()).url)
    asset = shown(title="Truck")
    form = {"question": "A truck?", "search": "q=truck&mode=keyword"}
    response = reader.post("/ask/", form, headers={"accept": "application/x-ndjson"})
    lines = [json.loads(line) for line in b"".join(response.streaming_content).splitlines()]  # type: ignore[attr-defined]
    assert [line["event"] for line in lines] == ["pictures", "statement", "done"]
    assert lines[1]["citations"][0]["url"] == f"/assets/{asset.pk}/"


def test_what_the_model_says_is_text_and_nothing_else(
    shown: Callable[..., Asset], serve: Any, ask_at: Any, reader: Client
) -> None:
    def hostile(request: Request) -> str:
        text = '<a href="https://evil.example">x</a> https://evil.example [y](javascript:alert(1)) <img src=x>'
        return json.dumps({"statements": [{"text": text, "pictures": [1]}]})

    ask_at(serve(Server(answer=hostile)).url)
    asset = shown(title="Truck")
    seen = Seen(reader.post("/ask/", {"question": "A truck?", "search": "q=truck&mode=keyword"}))
    assert "&lt;a href=" in seen.html
    assert not [element for element in seen.elements if "evil" in (element.attributes.get("href") or "")]
    assert not [element for element in seen.elements if element.attributes.get("src") == "x"]
    assert seen.one("a", "cited").attributes["href"] == f"/assets/{asset.pk}/"


def test_the_page_of_results_has_the_box_with_its_search(
    shown: Callable[..., Asset], ask_at: Any, reader: Client, small_space: Any
) -> None:
    ask_at("http://127.0.0.1:9")
    shown(title="Truck")
    seen = Seen(reader.get("/?q=truck&mode=keyword"))
    assert seen.one("input", name="search").attributes["value"] == "q=truck&mode=keyword"
    assert seen.one("form", action="/ask/").attributes["method"] == "post"


def test_the_page_says_that_questions_are_off_and_what_to_set(
    shown: Callable[..., Asset], reader: Client, small_space: Any
) -> None:
    shown(title="Truck")
    seen = Seen(reader.get("/"))
    assert "sets DAM_LLM" in seen.one("details", "ask").text
    assert not seen.all("form", action="/ask/")
    response = reader.post("/ask/", {"question": "A truck?"})
    assert response.status_code == 503
    assert b"sets DAM_LLM" in response.content


def test_a_visitor_of_a_public_library_is_asked_to_sign_in_first(
    shown: Callable[..., Asset], serve: Any, ask_at: Any, client: Client, public: None, small_space: Any
) -> None:
    server = serve(Server())
    ask_at(server.url)
    shown(title="Truck")
    seen = Seen(client.get("/?q=truck&mode=keyword"))
    assert not seen.all("form", action="/ask/")
    assert seen.links("Sign in")
    response = client.post("/ask/", {"question": "A truck?"})
    assert response.status_code == 302
    assert response["Location"].startswith("/login/")
    assert client.post("/api/v1/ask/", {"question": "a"}, content_type="application/json").status_code == 401
    assert server.requests == []


@pytest.mark.parametrize("accept", ["text/html", "application/x-ndjson"])
def test_a_mistake_is_said_on_the_page(accept: str, ask_at: Any, reader: Client) -> None:
    ask_at("http://127.0.0.1:9")
    response = reader.post("/ask/", {"question": " ", "search": "tag=nowhere"}, headers={"accept": accept})
    assert response.status_code == 400
    assert "Ask something." in response.content.decode()


def test_a_request_of_another_site_is_refused(user: Any, ask_at: Any) -> None:
    ask_at("http://127.0.0.1:9")
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    assert client.post("/ask/", {"question": "A truck?"}).status_code == 403
