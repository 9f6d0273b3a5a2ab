"""A worker that has grown too large ends between two tasks; one that has just been started does not."""

import time

import pytest
from celery.worker import state

from assets import doorbell
from assets.ledger import State
from assets.models import Asset
from dam import memory
from tests.support.processes import wait_until, worker


@pytest.fixture
def lived(monkeypatch):
    """Let this process have run for an hour, with so much in memory; tell whether it would end after a task."""
    monkeypatch.setattr(state, "should_stop", None)
    monkeypatch.setattr(memory, "_started", time.monotonic() - 3600)

    def ends(megabytes: int) -> bool:
        monkeypatch.setattr(memory, "resident_bytes", lambda: megabytes * 2**20)
        memory.task_postrun.send(sender=None)
        return state.should_stop is not None

    return ends


def test_a_worker_ends_when_it_holds_more_than_it_may(lived, settings):
    settings.DAM_WORKER_MEMORY_MB = 500
    assert not lived(499)
    assert lived(501)


def test_a_worker_that_was_just_started_goes_on_whatever_it_holds(lived, settings, monkeypatch):
    settings.DAM_WORKER_MEMORY_MB = 500
    monkeypatch.setattr(memory, "_started", time.monotonic())
    assert not lived(501)


def test_no_bound_is_no_bound(lived, settings):
    settings.DAM_WORKER_MEMORY_MB = 0
    assert not lived(10**6)


def test_what_this_process_holds_is_known():
    before = memory.resident_bytes()
    held = bytearray(b"x") * 2**26
    assert memory.resident_bytes() - before > 2**25
    del held


@pytest.mark.django_db(transaction=True)
def test_a_worker_over_its_bound_finishes_its_task_and_ends_well(make_asset, small_space, tmp_path):
    asset = make_asset()

    def ended() -> bool:
        doorbell.ring("assets.tasks.prepare_pending")
        return process.poll() is not None

    with worker(tmp_path, DAM_WORKER_MEMORY_MB="1") as process:
        wait_until(ended, "the worker to end")
        assert process.returncode == 0
    assert Asset.objects.get(pk=asset.pk).state == State.READY
