"""Every recipe is executed from its first line to its last, in a fresh library."""

from pathlib import Path

import pytest

from tests.recipes.page import steps
from tests.recipes.reader import Reader
from tests.support.processes import ROOT

PAGES = sorted((ROOT / "docs" / "recipes").glob("[!R]*.md"))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("recipe", PAGES, ids=[page.stem for page in PAGES])
def test_a_recipe_does_what_it_says(recipe, open_directory):
    read(recipe, open_directory)


def read(page: Path, directory: Path) -> None:
    reader = Reader(directory)
    try:
        for step in steps(page):
            try:
                reader.take(step)
            except AssertionError as error:
                raise AssertionError(f"{page.name}:{step.line}: {step.text.strip()}\n\n{error}") from None
    finally:
        reader.close()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("```console\n$ echo one\ntwo\n```", r"page.md:2: echo one.*expected:\ntwo.*this came:\none"),
        ("```console\n$ false\n```", "exit status 1 instead of 0"),
        ("```console\n$ true\n[exit 1]\n```", "exit status 0 instead of 1"),
        ("```dotenv\nDAM_NO_SUCH_SETTING=1\n```", "not in .env.example"),
    ],
)
def test_a_page_that_says_something_else_than_what_happens_is_noticed(text, complaint, tmp_path):
    (tmp_path / "page.md").write_text(text)
    with pytest.raises(AssertionError, match=f"(?s){complaint}"):
        read(tmp_path / "page.md", tmp_path)


@pytest.mark.parametrize(
    "text", ["```ruby\nputs 1\n```", "```text\noutput of nothing\n```", "```console\nno command\n```"]
)
def test_a_page_has_no_block_that_nothing_executes(text, tmp_path):
    (tmp_path / "page.md").write_text(text)
    with pytest.raises(ValueError, match=r"nothing executes|without a command"):
        steps(tmp_path / "page.md")


def test_variables_files_and_continued_lines_hold_from_step_to_step(tmp_path):
    (tmp_path / "page.md").write_text(
        "```console\n$ NAME=red; echo \\\n>   $NAME\nred\n```\n\n"
        "```csv file=colours.csv\nred,1\n```\n\n"
        "```console\n$ grep $NAME colours.csv\nr…,1\n$ seq 5\n1\n…\n5\n"
        "$ cat <<END\n> two\n> lines\n> END\ntwo\nlines\n```\n"
    )
    read(tmp_path / "page.md", tmp_path)
