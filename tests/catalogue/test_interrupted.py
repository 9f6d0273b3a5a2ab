"""An import that is killed, or that somebody else starts as well: nothing twice, and nothing is fetched again."""

import json
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.db import connection

from assets.catalogue.importing import Busy, Import
from assets.models import Asset, CatalogueRow
from tests.catalogue.conftest import counts, run
from tests.conftest import draw
from tests.support.concurrency import meanwhile
from tests.support.processes import ROOT, environment, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

# The command, in a process that counts this machine's loopback and this one port as public: what no setting can do.
COMMAND = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background may inherit that it is ignored
from django.core.management import execute_from_command_line
from assets import remote
remote._public = lambda address: address == "127.0.0.1"
remote.PORTS = {int(sys.argv.pop(1))}
execute_from_command_line(["manage.py", "import_catalogue", *sys.argv[1:]])
"""


@pytest.fixture
def pictures():
    """Twelve pictures at addresses; after each of the first ones the server waits to be told to go on."""
    bodies = {f"/{i}.png": draw() for i in range(12)}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            server.asked.append(self.path)
            if not server.turns.acquire(timeout=60):
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(bodies[self.path])))
            self.end_headers()
            self.wfile.write(bodies[self.path])

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.asked, server.turns = [], threading.Semaphore(0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.turns.release(100)
    server.shutdown()
    server.server_close()


def start(server, path, files, *more):
    command = [sys.executable, "-c", COMMAND, str(server.server_port), str(path), "--json", *more]
    env = environment(files.parent, PYTHONPATH=str(ROOT))
    return subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_an_import_that_is_killed_goes_on_where_it_was(pictures, write, files):
    path = write(*({"url": f"http://127.0.0.1:{pictures.server_port}/{i}.png", "split": i % 2} for i in range(12)))
    pictures.turns.release(5)
    first = start(pictures, path, files, "--fetchers", "2")
    try:
        wait_until(lambda: CatalogueRow.objects.count() == 5 or first.poll() is not None, "five rows")
        assert first.poll() is None, first.stderr.read()
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait()
    done = set(CatalogueRow.objects.values_list("source", flat=True))
    assert (Asset.objects.count(), len(done)) == (5, 5)
    pictures.turns.release(100)
    pictures.asked.clear()
    second = start(pictures, path, files)
    output, errors = second.communicate(timeout=120)
    assert counts(json.loads(output)) == {"new": 7, "unchanged": 5}, errors
    assert len(pictures.asked) == 7
    assert not {f"http://127.0.0.1:{pictures.server_port}{path}" for path in pictures.asked} & done
    assert Asset.objects.count() == CatalogueRow.objects.count() == 12
    assert not Asset.objects.filter(collections=None).exists()


def test_an_import_that_is_interrupted_says_how_to_go_on(pictures, write, files):
    path = write({"url": f"http://127.0.0.1:{pictures.server_port}/1.png"})
    process = start(pictures, path, files)
    try:
        wait_until(lambda: pictures.asked or process.poll() is not None, "it to fetch")
        process.send_signal(signal.SIGINT)
        pictures.turns.release(100)
        _output, errors = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, errors) == (1, "CommandError: shop: ended after 1 rows; run it again to go on.\n")


def test_a_second_import_of_the_same_catalogue_is_told_to_wait_and_another_is_not(pictures, put, write, files):
    path = write({"url": f"http://127.0.0.1:{pictures.server_port}/1.png"})
    first = start(pictures, path, files)
    try:
        wait_until(lambda: pictures.asked or first.poll() is not None, "the first to fetch")
        outcome = run(path)
        assert outcome["error"] == "The catalogue shop is being imported by another process."
        assert (outcome["exit"], counts(outcome)) == (1, {})
        other = write({"file": put("a.png")}, name="other.jsonl")
        assert counts(run(other)) == {"new": 1}
        pictures.turns.release(100)
        assert counts(json.loads(first.communicate(timeout=120)[0])) == {"new": 1}
    finally:
        first.kill()
        first.wait()


def test_whoever_holds_a_catalogue_loses_it_with_its_connection(put, write):
    def holding():
        with connection.cursor() as cursor:
            name = "import of the catalogue shop"
            cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [name])
            return isinstance(attempt(), Busy)

    def attempt():
        return meanwhile(lambda: Import("shop", path.parent).run([]))

    path = write({"file": put("a.png")})
    assert meanwhile(holding) is True
    assert counts(run(path)) == {"new": 1}


def test_an_asset_that_is_deleted_while_its_row_is_read_comes_again(put, write, monkeypatch):
    row = {"id": "a", "file": put("a.png"), "title": "Old"}
    run(write(row))
    said = Import._said

    def late(self, row):
        meanwhile(lambda: Asset.objects.get().delete())
        return said(self, row)

    monkeypatch.setattr(Import, "_said", late)
    assert counts(run(write(row | {"title": "New"}))) == {"new": 1}
    assert CatalogueRow.objects.get().asset.title == "New"


def test_an_asset_that_is_deleted_while_another_row_finds_its_bytes_is_made_again(put, write, shop, monkeypatch):
    (shop / "copy.png").write_bytes((shop / put("a.png")).read_bytes())
    run(write({"id": "a", "file": "a.png"}))
    taken, deleted = Import._taken, []

    def late(self, row, content, name):
        from assets.catalogue import importing

        ingest = importing.ingest

        def and_gone(*args, **fields):
            try:
                return ingest(*args, **fields)
            except importing.Duplicate:
                if not deleted:
                    deleted.append(meanwhile(lambda: Asset.objects.get().delete()))
                raise

        monkeypatch.setattr(importing, "ingest", and_gone)
        return taken(self, row, content, name)

    monkeypatch.setattr(Import, "_taken", late)
    outcome = run(write({"id": "b", "file": "copy.png"}))
    assert (counts(outcome), len(deleted)) == ({"new": 1}, 1)
    assert CatalogueRow.objects.get().key == "b"
