"""The examples of the documentation, run as they stand there."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from tests.protocols.server import Server
from tests.support.processes import ROOT

PAGE = ROOT / "docs" / "protocols.md"
TEXT = PAGE.read_text()
EXAMPLES = [block for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL) if "$ENCODER" in block]


def test_there_are_examples():
    assert len(EXAMPLES) == 6


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: re.search(r"\$ENCODER(/\S+)\"", example)[1])
def test_an_example_works(example, server: Server, tmp_path: Path):
    Image.new("RGB", (60, 40), "teal").save(tmp_path / "picture.png")
    known = os.environ | {"ENCODER": server.url, "TOKEN": server.token}
    answer = subprocess.run(
        ["bash", "-c", example], cwd=tmp_path, env=known, capture_output=True, text=True, check=False, timeout=60
    )
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)
