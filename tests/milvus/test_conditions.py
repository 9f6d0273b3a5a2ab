"""What Milvus is asked for is never less than what the database would keep."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db.models import Q

from assets.models import Asset, Kind, Tag
from search.milvus import conditions
from search.milvus.client import milvus
from search.models import Embedding, Mirror

START = datetime(2024, 5, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (Q(kind="video"), 'kind == "video"'),
        (Q(id__gt=5, id__lte=9), "asset > 5 and asset <= 9"),
        (Q(created_at__gte=START), "created_at >= 1714564800000000"),
        (Q(kind="video") & (Q(title="a") | Q(id=3)), 'kind == "video"'),
        (Q(id=3) | Q(kind="image"), ""),
        (~Q(kind="video"), ""),
        (Q(kind='x" or 1 == 1 or kind == "x'), ""),
        (Q(created_at__year=2024), ""),
        (Q(taken_at__gte=START), ""),
        (Q(tags__id=4), ""),
        (Q(id__in=[1, 2]), ""),
    ],
)
def test_only_conditions_that_every_row_fulfils_are_said(where, expected):
    found = conditions.necessary(Asset.objects.filter(where))
    assert sorted(found.split(" and ")) == sorted(expected.split(" and "))


@pytest.mark.django_db
def test_milvus_keeps_all_that_the_database_keeps(clusters, small_space):
    for number, asset in enumerate(clusters):
        moment = START + timedelta(hours=number)
        Asset.objects.filter(pk=asset.pk).update(created_at=moment, kind=Kind.values[number % 3])
    Tag.named("half").assets.set(clusters[::2])
    from search.milvus import mirror

    while mirror.drain(small_space):
        pass
    everything, name = Asset.objects.all(), Mirror.objects.get().collection
    for assets in (
        everything.filter(kind="document").created_between(START + timedelta(hours=7), START + timedelta(hours=99)),
        everything.tagged("half").filter(id__lt=clusters[40].pk),
        everything.filter(id=clusters[7].pk),
        everything.filter(Q(kind="image") | Q(kind="video"), created_at__lt=START + timedelta(microseconds=1)),
    ):
        kept = set(assets.values_list("pk", flat=True))
        assert kept
        with milvus() as client:
            rows = client.query(name, filter=conditions.necessary(assets), output_fields=["id"], limit=1000, timeout=5)
        named = set(Embedding.objects.filter(pk__in=[row["id"] for row in rows]).values_list("asset", flat=True))
        assert kept <= named
        assert len(named) < 600
