"""From upload to vector in a real worker over the real broker, and what happens when either is killed."""

import os
import signal
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now

import assets.tasks
import search.tasks
from assets.ledger import State
from assets.models import Asset, Rendition
from search.models import Embedding
from tests.support.processes import wait_until, worker

pytestmark = pytest.mark.django_db(transaction=True)
MANY = 200


def ready() -> int:
    return Embedding.objects.filter(state=State.READY).count()


def sweep_all() -> None:
    """What the scheduler asks for every few seconds."""
    assets.tasks.sweep()
    search.tasks.sweep()


def leases_run_out() -> None:
    """Let the clock pass the leases that a killed worker left behind."""
    for model in (Asset, Embedding):
        model.objects.filter(leased_until__gt=Now()).update(leased_until=Now() - timedelta(seconds=1))


def assert_complete(count: int) -> None:
    assert Asset.objects.filter(state=State.READY).count() == count
    assert Embedding.objects.filter(vector__isnull=False).count() == count
    assert Rendition.objects.count() == 2 * count
    assert not Asset.objects.exclude(problem="").exists()


def test_an_upload_is_prepared_and_embedded_by_the_worker_it_woke(bundled_model, make_asset, tmp_path):
    with worker(tmp_path):
        asset = make_asset()
        wait_until(ready, "the embedding")
        asset.refresh_from_db()
        assert asset.state == State.READY
    assert_complete(1)


def test_a_worker_killed_while_it_embeds_loses_nothing_and_does_nothing_twice(bundled_model, make_asset, tmp_path):
    for _ in range(MANY):
        make_asset()
    with worker(tmp_path) as process:
        wait_until(lambda: 0 < ready() < MANY, "the first batch")
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert ready() < MANY
    leases_run_out()
    with worker(tmp_path):
        sweep_all()
        wait_until(lambda: ready() == MANY, "all of them", seconds=120)
    assert_complete(MANY)


def test_a_broker_that_loses_its_queue_midway_loses_nothing(bundled_model, make_asset, tmp_path):
    for _ in range(MANY // 4):
        make_asset()
    with worker(tmp_path) as process:
        wait_until(ready, "the first batch")
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    for _ in range(10):
        make_asset()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pgmq.purge_queue(queue_name) FROM pgmq.list_queues()")
    leases_run_out()
    with worker(tmp_path):
        sweep_all()
        wait_until(lambda: ready() == MANY // 4 + 10, "all of them", seconds=120)
    assert_complete(MANY // 4 + 10)
