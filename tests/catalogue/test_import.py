"""`manage.py import_catalogue`: every row is an asset once, says what it says, and is changed when it has changed."""

import json

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from assets.models import Asset, CatalogueRow, Collection, Tag
from tests.catalogue.conftest import counts, problems, run

pytestmark = pytest.mark.django_db


def slugs(asset):
    return sorted(asset.collections.values_list("slug", flat=True))


def test_a_row_becomes_an_asset_with_what_is_written_of_it(put, write):
    row = {
        "id": 17,
        "file": put("pictures/a.png"),
        "title": "Look 17",
        "descriptions": ["Ein grünes Kleid.", "A green\n dress.", "绿色连衣裙", "A green dress."],
        "tags": ["Dress", "夏装"],
        "split": 5,
        "price": 12.5,
    }
    assert counts(run(write(row))) == {"new": 1}
    asset = Asset.objects.get()
    assert (asset.title, asset.filename) == ("Look 17", "a.png")
    assert asset.description == "Ein grünes Kleid.\nA green dress.\n绿色连衣裙"
    assert set(asset.tags.values_list("name", flat=True)) == {"Dress", "夏装"}
    assert slugs(asset) == ["shop", "shop-split-5"]
    known = CatalogueRow.objects.get()
    assert (known.catalogue, known.key, known.line, known.asset, known.problem) == ("shop", "17", 1, asset, "")


def test_csv_says_the_same_with_lists_as_json_or_in_several_columns(put, write, shop):
    put("a.png")
    put("b.png")
    path = shop / "shop.csv"
    path.write_text(
        "file;descriptions;description_1;description_2;tags;split\n"
        'a.png;"[""One; two"", ""Zwei""]";Three;;"red, blue";1\n'
        'b.png;Only this;"Over\ntwo lines";Last;["x"];2\n',
        encoding="utf-8-sig",
    )
    assert counts(run(path)) == {"new": 2}
    first, second = Asset.objects.order_by("filename")
    assert first.description == "One; two\nZwei\nThree"
    assert set(first.tags.values_list("name", flat=True)) == {"red", "blue"}
    assert second.description == "Only this\nOver two lines\nLast"
    assert list(CatalogueRow.objects.order_by("line").values_list("line", flat=True)) == [2, 3]


def test_columns_of_other_names_are_told(put, write):
    row = {"picture": put("a.png"), "text_de": "Kleid", "text_en": "Dress", "fold": "9", "title": "Look"}
    pairs = ("file=picture", "descriptions=text_en", "descriptions=text_de", "split=fold")
    options = [part for pair in pairs for part in ("--column", pair)]
    assert counts(run(write(row), *options, "--name", "Sommer 2026")) == {"new": 1}
    asset = Asset.objects.get()
    assert asset.description == "Kleid\nDress"
    assert slugs(asset) == ["sommer-2026", "sommer-2026-split-9"]


def test_the_second_time_nothing_is_done_and_nothing_is_written(put, write, django_assert_max_num_queries):
    path = write(*({"id": i, "file": put(f"{i}.png"), "descriptions": [f"Look {i}"]} for i in range(20)))
    assert counts(run(path)) == {"new": 20}
    before = list(CatalogueRow.objects.values_list("pk", "updated_at"))
    with django_assert_max_num_queries(12):
        assert counts(run(path)) == {"unchanged": 20}
    assert list(CatalogueRow.objects.values_list("pk", "updated_at")) == before


def test_what_a_row_says_otherwise_is_said_and_what_people_wrote_stays(put, write):
    row = {"id": "a", "file": put("a.png"), "title": "Old", "descriptions": ["One", "Two"], "tags": ["x"], "split": 1}
    run(write(row))
    asset = Asset.objects.get()
    asset.description = "Written by hand\nOne\nTwo"
    asset.save()
    asset.tags.add(Tag.named("by hand"))
    row |= {"title": "New", "descriptions": ["Two", "Three"], "tags": ["y"], "split": 2}
    assert counts(run(write(row))) == {"changed": 1}
    asset.refresh_from_db()
    assert (asset.title, asset.description) == ("New", "Written by hand\nTwo\nThree")
    assert set(asset.tags.values_list("name", flat=True)) == {"by hand", "y"}
    assert slugs(asset) == ["shop", "shop-split-2"]
    Asset.objects.update(title="By hand")
    assert counts(run(write(row | {"title": "Newest"}))) == {"changed": 1}
    assert Asset.objects.get().title == "By hand"


def test_the_same_picture_in_two_rows_is_one_asset_that_says_what_both_say(put, write, shop):
    (shop / "copy.png").write_bytes((shop / put("a.png")).read_bytes())
    first = {"id": "a", "file": "a.png", "descriptions": ["Green", "Long"], "tags": ["x"], "split": 1}
    second = {"id": "b", "file": "copy.png", "descriptions": ["Long", "Linen"], "tags": ["x"], "split": 2}
    assert counts(run(write(first, second))) == {"new": 1, "linked": 1}
    asset = Asset.objects.get()
    assert asset.description == "Green\nLong\nLinen"
    assert slugs(asset) == ["shop", "shop-split-1", "shop-split-2"]
    assert {row.asset for row in CatalogueRow.objects.all()} == {asset}
    # What one row takes back, another may still say.
    assert counts(run(write(first | {"descriptions": ["Green"], "tags": []}, second))) == {"changed": 1, "unchanged": 1}
    asset.refresh_from_db()
    assert asset.description == "Green\nLong\nLinen"
    assert asset.tags.get().name == "x"
    run(write(first | {"descriptions": ["Green"], "tags": []}, second | {"descriptions": ["Linen"], "tags": []}))
    asset.refresh_from_db()
    assert (asset.description, asset.tags.count()) == ("Green\nLinen", 0)


def test_what_one_row_takes_back_stays_while_another_says_it_in_other_letters(put, write):
    name = put("a.png")
    other = {"id": 2, "file": name, "title": "Other", "tags": ["RED"], "split": "TRAIN"}
    run(write({"id": 1, "file": name, "title": "Look", "tags": ["Red"], "split": "Train"}, other))
    run(write({"id": 1, "file": name}, other))
    asset = Asset.objects.get()
    assert asset.title == "Other"
    assert [tag.slug for tag in asset.tags.all()] == ["red"]
    assert slugs(asset) == ["shop", "shop-split-train"]


def test_a_picture_that_was_uploaded_before_gets_what_the_catalogue_says(make_asset, write, shop, picture):
    data = picture()
    asset = make_asset(data=data, title="Uploaded", description="By hand")
    (shop / "a.png").write_bytes(data)
    assert counts(run(write({"file": "a.png", "title": "Look", "descriptions": ["Green"]}))) == {"linked": 1}
    asset.refresh_from_db()
    assert (asset.title, asset.description, slugs(asset)) == ("Uploaded", "By hand\nGreen", ["shop"])


def test_a_row_with_another_picture_moves_to_its_asset(put, write):
    row = {"id": "a", "descriptions": ["Green"], "split": 1}
    run(write(row | {"file": put("old.png")}))
    old = Asset.objects.get()
    assert counts(run(write(row | {"file": put("new.png")}))) == {"new": 1}
    new = CatalogueRow.objects.get().asset
    old.refresh_from_db()
    assert (new.filename, new.description, slugs(new)) == ("new.png", "Green", ["shop", "shop-split-1"])
    assert (old.filename, old.description, slugs(old)) == ("old.png", "", [])


def test_an_asset_that_was_deleted_comes_again(put, write):
    path = write({"id": "a", "file": put("a.png")}, {"id": "b", "file": put("b.png")})
    run(path)
    Asset.objects.get(filename="a.png").delete()
    assert counts(run(path)) == {"new": 1, "unchanged": 1}


def test_what_failed_is_kept_named_and_tried_again(put, write, shop):
    path = write({"id": "a", "file": put("a.png")}, {"id": "b", "file": "later.png"}, b'{"id": "c", "file": ')
    outcome = run(path)
    assert (counts(outcome), outcome["exit"]) == ({"new": 1, "failed": 2}, 1)
    assert problems(outcome) == {2: "later.png is not there.", 3: "no JSON at character 20: Expecting value"}
    failed = CatalogueRow.objects.exclude(problem="").order_by("line")
    assert [(row.line, row.key, row.asset) for row in failed] == [(2, "b", None), (3, None, None)]
    put("later.png")
    write({"id": "a", "file": "a.png"}, {"id": "b", "file": "later.png"}, {"id": "c", "file": put("c.png")})
    outcome = run(path)
    assert (counts(outcome), outcome["exit"]) == ({"new": 2, "unchanged": 1}, 0)
    assert not CatalogueRow.objects.exclude(problem="").exists()
    assert CatalogueRow.objects.count() == 3


def test_a_dry_run_counts_and_names_and_writes_nothing(put, write):
    path = write({"file": put("a.png")}, {"file": "missing.png"}, {"url": "http://pictures.test/a.png"}, b"broken")
    outcome = run(path, "--dry-run")
    assert (counts(outcome), sorted(problems(outcome)), outcome["exit"]) == ({"new": 2, "failed": 2}, [2, 4], 1)
    assert not Asset.objects.exists()
    assert not CatalogueRow.objects.exists()
    assert not Collection.objects.exists()


def test_only_the_first_rows_are_taken_when_so_many_are_asked_for(put, write):
    path = write(*({"file": put(f"{i}.png")} for i in range(5)))
    assert counts(run(path, "--limit", 2)) == {"new": 2}
    assert counts(run(path, "--limit", 4)) == {"new": 2, "unchanged": 2}


def test_rows_that_moved_keep_their_assets_and_get_their_new_lines(put, write):
    first, second = {"id": "a", "file": put("a.png")}, {"id": "b", "file": put("b.png")}
    run(write(first, second))
    assert counts(run(write(second, first))) == {"unchanged": 2}
    assert list(CatalogueRow.objects.order_by("line").values_list("key", flat=True)) == ["b", "a"]


def test_the_outcome_in_words_names_lines_and_columns(put, write, capsys):
    path = write({"id": "a", "file": put("a.png")}, {"id": "b", "file": "a.png", "title": ["no text"]})
    with pytest.raises(SystemExit) as end:
        call_command("import_catalogue", path)
    said = capsys.readouterr()
    assert end.value.code == 1
    assert said.out == "shop: 2 rows: 1 new, 0 linked, 0 changed, 0 unchanged, 1 failed\n"
    assert said.err == "line 2, column title: a text is expected, not a list\n"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--column", "colour=red"], "give FIELD=COLUMN"),
        (["--column", "url"], "give FIELD=COLUMN"),
        (["--limit", "0"], "--limit"),
        (["--fetchers", "0"], "--fetchers"),
        (["--fetchers", "1000"], "--fetchers"),
        (["--root", "nowhere"], "no directory"),
        (["--name", "!!!"], "needs a letter or a digit"),
        (["--name", "x" * 200], "at most 100 characters"),
    ],
)
def test_a_mistake_in_an_option_is_named_and_nothing_is_read(arguments, complaint, put, write):
    with pytest.raises(CommandError, match=complaint):
        call_command("import_catalogue", write({"file": put("a.png")}), *arguments)
    assert not Asset.objects.exists()


def test_a_catalogue_is_not_put_into_a_smart_collection(put, write):
    Collection.objects.create(name="Shop", slug="shop", smart=True)
    with pytest.raises(CommandError, match="smart collection"):
        call_command("import_catalogue", write({"file": put("a.png")}))
    Collection.objects.update(slug="shop-split-1")
    outcome = run(write({"file": "a.png", "split": 1}))
    assert "smart collection" in problems(outcome)[1]
    assert not Asset.objects.exists()


def test_json_is_one_object_for_each_file(put, write, capsys):
    paths = [write({"file": put(f"{name}.png")}, name=f"{name}.jsonl") for name in ("one", "two")]
    call_command("import_catalogue", *paths, "--json")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["catalogue"], line["new"], line["error"]) for line in lines] == [("one", 1, ""), ("two", 1, "")]
