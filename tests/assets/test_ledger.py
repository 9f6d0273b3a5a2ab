"""Claims: one worker a row, counted before it is tried, given up after three, and free again when a worker is gone."""

from datetime import timedelta
from threading import Thread

import pytest
from django.db import connection
from django.db.models.functions import Now

from assets import ledger
from assets.ledger import State
from assets.models import Asset
from assets.tasks import sweep
from tests.support.processes import wait_until


def worker_vanishes() -> None:
    """Let the leases run out, as they do when a worker is killed, and workers look for what was left."""
    ledger._abandoned.clear()
    Asset.objects.filter(leased_until__isnull=False).update(leased_until=Now() - timedelta(seconds=1))


@pytest.mark.django_db
def test_a_claimed_row_is_counted_at_once_and_not_claimed_again(make_asset):
    make_asset()
    (claimed,) = Asset.objects.claim(10)
    assert claimed.attempts == 1
    assert Asset.objects.claim(10) == []


@pytest.mark.django_db(transaction=True)
def test_two_workers_claim_different_rows(make_asset):
    for _ in range(40):
        make_asset()
    claims: list[int] = []

    def work() -> None:
        while rows := Asset.objects.claim(3):
            claims.extend(row.pk for row in rows)
        connection.close()

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claims) == sorted(Asset.objects.values_list("pk", flat=True))


@pytest.mark.django_db
def test_rows_of_a_vanished_worker_are_tried_again_one_at_a_time(make_asset):
    for _ in range(3):
        make_asset()
    assert len(Asset.objects.claim(10)) == 3
    worker_vanishes()
    assert [len(Asset.objects.claim(10)) for _ in range(4)] == [1, 1, 1, 0]


@pytest.mark.django_db
def test_what_a_dead_worker_left_comes_before_what_is_new_and_what_failed_comes_last(make_asset):
    failed, left, new = make_asset(), make_asset(), make_asset()
    for row in Asset.objects.claim(2):
        if row.pk == failed.pk:
            Asset.objects.fail(row, "broken")
    worker_vanishes()
    assert [[row.pk for row in Asset.objects.claim(10)] for _ in range(3)] == [[left.pk], [new.pk], [failed.pk]]


@pytest.mark.django_db
def test_a_row_whose_worker_died_three_times_is_quarantined(make_asset):
    asset = make_asset()
    for _ in range(3):
        assert Asset.objects.claim(10)
        worker_vanishes()
    assert Asset.objects.claim(10) == []
    sweep()
    asset.refresh_from_db()
    assert (asset.state, asset.attempts) == (State.QUARANTINED, 3)
    assert "died 3 times" in asset.problem


@pytest.mark.django_db
def test_a_worker_that_comes_back_late_changes_nothing(make_asset):
    make_asset()
    (late,) = Asset.objects.claim(1)
    worker_vanishes()
    (second,) = Asset.objects.claim(1)
    assert not Asset.objects.complete(late, width=1)
    Asset.objects.fail(late, "late")
    Asset.objects.release([late])
    second.refresh_from_db()
    assert (second.state, second.width, second.problem, second.attempts) == (State.PENDING, None, "", 2)


@pytest.mark.django_db
def test_a_released_row_keeps_its_attempts_and_waits(make_asset):
    make_asset()
    (row,) = Asset.objects.claim(1)
    Asset.objects.release([row], retry_in=timedelta(minutes=1))
    assert Asset.objects.claim(1) == []
    worker_vanishes()
    (row,) = Asset.objects.claim(1)
    assert row.attempts == 1


@pytest.mark.django_db
def test_a_quarantined_row_can_be_retried_from_the_start(make_asset):
    asset = make_asset()
    (row,) = Asset.objects.claim(1)
    Asset.objects.quarantine(row, "broken")
    assert Asset.objects.filter(pk=asset.pk).retry() == 1
    asset.refresh_from_db()
    assert (asset.state, asset.attempts, asset.problem) == (State.PENDING, 0, "")


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_lives_keeps_its_rows_for_as_long_as_it_works(make_asset, monkeypatch):
    monkeypatch.setattr(ledger, "LEASE", timedelta(seconds=0.4))
    asset = make_asset()
    with Asset.objects.claimed(1) as (row,):
        first = row.leased_until
        wait_until(lambda: Asset.objects.get(pk=asset.pk).leased_until > first + ledger.LEASE, "two renewals")
        assert Asset.objects.claim(1) == []
        assert Asset.objects.complete(row)
    asset.refresh_from_db()
    assert (asset.state, asset.leased_until) == (State.READY, None)


@pytest.mark.django_db(transaction=True)
def test_what_was_left_undone_is_free_soon_after_its_worker_has_ended(make_asset, monkeypatch):
    monkeypatch.setattr(ledger, "LEASE", timedelta(seconds=0.4))
    make_asset()
    with pytest.raises(ZeroDivisionError), Asset.objects.claimed(1):
        1 / 0  # noqa: B018
    wait_until(lambda: Asset.objects.claim(1), "the lease to run out", seconds=5)


@pytest.mark.django_db(transaction=True)
def test_a_row_that_was_given_back_is_not_leased_again(make_asset):
    make_asset()
    with Asset.objects.claimed(1) as (row,):
        Asset.objects.release([row])
        assert ledger.renew(Asset, [row]) == 0


@pytest.mark.django_db(transaction=True)
def test_a_row_that_somebody_else_has_claimed_is_not_renewed(make_asset):
    make_asset()
    (late,) = Asset.objects.claim(1)
    worker_vanishes()
    (second,) = Asset.objects.claim(1)
    assert (ledger.renew(Asset, [late]), ledger.renew(Asset, [second])) == (0, 1)
