"""Where a row's bytes may come from: below the catalogue's folder, or from the public internet; nowhere else."""

import itertools
import os
import socket
import threading

import pytest

from assets import remote
from assets.catalogue import pictures
from assets.models import Asset, CatalogueRow
from tests.assets.test_remote import OURS, Server
from tests.assets.test_remote import connections as connections
from tests.assets.test_remote import names as names
from tests.assets.test_remote import serve as serve
from tests.catalogue.conftest import counts, problems, run
from tests.conftest import draw

pytestmark = pytest.mark.django_db


@pytest.fixture
def shops(serve, monkeypatch):
    """Serve each of these answers as ``pictures.test``, on ports of their own."""

    def start(*answers):
        servers = [serve(*each) if isinstance(each, tuple) else serve(each) for each in answers]
        monkeypatch.setattr(remote, "PORTS", {server.port for server in servers})
        return servers

    return start


def answer(body: bytes, kind: str = "image/png") -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def test_files_are_found_below_the_catalogues_folder_or_the_root_that_was_named(put, write, tmp_path):
    path = write({"file": put("deep/er/a.png")})
    assert counts(run(path)) == {"new": 1}
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "b.png").write_bytes(draw())
    path = write({"file": "b.png"})
    assert counts(run(path)) == {"failed": 1}
    assert counts(run(path, "--root", elsewhere)) == {"new": 1}


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("../secret.png", "leads out of the catalogue's folder"),
        ("deep/../../secret.png", "leads out of the catalogue's folder"),
        ("/etc/passwd", "is an absolute path"),
        ("/dev/zero", "is an absolute path"),
        ("link.png", "is a link that leads out of the catalogue's folder"),
        ("folder/secret.png", "is a link that leads out of the catalogue's folder"),
        ("zero", "is a link that leads out of the catalogue's folder"),
        ("loop", "symbolic links"),
        ("pipe", "is no file"),
        ("socket", "No such device"),
        ("deep", "is no file"),
        ("missing.png", "is not there"),
        ("a.png/b.png", "Not a directory"),
        ("x" * 3000, "File name too long"),
        ("text.png", "its bytes are of no known format"),
        ("nothing.png", "is empty"),
        ("file:///etc/passwd", "is not there"),
    ],
)
def test_no_other_file_is_read(name, complaint, put, write, shop, tmp_path, monkeypatch):
    (tmp_path / "secret.png").write_bytes(draw())
    put("deep/inside.png")
    put("a.png")
    (shop / "link.png").symlink_to(tmp_path / "secret.png")
    (shop / "folder").symlink_to(tmp_path)
    (shop / "zero").symlink_to("/dev/zero")
    (shop / "loop").symlink_to("loop")
    (shop / "text.png").write_text("no picture")
    (shop / "nothing.png").touch()
    os.mkfifo(shop / "pipe")
    monkeypatch.chdir(shop)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        outcome = run(write({"file": name}, {"file": "a.png"}))
    assert counts(outcome) == {"new": 1, "failed": 1}
    assert complaint in problems(outcome)[1]
    assert Asset.objects.get().filename == "a.png"


def test_a_link_that_stays_inside_is_followed(put, write, shop):
    put("a.png")
    (shop / "link.png").symlink_to("a.png")
    assert counts(run(write({"file": "link.png"}))) == {"new": 1}


def test_pictures_are_fetched_once_each(shops, write):
    servers = shops(*(answer(draw()) for _ in range(12)))
    rows = [{"url": f"http://pictures.test:{server.port}/d/Look%20{i}.png?w=400"} for i, server in enumerate(servers)]
    path = write(*rows)
    assert counts(run(path)) == {"new": 12}
    assert counts(run(path)) == {"unchanged": 12}  # a second request would find nobody there
    assert [len(server.requests) for server in servers] == [1] * 12
    assert set(Asset.objects.values_list("filename", flat=True)) == {f"Look {i}.png" for i in range(12)}


def test_so_many_are_fetched_at_the_same_time_as_were_asked_for_and_no_more(shops, write, monkeypatch):
    barrier, most, now = threading.Barrier(3, timeout=20), [], []
    fetch = remote.fetch

    def counted(*args, **options):
        now.append(1)
        most.append(len(now))
        barrier.wait()  # passes when three are here together
        try:
            return fetch(*args, **options)
        finally:
            now.pop()

    monkeypatch.setattr(remote, "fetch", counted)
    servers = shops(*(answer(draw()) for _ in range(6)))
    path = write(*({"url": f"http://pictures.test:{server.port}/a.png"} for server in servers))
    assert counts(run(path, "--fetchers", 3)) == {"new": 6}
    assert max(most) == 3


def test_an_address_that_answers_later_is_asked_again_and_the_others_are_not(shops, write):
    good, bad = shops(answer(draw()), (b"HTTP/1.1 503 Busy\r\n\r\n", answer(draw())))
    path = write(*({"url": f"http://pictures.test:{server.port}/a.png"} for server in (good, bad)))
    outcome = run(path)
    assert counts(outcome) == {"new": 1, "failed": 1}
    assert problems(outcome) == {2: "pictures.test answered with status 503 instead of a file."}
    assert counts(run(path)) == {"new": 1, "unchanged": 1}


def endless(connection, stopping):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n\x89PNG\r\n\x1a\n")
    while not stopping.is_set():
        connection.sendall(b"\0" * 65536)


def silent(connection, stopping):
    stopping.wait(30)


@pytest.mark.parametrize(
    ("hostile", "complaint"),
    [
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.2/\r\n\r\n", "127.0.0.2"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest/meta-data/\r\n\r\n", "169.254.169.254"),
        (b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n", "not one of http or https"),
        (silent, "took longer than 0.5 seconds"),
        (endless, "larger than 1,000,000 bytes"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\n", "larger than 1,000,000 bytes"),
        (answer(b"<html><script>alert(1)</script>"), "its bytes are of no known format"),
        (answer(b""), "is empty"),
        (answer(b"MZ\x90\0" * 100, "image/jpeg"), "is not a picture"),
    ],
    ids=["loopback", "metadata", "file", "hangs", "endless", "10 GB", "html", "empty", "program"],
)
def test_a_hostile_address_costs_its_own_row_alone(hostile, complaint, serve, put, write, monkeypatch):
    monkeypatch.setattr(pictures, "MOST_BYTES", 1_000_000)
    monkeypatch.setattr(pictures, "SECONDS", 0.5 if hostile is silent else 20)
    path = write({"url": f"http://pictures.test:{serve(hostile).port}/a.png"}, {"file": put("a.png")})
    outcome = run(path)
    assert counts(outcome) == {"new": 1, "failed": 1}
    assert complaint in problems(outcome)[1]
    assert CatalogueRow.objects.exclude(problem="").get().asset is None


@pytest.mark.parametrize("url", ["http://127.0.0.1/a.png", "http://[::1]/a.png", "http://10.0.0.7/a.png"])
def test_addresses_that_are_not_public_are_refused(url, connections, write):
    assert counts(run(write({"url": url}))) == {"failed": 1}
    assert connections == []


def test_a_file_is_taken_before_an_address(put, write, connections):
    assert counts(run(write({"url": "http://pictures.test/a.png", "file": put("a.png")}))) == {"new": 1}
    assert connections == []


def test_a_name_that_is_none_gets_one(names, connections, monkeypatch, write):
    names["pictures.test"] = itertools.repeat([OURS])
    monkeypatch.setattr(remote, "_public", lambda address: address == OURS)
    server = Server([answer(draw())])
    monkeypatch.setattr(remote, "PORTS", {server.port})
    assert counts(run(write({"url": f"http://pictures.test:{server.port}/"}))) == {"new": 1}
    server.stop()
    assert Asset.objects.get().filename == "picture"
