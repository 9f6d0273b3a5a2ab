"""The commands of the search layer, in this process: their words, their exit codes, their refusals."""

import json
from io import StringIO

import numpy as np
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from PIL import Image

from assets.ledger import State
from assets.models import Asset, Tag
from assets.preparation import prepare_batch
from search import vectors
from search.models import Embedding

pytestmark = pytest.mark.django_db


def run(name: str, *arguments: str) -> str:
    output = StringIO()
    call_command(name, *arguments, stdout=output)
    return output.getvalue()


def rows(*arguments: str) -> list:
    return json.loads(run("search", *arguments, "--json"))["results"]


@pytest.fixture
def three(make_asset, bundled_model):
    assets = [make_asset(f"{color}.png", color=color, tags=[Tag.named(color)]) for color in ("red", "green", "blue")]
    prepare_batch()
    return assets


def test_a_search_prints_what_the_ranking_gives(three):
    found = rows("a red thing", "--mode", "semantic")
    expected = list(Asset.objects.all().nearest_to(vectors.text_vector("a red thing")))
    assert [row["id"] for row in found] == [asset.pk for asset in expected]
    assert found[0]["similarity"] == pytest.approx(1 - found[0]["distance"] ** 2 / 2)
    assert "red.png" in run("search", "a red thing")


def test_filters_narrow_a_search(three):
    assert [row["title"] for row in rows("x", "--tag", "green")] == ["green.png"]
    assert [row["id"] for row in rows("x", "--id-gt", str(three[1].pk))] == [three[2].pk]
    assert rows("x", "--before", "2000-01-01") == []
    assert len(rows("x", "--limit", "2")) == 2


def test_a_picture_file_that_is_not_in_the_library_finds_its_like(three, tmp_path):
    Image.new("RGB", (64, 48), "blue").save(tmp_path / "query.png")
    by_file = rows("--like", str(tmp_path / "query.png"))
    by_id = rows("--like", str(three[2].pk))
    assert by_file[0]["id"] == by_id[0]["id"] == three[2].pk


def test_the_text_is_in_the_language_of_the_box(three):
    red, green, _blue = three
    assert [row["id"] for row in rows(f"like:{red.pk} like:{green.pk}^9", "--limit", "1")] == [green.pk]
    assert {row["id"] for row in rows(f'like:{red.pk} -"green"')} == {red.pk, three[2].pk}
    assert [row["title"] for row in rows("x", "--like", str(red.pk), "--sort=-created_at", "--mode", "semantic")]
    assert rows("red", "--mode", "keyword")[0]["why"][0] == {"signal": "text", "field": "tags", "words": ["red"]}
    assert [row["id"] for row in rows("--filter", f"id__in={red.pk}")] == [red.pk]


def test_a_sheet_is_one_picture_of_the_results(three, tmp_path):
    found = json.loads(run("search", "x", "--json", "--sheet", str(tmp_path / "sheet.jpg")))["results"]
    with Image.open(tmp_path / "sheet.jpg") as sheet:
        assert sheet.width == 3 * 240
        colors = [tuple(np.array(sheet.getpixel((120 + 240 * cell, 120))) > 100) for cell in range(3)]
    shown = {asset.pk: tuple(number == cell for cell in range(3)) for number, asset in enumerate(three)}
    assert colors == [shown[row["id"]] for row in found]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "Say what to look for"),
        (["-x^0.5 -y"], "something to avoid"),
        (["x", "--filter", "kind"], "NAME=VALUE"),
        (["x", "--filter", "ordering=password"], "ordering: unknown parameter"),
        (["x", "--sort", "password"], "invalid choice"),
        (["url:http://127.0.0.1/a.png"], "url"),
        (["--like", "999999"], "no asset 999999"),
        (["--like", "nowhere.png"], "neither an asset's id nor a file"),
        (["x", "--tag", "no such tag"], "no tag 'no such tag'"),
        (["x", "--after", "yesterday"], "created_after: Enter a date"),
        (["x", "--limit", "0"], "--limit"),
        (["x" * 513], "512 characters"),
        (["--like", __file__], "--like"),
    ],
)
def test_a_mistake_is_named(three, arguments, says):
    with pytest.raises(CommandError, match=says):
        run("search", *arguments)


def test_everything_can_be_embedded_anew(three):
    Embedding.objects.filter(asset=three[0]).update(state=State.QUARANTINED, attempts=3, problem="x")
    assert run("embed", "--missing", "--now").strip() == "1 embedded"
    assert run("embed", "--all", "--now").strip() == "3 embedded"
    assert set(Embedding.objects.values_list("state", "attempts")) == {(State.READY, 1)}


def test_a_model_that_cannot_be_had_stops_with_the_ways_out(three):
    with pytest.raises(CommandError, match="no checkpoint at"):
        run("register_model", "ViT-B-32:nowhere.pt")
