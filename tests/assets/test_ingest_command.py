"""`manage.py ingest`: folders with all that is in them, and each file that could not be read by name."""

import json
import os
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from assets.models import Asset

pytestmark = pytest.mark.django_db


def ingest(*arguments: object) -> dict:
    output = StringIO()
    try:
        call_command("ingest", *map(str, arguments), "--json", stdout=output)
    except SystemExit as end:
        return json.loads(output.getvalue()) | {"exit": end.code}
    return json.loads(output.getvalue()) | {"exit": 0}


@pytest.fixture
def folder(tmp_path, picture):
    (tmp_path / "in" / "deep").mkdir(parents=True)
    for name in ("a.png", "deep/b.png", ".hidden.png"):
        (tmp_path / "in" / name).write_bytes(picture())
    return tmp_path / "in"


def test_a_folder_is_taken_with_all_that_is_in_it_but_what_is_hidden(folder):
    (folder / ".git").mkdir()
    (folder / ".git" / "x.png").write_bytes((folder / "a.png").read_bytes())
    assert len(ingest(folder)["new"]) == 2
    assert set(Asset.objects.values_list("filename", flat=True)) == {"a.png", "b.png"}


def test_each_unreadable_file_is_named_and_the_rest_is_unharmed(folder):
    (folder / "text.jpg").write_text("no picture")
    (folder / "empty.jpg").touch()
    (folder / "dangling.jpg").symlink_to("nowhere")
    os.mkfifo(folder / "pipe.jpg")
    outcome = ingest(folder, folder / "missing.jpg")
    assert len(outcome["new"]) == 2
    assert {os.path.basename(name) for name in outcome["failed"]} == {
        "text.jpg", "empty.jpg", "dangling.jpg", "pipe.jpg", "missing.jpg",
    }  # fmt: skip
    assert all(outcome["failed"].values())
    assert outcome["exit"] == 1


def test_what_is_here_already_is_counted_and_gets_the_tags_too(folder):
    first = ingest(folder)
    again = ingest(folder, "--tag", "Holiday", "--collection", "Summer")
    assert (again["new"], sorted(again["already_here"]), again["exit"]) == ([], sorted(first["new"]), 0)
    for asset in Asset.objects.all():
        assert (asset.tags.get().name, asset.collections.get().name) == ("Holiday", "Summer")


@pytest.mark.parametrize("arguments", [["", "--tag", "x"], [".", "--tag", "!!!"], [".", "--collection", ""], []])
def test_a_mistake_is_named_before_anything_is_read(arguments):
    with pytest.raises(CommandError):
        call_command("ingest", *arguments)
