"""The ledger in admin: what is owed, what went wrong and why, and running it again."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext

from assets.ledger import State
from assets.models import Asset, Kind, Segment
from search.admin import ledger
from search.models import Embedding, EmbeddingModel
from tests.admin.conftest import LIST as ASSETS
from tests.admin.conftest import told

LEDGER = "/admin/search/embedding/"


@pytest.fixture
def rows(small_space: EmbeddingModel, make_asset: Callable[..., Asset]) -> dict[str, Embedding]:
    """A row of every sort: ready, pending, quarantined, of an asset that could not be decoded, and of a segment."""
    names = ["ready", "pending", "stuck", "broken"]
    assets = {name: make_asset(f"{name}.png") for name in names}
    Asset.objects.update(state=State.READY, attempts=1)
    Asset.objects.filter(pk=assets["broken"].pk).update(state=State.QUARANTINED, attempts=3, problem="truncated file")
    Asset.objects.filter(pk=assets["stuck"].pk).update(kind=Kind.DOCUMENT)
    found = {name: Embedding.objects.get(asset=asset) for name, asset in assets.items()}
    of = Embedding.objects.filter
    of(pk=found["ready"].pk).update(
        state=State.READY, attempts=1, vector=np.eye(8)[0], started_at=Now() - timedelta(seconds=90), finished_at=Now()
    )
    of(pk=found["stuck"].pk).update(
        state=State.QUARANTINED, attempts=3, problem="the encoder <b>returned</b> nonsense",
        started_at=Now() - timedelta(days=3, seconds=2), finished_at=Now() - timedelta(days=3),
    )  # fmt: skip
    Segment.objects.create(asset=assets["ready"], number=1, kind=Segment.Kind.FRAME, milliseconds=42_000)
    found["frame"] = Embedding.objects.create(asset=assets["ready"], model=small_space, segment=1, attempts=2)
    return found


def listed(client: Client, rows: dict[str, Embedding], **filters: Any) -> set[str]:
    response = client.get(LEDGER, filters)
    assert response.status_code == 200
    names = {row.pk: name for name, row in rows.items()}
    return {names[row.pk] for row in response.context["cl"].result_list}


def run_again(client: Client, chosen: list[Embedding], across: bool = False, **filters: Any) -> Any:
    data = {"action": "retry", "index": 0, "select_across": int(across), "_selected_action": [row.pk for row in chosen]}
    address = f"{LEDGER}?{'&'.join(f'{name}={value}' for name, value in filters.items())}"
    return client.post(address, data, follow=True)


def test_a_row_says_how_often_how_long_how_much_and_why(rows, looking):
    content = looking.get(LEDGER).content.decode()
    assert "the encoder &lt;b&gt;returned&lt;/b&gt; nonsense" in content
    assert "truncated file" in content  # the decoder's words, for a vector that waits for its asset
    assert "0:42" in content
    assert "2 min" in content
    assert re.search("<br>2[0-9]\xa0bytes", content)  # 8 halves and a header


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({"state__exact": "pending"}, {"pending", "broken", "frame"}),
        ({"attempts": "0"}, {"pending", "broken"}),
        ({"attempts": "2"}, {"frame"}),
        ({"attempts": "3"}, {"stuck"}),
        ({"reason": "NONSENSE"}, {"stuck"}),
        ({"reason": "truncated"}, {"broken"}),
        ({"asset__kind__exact": "document"}, {"stuck"}),
        ({"part": "segment"}, {"frame"}),
        ({"part": "whole", "state__exact": "ready"}, {"ready"}),
        ({"age": "hour"}, {"ready"}),
        ({"age": "week"}, {"ready", "stuck"}),
        ({"age": "older"}, set()),
        ({"age": "never"}, {"pending", "broken", "frame"}),
    ],
)
def test_rows_are_filtered(filters, names, rows, looking):
    assert listed(looking, rows, **filters) == names


def test_a_filter_that_makes_no_sense_is_named(rows, looking):
    for filters in ({"age": "yesterday"}, {"attempts": "many"}, {"part": "half"}):
        assert "Select a valid choice" in told(looking.get(LEDGER, filters, follow=True))


def test_rows_of_one_model_are_told_from_another_s(rows, looking):
    other = EmbeddingModel.objects.create(name="other", dimensions=8)
    Embedding.objects.create(asset=rows["ready"].asset, model=other)
    assert len(listed(looking, rows, model__id__exact=rows["ready"].model_id)) == 5


def test_what_a_filter_keeps_is_run_again_beyond_the_page(rows, editing, monkeypatch):
    monkeypatch.setattr(ledger.EmbeddingAdmin, "list_per_page", 1)
    answer = run_again(editing, [rows["frame"]], across=True, state__exact="pending")
    assert "3 embeddings are owed again" in told(answer)
    assert {row.attempts for row in Embedding.objects.pending()} == {0}
    assert Embedding.objects.get(pk=rows["stuck"].pk).state == State.QUARANTINED


def test_running_again_what_waits_for_a_broken_asset_prepares_that_again(rows, editing):
    run_again(editing, [rows["broken"]])
    asset = Asset.objects.get(pk=rows["broken"].asset_id)
    assert (asset.state, asset.attempts, asset.problem) == (State.PENDING, 0, "")


def test_rows_of_a_retired_model_are_left_alone(rows, editing):
    EmbeddingModel.objects.update(state=EmbeddingModel.State.RETIRED)
    assert "its model is retired" in told(run_again(editing, [rows["stuck"]]))
    assert Embedding.objects.get(pk=rows["stuck"].pk).state == State.QUARANTINED


def test_more_vectors_than_a_request_should_make_anew_are_for_the_command(rows, editing, monkeypatch):
    monkeypatch.setattr(ledger, "MOST_AT_ONCE", 0)
    assert "manage.py embed --all" in told(run_again(editing, [rows["ready"]]))
    assert Embedding.objects.get(pk=rows["ready"].pk).state == State.READY


def test_who_may_only_look_runs_nothing_again(rows, looking):
    run_again(looking, [rows["stuck"]])
    assert Embedding.objects.get(pk=rows["stuck"].pk).state == State.QUARANTINED


def test_what_has_no_row_at_all_is_counted_and_found(rows, looking, small_space):
    Embedding.objects.filter(pk__in=[rows["pending"].pk, rows["frame"].pk]).delete()
    response = looking.get(f"{LEDGER}counts/")
    [panel] = response.context["panels"]
    assert (panel.coverage.assets.missing, panel.coverage.segments.missing) == (1, 1)
    assert 'href="/admin/assets/asset/?embedding=missing"' in response.content.decode()
    found = looking.get(ASSETS, {"embedding": "missing"}).context["cl"].result_list
    assert [asset.pk for asset in found] == [rows["pending"].asset_id]


def test_the_list_costs_as_many_queries_for_many_rows_as_for_few(rows, looking, make_asset):
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            looking.get(LEDGER)
        return len(queries)

    few = cost()
    for number in range(10):
        make_asset(f"more-{number}.png")
    assert cost() == few


def test_an_asset_s_page_shows_its_rows(rows, looking):
    content = looking.get(f"{ASSETS}{rows['ready'].asset_id}/change/").content.decode()
    assert '<details class="dam-ledger" open>' in content
    assert "0:42" in content
    content = looking.get(f"{ASSETS}{rows['broken'].asset_id}/change/").content.decode()
    assert content.count("truncated file") >= 3  # instead of the picture, of its preparation, and of its vector


def test_an_asset_that_has_everything_shows_its_rows_folded(rows, looking):
    Embedding.objects.filter(pk=rows["frame"].pk).delete()
    assert '<details class="dam-ledger">' in looking.get(f"{ASSETS}{rows['ready'].asset_id}/change/").content.decode()


def test_one_row_has_a_page(rows, looking):
    content = looking.get(f"{LEDGER}{rows['broken'].pk}/change/").content.decode()
    assert "quarantined: truncated file" in content
