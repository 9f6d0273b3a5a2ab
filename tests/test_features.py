"""The map of features names for each the test that shows it; a test that is gone or renamed is noticed here."""

import ast
import re

import pytest

from tests.support.processes import ROOT

ROWS = [
    line for line in (ROOT / "docs" / "features.md").read_text().splitlines() if line.startswith("| ") and "`" in line
]


def functions_in(path):
    tree = ast.parse((ROOT / path).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("row", ROWS, ids=[row.split("|")[1].strip()[:60] for row in ROWS])
def test_a_feature_names_tests_that_exist(row):
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)(?:\[\w+\])?`", row)
    assert named, "no test is named"
    for path, name in named:
        assert name in functions_in(path), f"{path} has no {name}"


def test_the_five_recipes_are_features():
    pages = {page.stem for page in (ROOT / "docs" / "recipes").glob("*.md")} - {"README"}
    named = {name for row in ROWS for name in re.findall(r"test_a_recipe_does_what_it_says\[(\w+)\]", row)}
    assert named == pages
