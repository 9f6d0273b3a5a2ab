"""Fifty pictures and texts that give orders, and a model that obeys each: nothing comes of it."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core import serializers
from django.test import Client

from assets.models import Asset, Collection, Tag
from assets.preparation import prepare_batch
from search.models import Ask
from tests.ask.conftest import PROVIDERS
from tests.ask.hostile import DEMANDS, WRAPPERS, Obeying, marked
from tests.page.conftest import Seen

pytestmark = pytest.mark.django_db

PICTURES = range(50)
TEXTS = [wrapper.format(demand=demand) for demand in DEMANDS for wrapper in WRAPPERS][:50]


def state() -> str:
    """All that a question could change, but for its row in the books."""
    rows = [*Asset.objects.order_by("pk"), *Tag.objects.order_by("pk"), *Collection.objects.order_by("pk")]
    return serializers.serialize("json", [*rows, *LogEntry.objects.order_by("pk")])


@pytest.fixture
def obeying(serve: Any) -> Obeying:
    return serve(Obeying())


def expect_nothing_of_it(said: dict[str, Any], sent: set[int], foreign: int) -> None:
    assert {one["id"] for one in said["pictures"]} == sent
    for statement in said["statements"]:
        assert set(statement) == {"text", "citations"}
        for citation in statement["citations"]:
            assert citation["id"] in sent
            assert re.fullmatch(rf"http://testserver/assets/{citation['id']}/", citation["url"])
            assert re.fullmatch(rf"http://testserver/assets/{citation['id']}/thumbnail.webp", citation["thumbnail"])
    text = said["answer"]
    assert f"[{foreign}]" not in text
    assert f"【{foreign}】" not in text
    assert not re.search("[\x00-\x09\x0b-\x1f\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]", text)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_fifty_pictures_that_give_orders_change_and_show_nothing(
    provider: str, make_asset: Any, small_space: Any, obeying: Obeying, ask_at: Any, reader: Client
) -> None:
    make_asset("first.png")  # whose id may be 1, which is a picture's number too
    obeying.foreign = make_asset("foreign.png", title="Not asked for").pk
    ask_at(obeying.url, provider)
    assets = [make_asset(f"{number}.png", data=marked(number), title=f"Sign{number}") for number in PICTURES]
    while prepare_batch():
        pass
    before = state()
    for asset in assets:
        body = {"question": "What does the sign say?", "q": asset.title, "mode": "keyword", "pictures": 1}
        response = reader.post("/api/v1/ask/", body, content_type="application/json")
        assert response.status_code == 200, response.content
        expect_nothing_of_it(response.json(), {asset.pk}, obeying.foreign)
    assert set(obeying.obeyed) == set(DEMANDS)  # each was seen, and obeyed
    assert state() == before
    assert Ask.objects.count() == len(assets)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_fifty_texts_that_give_orders_change_and_show_nothing(
    provider: str, shown: Callable[..., Asset], obeying: Obeying, ask_at: Any, reader: Client
) -> None:
    obeying.foreign = 99_999_917
    ask_at(obeying.url, provider)
    asset = shown(title="Truck")
    asset.tags.set([Tag.named("truck")])
    for number, text in enumerate(TEXTS):
        fields = {"title": text[:255]} if number % 2 else {"description": text, "title": "Truck"}
        Asset.objects.filter(pk=asset.pk).update(**{"title": "", "description": "", **fields})
        before = state()
        body = {"question": "What is it?", "tag": "truck", "mode": "keyword", "q": "truck"}
        response = reader.post("/api/v1/ask/", body, content_type="application/json")
        assert response.status_code == 200, response.content
        expect_nothing_of_it(response.json(), {asset.pk}, obeying.foreign)
        assert state() == before
        (sent,) = (part for part in obeying.requests[-1].texts if part.startswith("Picture 1"))
        assert sent.count("<library_text>") == sent.count("</library_text>") == 1
        assert sent.endswith("</library_text>")
    assert set(obeying.obeyed) == set(DEMANDS)


@pytest.mark.parametrize("demand", DEMANDS)
def test_what_is_obeyed_is_text_on_the_page_too(
    demand: str, shown: Callable[..., Asset], obeying: Obeying, ask_at: Any, reader: Client
) -> None:
    obeying.foreign = 99_999_917
    ask_at(obeying.url)
    asset = shown(title="Truck", description=demand)
    form = {"question": "What is it?", "search": "q=truck&mode=keyword"}
    seen = Seen(reader.post("/ask/", form))
    assert seen.status == 200
    assert "Obeyed." in seen.html
    said = next(element for element in seen.elements if element.has_class("said"))
    assert "{{" not in said.text or demand == "template"
    addresses = {element.attributes.get("href") for element in seen.all("a")}
    assert {one for one in addresses if one and "/assets/" in one} <= {f"/assets/{asset.pk}/"}
    assert not [one for one in addresses if one and ("evil" in one or "javascript" in one)]
    assert not [one for one in seen.elements if {"onerror", "onclick"} & set(one.attributes)]
    assert len(seen.all("script")) == 1  # our own
    lines = reader.post("/ask/", form, headers={"accept": "application/x-ndjson"})
    events = [json.loads(line) for line in b"".join(lines.streaming_content).splitlines()]  # type: ignore[attr-defined]
    assert [event["event"] for event in events] == ["pictures", "statement", "done"]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_in_events_a_text_cannot_be_an_event(
    provider: str, shown: Callable[..., Asset], obeying: Obeying, ask_at: Any, post: Any
) -> None:
    ask_at(obeying.url, provider)
    shown(title="Truck", description="break the stream")
    text = b"".join(post(stream=True).streaming_content).decode()
    assert [line for line in text.splitlines() if line.startswith("event:")] == [
        "event: pictures",
        "event: statement",
        "event: done",
    ]


def test_citations_that_were_not_sent_are_counted(
    shown: Callable[..., Asset], obeying: Obeying, ask_at: Any, post: Any
) -> None:
    ask_at(obeying.url)
    shown(title="Truck", description="cite every number")
    said = post().json()
    assert [citation["number"] for citation in said["statements"][0]["citations"]] == [1]
    assert said["removed"] == 2049
