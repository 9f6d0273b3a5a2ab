"""Whatever stands in a catalogue, its row is named by line and column, and the rows beside it come in."""

import codecs
import json
import os
import time

import psutil
import pytest

from assets.catalogue.reading import MOST_LINE
from assets.models import Asset, CatalogueRow, Collection
from tests.catalogue.conftest import counts, problems, run

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b'{"file": "a.png"', "no JSON at character 17"),
        (b'{"file": "a.png"} {"file": "a.png"}', "no JSON at character 19"),
        (b'["a.png"]', "no JSON object"),
        (b"null", "no JSON object"),
        (b"{}", "there is no picture: neither of the columns url or file"),
        (b'{"file": "", "url": null}', "there is no picture"),
        (b'{"file": ["a.png"]}', "file: a text is expected, not a list"),
        (b'{"file": 7}', "file: a text is expected, not a number"),
        (b'{"file": "a.png", "title": {"de": "Kleid"}}', "title: a text is expected, not an object"),
        (b'{"file": "a.png", "descriptions": [1]}', "descriptions: a text is expected, not a number"),
        (b'{"file": "a.png", "descriptions": {"en": "x"}}', "descriptions: a text is expected, not an object"),
        (b'{"file": "a.png", "split": true}', "split: a text is expected, not true or false"),
        (b'{"file": "a.png", "split": 1.5}', "split: a text is expected, not a number"),
        (b'{"file": "a.png", "split": NaN}', "NaN is no JSON"),
        (b'{"file": "a.png", "tags": ["!!!"]}', "tags: '!!!' is no tag name"),
        (b'{"file": "a.png", "title": "a\\u0000b"}', "title: there is a NUL character in it"),
        (b'{"file": "a.png", "title": "a\x00b"}', "no JSON at character 30"),
        (b'{"file": "a.png", "title": "\\ud83d"}', "title: there is half of a character in it"),
        (b'{"file": "a.png", "file": "b.png"}', "file: it is there twice"),
        (b'{"file": "a.png", "title": "' + b"x" * 256 + b'"}', "title: longer than 255 characters"),
        (b'{"file": "a.png", "descriptions": "' + b"x" * 20_000 + b'"}', "descriptions: longer than 10,000"),
        (b'{"file": "a.png", "descriptions": [' + b'"x",' * 200 + b'"x"]}', "descriptions: more than 100 of them"),
        (b'{"file": "a.png", "id": ' + b"1" * 5000 + b"}", "no JSON that can be read"),
        (b'{"file": "a.png", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
        ('{"file": "a.png", "title": "Größe"}'.encode("latin-1"), "byte 31 is not UTF-8"),
        (b'{"file": "a.png", "descriptions": "' + b"x" * 20_000_000 + b'"}', f"longer than {MOST_LINE:,} bytes"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_a_broken_line_of_json_is_named_and_the_next_one_comes_in(line, complaint, put, write):
    outcome = run(write({"file": put("first.png")}, line, b"", {"file": put("last.png")}))
    assert (counts(outcome), outcome["exit"]) == ({"new": 2, "failed": 1}, 1)
    (number, why), *_ = problems(outcome).items()
    assert (number, complaint in why) == (2, True), why
    assert CatalogueRow.objects.exclude(problem="").get().line == 2
    assert CatalogueRow.objects.get(asset__filename="last.png").line == 4


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (b"a.png,One", "2 cells, where the first line names 3 columns"),
        (b"a.png,One,1,too,many", "5 cells"),
        (b'a.png,"One"x,1', "no CSV"),
        (b'a.png,"[""no list",1', "descriptions: it begins like a JSON list, and is none"),
        (b'a.png,"[{}]",1', "descriptions: a text is expected, not an object"),
        (b",One,1", "there is no picture"),
        (b"a.png,O\x00ne,1", "descriptions: there is a NUL character in it"),
        ("a.png,Größe,1".encode("latin-1"), "byte 9 is not UTF-8"),
        (b'a.png,"' + b"x" * 200_000 + b'",1', "a cell is longer than 131,072 characters"),
        (b'a.png,"' + b"x" * 20_000_000 + b'",1', f"longer than {MOST_LINE:,} bytes"),
        (b'a.png,"' + b"x,\n" * 1_000_000 + b'",1', "a cell is longer than 131,072 characters"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_a_broken_row_of_csv_is_named_and_the_next_one_comes_in(row, complaint, put, shop):
    put("first.png")
    put("last.png")
    path = shop / "shop.csv"
    path.write_bytes(b'file,descriptions,split\nfirst.png,"Over\ntwo",1\n' + row + b'\nlast.png,"Last",2\n')
    outcome = run(path)
    assert counts(outcome) == {"new": 2, "failed": 1}
    assert list(problems(outcome)) == [4]
    assert complaint in problems(outcome)[4]
    assert Asset.objects.get(filename="last.png").description == "Last"


def test_a_quote_that_is_never_closed_is_named_where_it_is_opened(put, shop):
    put("first.png")
    path = shop / "shop.csv"
    path.write_bytes(b'file,descriptions\nfirst.png,One\na.png,"opened\nb.png,Two\n')
    assert problems(run(path)) == {3: "a quote is opened here and not closed before the end of the file"}
    assert Asset.objects.get().filename == "first.png"
    path.write_bytes(b'file,descriptions\nfirst.png,One\na.png,"opened\n' + b"b.png,Two\n" * 200_000)
    assert problems(run(path)) == {3: "a cell is longer than 131,072 characters"}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty"),
        (codecs.BOM_UTF8, "has no rows"),
        (b"\n \n\n", "has no rows"),
        (b'\n [\n{"file": "a.png"}\n]', "is a JSON list"),
        ('{"file": "a.png"}\n'.encode("utf-16"), "is UTF-16"),
    ],
)
def test_a_file_of_json_lines_that_is_none_is_named(content, complaint, shop):
    (shop / "shop.jsonl").write_bytes(content)
    outcome = run(shop / "shop.jsonl")
    assert complaint in outcome["error"]
    assert (outcome["exit"], counts(outcome)) == (1, {})


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"a.png,Green,5\nb.png,Red,5\n", "names no column url or file, but a.png, Green, 5"),
        (b"\n\nfile,title\n", "is empty, or begins with an empty line"),
        (b"file,title\n", "has no rows"),
        (b"file,file\na.png,b.png\n", "has the column file 2 times"),
        (b'"file,title\n', "line 1"),
        (b"x" * 2_000_000, "line 1: longer than"),
        (b"\xff\xfe\xff,\n", "is UTF-16"),
        (b"PK\x03\x04\xff\xff\xff", "line 1: byte 5 is not UTF-8"),
    ],
)
def test_a_file_of_csv_that_is_none_is_named(content, complaint, shop):
    (shop / "shop.csv").write_bytes(content)
    outcome = run(shop / "shop.csv")
    assert complaint in outcome["error"]
    assert (outcome["exit"], counts(outcome)) == (1, {})


def test_a_column_that_somebody_named_has_to_be_there(put, shop):
    (shop / "shop.csv").write_text(f"file,text\n{put('a.png')},Green\n")
    assert (
        "has no column words; there are file, text" in run(shop / "shop.csv", "--column", "descriptions=words")["error"]
    )


def test_what_is_no_file_is_named(shop, tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    for name, complaint in [
        (shop, "its name does not say"),
        (tmp_path / "missing.csv", "No such file"),
        (tmp_path / "pipe.csv", "is no regular file"),
    ]:
        assert complaint in run(name)["error"]
    assert "is a directory" in run(shop, "--format", "csv")["error"]
    assert not Collection.objects.filter(assets__isnull=False).exists()


def test_a_key_that_comes_twice_is_named_with_the_line_that_has_it(put, write):
    put("a.png")
    put("b.png")
    path = write({"id": "x", "file": "a.png"}, {"id": "x", "file": "b.png"}, {"file": "b.png"}, {"file": "b.png"})
    outcome = run(path)
    assert counts(outcome) == {"new": 2, "failed": 2}
    assert problems(outcome) == {
        2: "its key, x, is that of line 1 already",
        4: "its key, b.png, is that of line 3 already",
    }


def test_a_key_that_is_too_long_for_the_database_is_known_again(put, write):
    path = write({"id": "x" * 5000, "file": put("a.png")})
    assert counts(run(path)) == {"new": 1}
    assert counts(run(path)) == {"unchanged": 1}


def test_every_problem_is_in_the_table_and_the_first_of_them_in_the_outcome(write):
    outcome = run(write(*[b"broken"] * 300))
    assert (outcome["failed"], len(outcome["problems"])) == (300, 100)
    assert CatalogueRow.objects.exclude(problem="").count() == 300


def test_very_many_columns_take_a_moment(put, shop):
    put("a.png")
    began = time.process_time()
    (shop / "wide.csv").write_text("file" + ",x" * 100_000 + "\na.png" + "," * 100_000 + "\n")
    assert counts(run(shop / "wide.csv")) == {"new": 1}
    members = ",".join(f'"{i}":1' for i in range(80_000))
    (shop / "wide.jsonl").write_text('{"file":"a.png",' + members + ',"79999":1}\n')
    assert problems(run(shop / "wide.jsonl")) == {1: "79999: it is there twice"}
    assert time.process_time() - began < 5


def test_a_hundred_thousand_rows_take_little_memory(put, shop):
    put("a.png")
    with (shop / "shop.jsonl").open("w") as stream:
        for i in range(100_000):
            row = {"id": i, "file": "a.png" if i == 99_999 else f"{i}.png", "descriptions": ["word " * 100]}
            stream.write(json.dumps(row) + "\n")
    assert (shop / "shop.jsonl").stat().st_size > 50_000_000
    process = psutil.Process()
    before = process.memory_info().rss
    outcome = run(shop / "shop.jsonl", "--dry-run")
    assert counts(outcome) == {"new": 1, "failed": 99_999}
    assert process.memory_info().rss - before < 50_000_000
