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


@pytest.fixture
def three(make_asset, bundled_model):
    assets = [make_asset(f"{color}.png", color=color, tags=[Tag.named(color)]) for color in ("red", "green", "blue")]
    prepare_batch()
    return assets


def test_a_search_prints_what_the_ranking_gives(three):
    found = json.loads(run("search", "a red thing", "--json"))
    expected = list(Asset.objects.all().nearest_to(vectors.text_vector("a red thing")))
    assert [row["id"] for row in found] == [asset.pk for asset in expected]
    assert found[0]["similarity"] == pytest.approx(1 - found[0]["distance"] ** 2 / 2)
    assert "red.png" in run("search", "a red thing")


def test_filters_narrow_a_search(three):
    assert [row["title"] for row in json.loads(run("search", "x", "--tag", "green", "--json"))] == ["green.png"]
    assert [row["id"] for row in json.loads(run("search", "x", "--id-gt", str(three[1].pk), "--json"))] == [three[2].pk]
    assert json.loads(run("search", "x", "--before", "2000-01-01", "--json")) == []
    assert len(json.loads(run("search", "x", "--limit", "2", "--json"))) == 2


def test_a_picture_file_that_is_not_in_the_library_finds_its_like(three, tmp_path):
    Image.new("RGB", (64, 48), "blue").save(tmp_path / "query.png")
    by_file = json.loads(run("search", "--like", str(tmp_path / "query.png"), "--json"))
    by_id = json.loads(run("search", "--like", str(three[2].pk), "--json"))
    assert by_file[0]["id"] == by_id[0]["id"] == three[2].pk


def test_a_sheet_is_one_picture_of_the_results(three, tmp_path):
    run("search", "x", "--sheet", str(tmp_path / "sheet.jpg"))
    with Image.open(tmp_path / "sheet.jpg") as sheet:
        assert sheet.width == 3 * 240
        colors = {tuple(np.array(sheet.getpixel((120 + 240 * cell, 120))) > 100) for cell in range(3)}
    assert colors == {(True, False, False), (False, True, False), (False, False, True)}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "Give either a text or --like"),
        (["x", "--like", "1"], "Give either a text or --like"),
        (["--like", "999999"], "no asset 999999"),
        (["--like", "nowhere.png"], "neither an asset's id nor a file"),
        (["x", "--tag", "no such tag"], "no tag 'no such tag'"),
        (["x", "--after", "yesterday"], "--after yesterday"),
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
