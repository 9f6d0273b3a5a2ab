"""Saving never waits for the broker: gone, hung or slow, the row is committed at once and the work is owed."""

import socket
import threading
import time

import pytest
from celery import Celery

from assets import doorbell
from assets.models import Asset
from tests.support.processes import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def broker(monkeypatch):
    """Ring at another broker, with the project's own Redis settings; none of its rings may reach the next test."""

    def use(url: str) -> None:
        from dam.broker import transport_options

        app = Celery("elsewhere", broker=url, set_as_current=False)
        app.conf.update(broker_transport_options=transport_options(url, {}), broker_connection_timeout=2)
        monkeypatch.setattr(doorbell, "current_app", app)
        monkeypatch.setattr(doorbell, "_ringer", None)

    return use


@pytest.fixture
def hung_server():
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        connections = []

        def accept() -> None:
            while True:
                try:
                    connections.append(server.accept()[0])
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0", connections
        server.shutdown(socket.SHUT_RDWR)
        for connection in connections:
            connection.close()


def seconds_to_save(make_asset) -> float:
    start = time.monotonic()
    make_asset()
    return time.monotonic() - start


def test_a_save_does_not_wait_for_a_hung_broker(broker, hung_server, make_asset):
    url, connections = hung_server
    broker(url)
    make_asset()
    wait_until(lambda: connections, "the ring to hang at the broker")
    assert seconds_to_save(make_asset) < 1.5  # well below any of the socket's timeouts
    assert Asset.objects.claimable().count() == 2


def test_a_save_succeeds_while_nobody_listens_at_the_brokers_address(broker, make_asset, caplog):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    broker(f"redis://127.0.0.1:{port}/0")
    make_asset()
    wait_until(lambda: "did not take assets.tasks.prepare_pending" in caplog.text, "the warning")
    assert Asset.objects.claimable().count() == 1


def test_rings_are_only_made_for_what_was_committed(monkeypatch, make_asset):
    from django.db import transaction

    rung = []
    monkeypatch.setattr(doorbell, "_ring_now", rung.append)
    with transaction.atomic():
        make_asset()
        assert rung == []
        transaction.set_rollback(True)
    assert rung == []
    make_asset()
    assert rung == ["assets.tasks.prepare_pending"]
