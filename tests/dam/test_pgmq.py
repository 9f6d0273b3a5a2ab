"""The broker's connections end, and a worker that consumes goes on with the next message."""

from collections.abc import Iterator

import pytest
from django.db import connection
from kombu import Connection
from kombu.simple import SimpleQueue

import dam.celery  # noqa: F401 - puts our transport in place of kombu's
from dam.broker import transport_options

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def queue() -> Iterator[SimpleQueue]:
    options = transport_options("pgmq://localhost", connection.settings_dict)
    with Connection("pgmq://localhost", transport_options=options) as broker:
        queue = broker.SimpleQueue("one_at_a_time")
        yield queue
        queue.channel.queue_delete("one_at_a_time")


def test_a_message_whose_acknowledgement_is_lost_does_not_keep_others_from_coming(queue, monkeypatch):
    queue.channel.basic_qos(0, 1, False)  # one at a time, as our workers take them
    queue.put("rings")
    message = queue.get(timeout=5)
    assert not queue.channel.qos.can_consume()

    def lost(*args: object) -> None:
        raise ConnectionError("the broker is gone")

    with monkeypatch.context() as patch:
        patch.setattr(type(queue.channel.pgmq), "delete", lost)
        with pytest.raises(ConnectionError):
            message.ack()
    assert queue.channel.qos.can_consume()


def test_connections_that_ended_with_the_server_are_replaced(queue):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid, 2000)) FROM pg_stat_activity"
            " WHERE application_name = 'dam broker' AND datname = current_database()"
        )
        assert cursor.fetchone()[0] > 0
    queue.put("rings")
    assert queue.get(timeout=5).payload == "rings"
