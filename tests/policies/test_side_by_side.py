"""Two workers at once, and deletions under way: nobody waits for ever, nothing is flagged twice or fails."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest
from django.db import connection, transaction

from assets.models import Asset
from search import policies, tasks
from search.embedding import write
from search.models import Embedding, Policy, PolicyFlag
from tests.policies.conftest import at_cosine

pytestmark = pytest.mark.django_db(transaction=True)


def side_by_side(*jobs):
    """Run these at the same moment, each in a thread with a connection of its own; raise what one of them raised."""
    start = Barrier(len(jobs))

    def run(job):
        try:
            start.wait(10)
            return job()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return [future.result(60) for future in [pool.submit(run, job) for job in jobs]]


def owed(assets, model):
    Embedding.objects.filter(asset__in=assets, model=model).retry()


def work(model, size):
    """What a worker does until nothing is owed: claim, and write vectors that come near to everything."""
    while True:
        with Embedding.objects.filter(model=model).claimed(size) as rows:
            if not rows:
                return
            write(rows, np.stack([at_cosine(0.9)] * len(rows)).astype(np.float32))


def test_two_workers_and_two_checks_at_once_flag_everything_once(library, calibrated, policy, many_assets):
    more = many_assets(np.stack([at_cosine(0.0)] * 60))
    knife, other = policy(), policy("gun -knife")
    Policy.objects.filter(pk=other.pk).update(text="knife (gun)^0.1")
    tasks.check_policies()
    for _round in range(3):
        owed(more, calibrated)
        Policy.objects.update(checked_at=None)
        side_by_side(
            lambda: work(calibrated, 7),
            lambda: work(calibrated, 11),
            lambda: policies.check(knife.pk),
            lambda: policies.check(other.pk),
            tasks.check_policies,
        )
    for one in (knife, other):
        flagged = PolicyFlag.objects.filter(policy=one, asset__in=more)
        assert flagged.count() == len(more)


def test_what_is_deleted_meanwhile_is_left_out(library, calibrated, policy, many_assets):
    for _round in range(3):
        more = many_assets(np.stack([at_cosine(0.0)] * 40))
        knife = policy(name=f"knife {_round}")
        tasks.check_policies()
        owed(more, calibrated)
        chosen = [asset.pk for asset in more[::2]]
        side_by_side(
            lambda: work(calibrated, 7),
            lambda chosen=chosen: Asset.objects.filter(pk__in=chosen).delete(),
            lambda knife=knife: policies.check(knife.pk),
            lambda knife=knife: Policy.objects.filter(pk=knife.pk).delete(),
        )
        assert not PolicyFlag.objects.filter(asset__in=chosen).exists()
        assert not Policy.objects.filter(pk=knife.pk).exists()
        Asset.objects.filter(pk__in=[asset.pk for asset in more]).delete()


def test_a_deletion_that_is_under_way_is_waited_for(library, calibrated, policy):
    knife = policy()
    tasks.check_policies()
    PolicyFlag.objects.all().delete()
    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        Asset.objects.filter(pk=library[9].pk).delete()

        def flag():
            try:
                PolicyFlag.objects.flag(policy=knife)
            finally:
                connection.close()

        done = pool.submit(flag)
        with pytest.raises(TimeoutError):
            done.result(0.5)
        transaction.on_commit(lambda: done.result(30))
    assert set(PolicyFlag.objects.values_list("asset", flat=True)) == {asset.pk for asset in library[2:9]}
