"""`python -m bench.ivfflat`: what the recipe says of IVFFlat and HNSW comes out of it."""

import re
import subprocess
import sys

from tests.support.processes import ROOT

LINE = re.compile(r"^(IVFFlat|HNSW)(.*?)((?:\s+\d+\.\d+){7})$", re.MULTILINE)
COLUMNS = ("build", "insert", "recall", "later", "filter", "rows", "ms")


def test_later_rows_and_filters_cost_ivfflat_answers_and_hnsw_none(tmp_path):
    command = [sys.executable, "-m", "bench.ivfflat", "--rows", "3000"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)
    assert ended.returncode == 0, ended.stderr
    found = [dict(zip(COLUMNS, map(float, row[2].split()), strict=True)) for row in LINE.findall(ended.stdout)]
    one, ten, stock, here = found
    assert one["recall"] <= ten["recall"] <= here["recall"]
    assert one["later"] < one["recall"]
    assert one["later"] < 0.8 < here["later"]
    assert stock["rows"] < here["rows"] == 10
    assert stock["filter"] < here["filter"] == 1
    assert one["build"] < here["build"]
    assert "at least what IVFFlat finds, everywhere" in ended.stdout


def test_a_number_of_rows_that_says_nothing_is_refused():
    command = [sys.executable, "-m", "bench.ivfflat", "--rows", "10"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, "--rows must be from" in ended.stderr) == (2, True)
