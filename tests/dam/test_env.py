"""Settings as people write them into the environment and into files."""

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from dam.env import env


def test_the_line_end_of_a_file_is_no_part_of_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key").write_text("a key\r\n")
    monkeypatch.setenv("DAM_A_KEY_FILE", str(tmp_path / "key"))
    assert env.str("DAM_A_KEY") == "a key"


@pytest.mark.parametrize("value", ["abc", "nan", ""])
def test_what_is_no_number_is_named(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAM_A_NUMBER", value)
    for read in (env.int, env.float):
        with pytest.raises(ImproperlyConfigured, match="DAM_A_NUMBER cannot be read"):
            read("DAM_A_NUMBER", default=1)
