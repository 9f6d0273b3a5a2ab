import json
import threading
from base64 import b64decode
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from django.test import Client
from PIL import Image

from assets.models import Asset
from demo.llm import Handler, Server
from search.models import Ask
from tests.ask.conftest import PROVIDERS

pytestmark = pytest.mark.django_db


def events(response: Any) -> list[tuple[str, dict[str, Any]]]:
    text = b"".join(response.streaming_content).decode()
    read = []
    for block in text.split("\n\n")[:-1]:
        name, data = block.split("\n")
        read.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return read


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_answer_cites_pictures_by_their_numbers_with_links_to_their_pages(
    provider: str, shown: Callable[..., Asset], serve: Any, ask_at: Any, post: Any
) -> None:
    ask_at(serve(Server()).url, provider)
    truck, other = shown("a.png", title="White truck in the snow"), shown("b.png", title="Fire truck")
    response = post("Which truck is in the snow?")
    assert response.status_code == 200, response.content
    said = response.json()
    (statement,) = said["statements"]
    (citation,) = statement["citations"]
    assert citation["id"] == truck.pk
    assert citation["url"] == f"http://testserver/assets/{truck.pk}/"
    assert {one["id"] for one in said["pictures"]} == {truck.pk, other.pk}
    assert said["answer"] == f"White truck in the snow. [{citation['number']}]"
    assert said["complete"] is True
    assert said["tokens"]["in"] > 1000


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_answer_comes_in_events_each_statement_when_it_is_whole(
    provider: str, shown: Callable[..., Asset], serve: Any, ask_at: Any, post: Any
) -> None:
    ask_at(serve(Server()).url, provider)
    asset = shown(title="Truck")
    response = post(stream=True)
    assert response["Content-Type"] == "text/event-stream; charset=utf-8"
    (first, pictures), (second, statement), (third, done) = events(response)
    assert (first, second, third) == ("pictures", "statement", "done")
    assert pictures["pictures"][0]["id"] == asset.pk
    assert statement["text"] == "Truck."
    assert done["tokens"]["out"] > 0


class Waiting(Handler):
    """Ends its answer when somebody has read the beginning."""

    def chunk(self, data: bytes) -> None:
        if b'"end_turn"' in data or b'"stop"' in data:
            self.server.in_time = self.server.was_read.wait(10)  # type: ignore[attr-defined]
        super().chunk(data)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_statement_is_read_while_the_model_goes_on(
    provider: str, shown: Callable[..., Asset], serve: Any, ask_at: Any, post: Any
) -> None:
    server = serve(Server(handler=Waiting))
    server.was_read = threading.Event()
    ask_at(server.url, provider)
    shown(title="Truck")
    for event in post(stream=True).streaming_content:
        if event.startswith(b"event: statement"):
            server.was_read.set()
    assert server.in_time


def test_json_lines_come_for_who_accepts_them(
    shown: Callable[..., Asset], serve: Any, ask_at: Any, reader: Client
) -> None:
    ask_at(serve(Server()).url)
    shown(title="Truck")
    body = {"question": "Truck?", "mode": "keyword", "q": "truck"}
    headers = {"accept": "application/x-ndjson"}
    response = reader.post("/api/v1/ask/", body, content_type="application/json", headers=headers)
    lines = [json.loads(line) for line in b"".join(response.streaming_content).splitlines()]  # type: ignore[attr-defined]
    assert [line["event"] for line in lines] == ["pictures", "statement", "done"]


def test_the_model_is_shown_pictures_scaled_and_without_a_word_of_the_file(
    shown: Callable[..., Asset], serve: Any, ask_at: Any, post: Any, picture: Callable[..., bytes], settings: Any
) -> None:
    settings.DAM_LLM_PICTURE_SIDE = 100
    exif = Image.Exif()
    exif[0x010E] = "a secret of the file"
    exif.get_ifd(0x8825)[1] = "N"
    server = serve(Server())
    ask_at(server.url)
    shown("p.jpg", title="Truck", data=picture("green", (640, 320), "JPEG", exif=exif.tobytes()))
    assert post().status_code == 200
    (sent,) = server.requests[0].pictures
    data = b64decode(sent)
    assert b"secret" not in data
    assert b"Exif" not in data
    with Image.open(BytesIO(data)) as seen:
        assert (seen.format, seen.mode, seen.size) == ("JPEG", "RGB", (100, 50))
        assert not seen.getexif()


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_form_of_the_answer_is_asked_for_and_no_tool_is_offered(
    provider: str, shown: Callable[..., Asset], serve: Any, ask_at: Any, post: Any
) -> None:
    server = serve(Server())
    ask_at(server.url, provider)
    shown(title="Truck")
    shown(title="Truck two", color="blue")
    post()
    body = server.requests[0].body
    if provider == "anthropic":
        schema = body["output_config"]["format"]["schema"]
    else:
        schema = body["response_format"]["json_schema"]["schema"]
    numbers = schema["properties"]["statements"]["items"]["properties"]["pictures"]["items"]
    assert numbers == {"type": "integer", "enum": [1, 2]}
    assert not {"tools", "tool_choice", "functions", "mcp_servers"} & set(body)
    assert "a-secret-key" not in json.dumps(body)


def test_the_question_is_searched_for_where_nothing_else_is(
    shown: Callable[..., Asset], serve: Any, ask_at: Any, reader: Client
) -> None:
    ask_at(serve(Server()).url)
    shown(title="Truck")
    body = {"question": "truck", "mode": "keyword"}
    said = reader.post("/api/v1/ask/", body, content_type="application/json").json()
    assert said["search"] == "q=truck&mode=keyword"
    assert len(said["pictures"]) == 1


def test_no_more_pictures_are_sent_than_were_asked_for(
    shown: Callable[..., Asset], serve: Any, ask_at: Any, post: Any
) -> None:
    server = serve(Server())
    ask_at(server.url)
    for number in range(3):
        shown(f"{number}.png", title=f"Truck {number}")
    assert len(post(pictures=2).json()["pictures"]) == 2
    assert len(server.requests[0].pictures) == 2


def test_where_nothing_is_found_nobody_is_asked(serve: Any, ask_at: Any, post: Any, small_space: Any) -> None:
    server = serve(Server())
    ask_at(server.url)
    response = post()
    assert response.status_code == 200
    assert response.json()["statements"] == response.json()["pictures"] == []
    assert server.requests == []
    assert Ask.objects.get().outcome == Ask.Outcome.NOTHING


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "question"),
        ({"question": " \u200b\u202e "}, "question"),
        ({"question": "x" * 1001}, "question"),
        ({"question": ["a", "b"]}, "question"),
        ({"question": {"a": 1}}, "question"),
        ({"question": "a", "pictures": 0}, "pictures"),
        ({"question": "a", "pictures": 9}, "pictures"),
        ({"question": "a", "pictures": "many"}, "pictures"),
        ({"question": "a", "stream": "yes"}, "stream"),
        ({"question": "a", "tag": "nothing-of-this-name"}, "tag"),
        ({"question": "a", "created_after": "soon"}, "created_after"),
        ({"question": "a", "owner": "me"}, "owner"),
        ({"question": "a\x00b", "q": "a\x00"}, "q"),
        ({"question": "a", "like": "999"}, "like"),
    ],
)
def test_a_question_that_cannot_be_understood_names_the_parameter(
    body: Any, field: str, serve: Any, ask_at: Any, reader: Client, small_space: Any
) -> None:
    server = serve(Server())
    ask_at(server.url)
    response = reader.post("/api/v1/ask/", body, content_type="application/json")
    assert response.status_code == 400, response.content
    assert field in {error["field"] for error in response.json()["errors"]}
    assert server.requests == []
    assert not Ask.objects.exists()


@pytest.mark.parametrize("body", ["[]", '"a"', "{", "[[", "null"])
def test_a_body_that_is_no_object_is_refused(body: str, reader: Client, ask_at: Any) -> None:
    ask_at("http://127.0.0.1:9")
    assert reader.post("/api/v1/ask/", body, content_type="application/json").status_code == 400
