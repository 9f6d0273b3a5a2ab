"""`manage.py up` runs the encoder, and nothing else of it holds a model."""

import json
import signal
import stat
import time
from pathlib import Path

import psutil
import pytest
import requests

from tests.dam.test_up import Library
from tests.support.processes import wait_until

pytestmark = pytest.mark.timeout(400)


def process_of(library: Library, word: str) -> psutil.Process:
    """The youngest of its processes that were started with ``word``: of a server, the one that answers."""
    found = [process for process in library.processes() if word in " ".join(process.cmdline())]
    return max(found, key=lambda process: process.create_time())


def holds_torch(process: psutil.Process) -> bool:
    return any("libtorch" in Path(mapped.path).name for mapped in process.memory_maps())


def search(library: Library, text: str) -> requests.Response:
    return requests.get(f"{library.url}/api/v1/assets/", {"semantic": text}, timeout=10)


def test_up_runs_one_process_with_a_model_and_starts_it_again_however_often_it_dies(open_directory, picture, tmp_path):
    library = Library(open_directory)
    (tmp_path / "picture.png").write_bytes(picture(size=(300, 200)))
    with library.up() as up:
        assert stat.S_IMODE((library.data_dir / "encoder.sock").stat().st_mode) == 0o600
        first = json.loads(library.manage("ingest", str(tmp_path), "--wait", "--json").stdout)
        assert search(library, "a truck in the snow").json()["results"][0]["id"] == first["new"][0]
        assert holds_torch(process_of(library, "manage.py encoder"))
        for word in ("dam.wsgi", " worker ", " beat "):
            assert not holds_torch(process_of(library, word)), word

        for _ in range(3):  # sooner than a process counts as settled
            victim = process_of(library, "manage.py encoder")
            victim.kill()
            wait_until(lambda gone=victim: not gone.is_running() or gone.status() == "zombie", "the encoder to die")
            started = time.monotonic()
            assert search(library, f"a car {started}").status_code in (200, 503)
            assert time.monotonic() - started < 5
            wait_until(
                lambda gone=victim: any(
                    "manage.py encoder" in " ".join(process.cmdline()) and process.pid != gone.pid
                    for process in library.processes()
                ),
                "another encoder",
            )
        assert search(library, "a truck in the snow").status_code == 200  # known, whatever the encoder does
        wait_until(lambda: search(library, "never asked").status_code == 200, "the encoder to answer", seconds=90)

        up.send_signal(signal.SIGTERM)
        assert up.wait(15) == 0
    assert library.processes() == []
    assert not (library.data_dir / "encoder.sock").exists()


def test_a_data_directory_with_a_long_path_has_its_socket_elsewhere(open_directory):
    folder = open_directory / ("long" * 25)
    folder.mkdir()
    library = Library(folder)
    with library.up():
        assert search(library, "a truck").status_code == 200
        assert "Encoder at unix:" in library.log.read_text()
        assert not (folder / "encoder.sock").exists()


def test_up_starts_no_encoder_where_another_was_set(open_directory, shared_encoder):
    library = Library(open_directory)
    library.environment["DAM_ENCODER_URL"] = shared_encoder.url
    with library.up():
        assert search(library, "a truck").status_code == 200
        assert not any("encoder" in " ".join(process.cmdline()) for process in library.processes())
