"""`manage.py up` for real: everything starts with one command and all of it stops with one signal."""

import json
import signal
import socket
import time
from collections.abc import Iterator

import pytest
import requests

from dam.supervisor import SETTLED_SECONDS
from tests.support.library import Library, own_directory
from tests.support.processes import wait_until

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def library() -> Iterator[Library]:
    with own_directory() as directory:
        library = Library(directory)
        library.environment["DAM_ADMIN_USER"] = "boss"
        yield library


def test_one_command_brings_up_page_admin_and_api_and_one_signal_ends_them(library, picture, tmp_path):
    (tmp_path / "picture.png").write_bytes(picture(size=(300, 200)))
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with library.up() as process:
        log = library.log.read_text()
        password = (library.data_dir / "admin-password").read_text()
        assert f"boss / {password}" in log
        assert (library.data_dir / "admin-password").stat().st_mode & 0o777 == 0o600
        for path in ("/", "/admin/login/", "/api/docs/", "/api/v1/assets/"):
            assert requests.get(library.url + path, timeout=30).status_code == 200, path

        again = library.manage("up")
        assert again.returncode != 0
        assert f"Already running on {library.data_dir}: {library.url}" in again.stderr

        first = library.manage("ingest", str(tmp_path), "--wait", "--json", "--tag", "Test")
        outcome = json.loads(first.stdout)
        assert first.returncode == 1
        assert len(outcome["new"]) == 1
        assert list(outcome["failed"]) == [str(tmp_path / "broken.png")]
        second = library.manage("ingest", str(tmp_path / "picture.png"), "--wait")
        assert "0 new, 1 already here, 0 failed" in second.stdout

        found = requests.get(f"{library.url}/api/v1/assets/?semantic=truck&tag=test", timeout=60).json()["results"]
        assert [asset["id"] for asset in found] == outcome["new"]
        status = json.loads(library.manage("status", "--json").stdout)
        assert (status["assets"], status["embedded"], status["pending"], status["quarantined"]) == (1, 1, 0, 0)
        assert (status["broker"], status["storage"]) == ("pgmq: answers", "file system: answers")

        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
        assert time.monotonic() - started < 10
    assert library.processes() == []


def test_a_killed_worker_web_server_or_database_is_started_again_and_nothing_is_lost(library, picture, tmp_path):
    with library.up():
        # Past the time after which a process counts as settled.
        newest = max(process.create_time() for process in library.processes())
        wait_until(lambda: time.time() - newest > SETTLED_SECONDS + 1, "the processes to settle")
        for mark in ("dam.wsgi", "worker", "postgres"):
            victim = next(
                process
                for process in sorted(library.processes(), key=lambda process: process.create_time())
                if mark in " ".join(process.cmdline())
            )
            victim.kill()
            wait_until(lambda gone=victim: not gone.is_running() or gone.status() == "zombie", f"{mark} to die")
            wait_until(lambda: "started again" in library.log.read_text(), f"{mark} to be missed", seconds=30)
            library.log.write_text("")
        wait_until(lambda: library.manage("status").returncode == 0, "the database", seconds=60)
        wait_until(library.answers, "the web server", seconds=60)
        (tmp_path / "after.png").write_bytes(picture())
        assert library.manage("ingest", str(tmp_path), "--wait", "--timeout", "60").returncode == 0


def test_everything_goes_when_up_itself_is_killed_and_it_starts_again_on_the_same_data(library, picture, tmp_path):
    (tmp_path / "kept.png").write_bytes(picture())
    with library.up() as process:
        assert library.manage("ingest", str(tmp_path), "--wait").returncode == 0
        embedded = json.loads(library.manage("status", "--json").stdout)["embedded"]
        process.kill()
        process.wait()
        wait_until(lambda: not [p for p in library.processes() if p.name() != "postgres"], "its children to end", 20)
    with library.up():
        status = json.loads(library.manage("status", "--json").stdout)
        assert status["embedded"] == embedded > 0
        assert "First sign-in" not in library.log.read_text()
    assert library.processes() == []


def test_a_port_that_is_taken_is_named_and_nothing_is_left_running(library):
    with socket.create_server(("127.0.0.1", library.port)):
        refused = library.manage("up", "--no-samples")
    assert refused.returncode != 0
    assert str(library.port) in refused.stderr
    assert library.processes() == []


def test_a_command_without_a_database_says_so(library):
    answer = library.manage("status")
    assert answer.returncode != 0
    assert "make up" in answer.stderr
    assert "Traceback" not in answer.stderr
