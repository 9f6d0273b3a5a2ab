"""`manage.py calibrate_search` measures this database, stores what rankings go by, and says what it did."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from assets.models import Asset
from search import calibration, ranking, recall, relevance
from search.calibration import LEAST, MOST, Timing, crossing
from search.encoders import ModelUnavailable
from search.models import EmbeddingModel, RecallProbe

pytestmark = pytest.mark.django_db


@pytest.fixture
def library(
    many_assets: Callable[..., list[Asset]], small_space: EmbeddingModel, monkeypatch: pytest.MonkeyPatch
) -> EmbeddingModel:
    """800 vectors, random digests, bounds and sizes as small; relevance is another matter and stays out."""
    monkeypatch.setattr(calibration, "SMALLEST_LIBRARY", 800)
    monkeypatch.setattr(calibration, "SIZES", (100, 200))
    monkeypatch.setattr(relevance, "calibrate", lambda model: None)
    rng = np.random.default_rng(5)
    many_assets(rng.normal(size=(800, 8)), lambda number: {"sha256": rng.bytes(32).hex()})
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return small_space


def timings(*pairs: tuple[float, float]) -> list[Timing]:
    return [Timing(2000 * (i + 1), exact, index) for i, (exact, index) in enumerate(pairs)]


def test_the_threshold_is_where_the_two_cross() -> None:
    assert crossing(timings((1, 5), (2, 5), (4, 5), (8, 5))) == 6500  # a quarter of the way from 6,000 to 8,000


def test_one_disturbed_size_does_not_end_it() -> None:
    assert crossing(timings((1, 5), (9, 5), (4, 5), (8, 5))) == 6500


def test_an_exact_way_that_always_wins_is_taken_as_far_as_it_was_measured() -> None:
    assert crossing(timings((1, 5), (2, 5))) == 4000


def test_a_disturbed_clock_moves_the_threshold_no_farther_than_its_bounds() -> None:
    assert crossing(timings((9, 1))) == LEAST
    assert crossing([Timing(10**7, 1, 2)]) == MOST


def test_nothing_is_stored_for_a_small_library(small_space: EmbeddingModel, capsys: Any) -> None:
    call_command("calibrate_search")
    small_space.refresh_from_db()
    assert small_space.exact_rows is None
    said = capsys.readouterr().out
    assert "too few to time the index" in said
    assert "20,000 rows (DAM_EXACT_ROWS)" in said
    assert "every ranking of this library is exact" in said


def test_a_library_that_shrank_goes_by_the_default_again(small_space: EmbeddingModel) -> None:
    EmbeddingModel.objects.update(exact_rows=3000)
    call_command("calibrate_search")
    small_space.refresh_from_db()
    assert small_space.exact_rows is None


def test_the_sizes_are_measured_printed_and_stored(library: EmbeddingModel, capsys: Any) -> None:
    call_command("calibrate_search")
    library.refresh_from_db()
    assert library.exact_rows is not None
    assert LEAST <= library.exact_rows <= MOST
    said = capsys.readouterr().out
    assert "matching rows" in said
    assert "      100 " in said
    assert f"up to {library.exact_rows:,} matching rows are exact from now on" in said


def test_rankings_go_by_what_was_stored(library: EmbeddingModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "crossing", lambda measured: 5)
    calibration.calibrate(library)
    asked = recall.sample(library, 1)[0]
    assert ranking.neighbours(Asset.objects.all(), asked, 10).mode == "index"
    monkeypatch.setattr(calibration, "crossing", lambda measured: 800)
    calibration.calibrate(library)
    assert ranking.neighbours(Asset.objects.all(), asked, ranking.DEPTH).mode == "exact"


def test_the_fewest_candidates_that_find_enough_are_kept_and_used(
    library: EmbeddingModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {200: 0.90, 300: 0.97, 400: 0.98}
    monkeypatch.setattr(recall, "of_index", lambda model, queries, ef_search: found[ef_search])
    calibration.calibrate(library)
    library.refresh_from_db()
    assert library.ef_search == 400

    with CaptureQueriesContext(connection) as captured:
        ranking.neighbours(Asset.objects.all(), recall.sample(library, 1)[0], 10, recall.by_index(library, 300))
    assert any("hnsw.ef_search = 600" in query["sql"] for query in captured)  # twice as many: few rows match


def test_each_size_is_ranked_both_ways_among_about_as_many_rows(
    library: EmbeddingModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, int]] = []
    real = ranking.neighbours

    def watched(assets: Any, query: np.ndarray, count: int, model: EmbeddingModel) -> ranking.Neighbours:
        found = real(assets, query, count, model)
        seen.append((found.mode, assets.count()))
        return found

    monkeypatch.setattr(ranking, "neighbours", watched)
    assert [timing.rows for timing in calibration.measure(library, 2)][:1] == [100]
    assert {mode for mode, _rows in seen} == {"exact", "index"}
    assert 50 < seen[0][1] < 150, "digests are random: an eighth of the library"


def test_relevance_and_recall_are_measured_as_well(
    library: EmbeddingModel, monkeypatch: pytest.MonkeyPatch, settings: Any, capsys: Any
) -> None:
    calibrated: list[EmbeddingModel] = []
    monkeypatch.setattr(relevance, "calibrate", calibrated.append)
    monkeypatch.setattr(calibration, "crossing", lambda measured: 300)
    call_command("calibrate_search")
    assert calibrated == [library]
    assert RecallProbe.objects.filter(model=library).exists()
    assert "Recall of the index: " in capsys.readouterr().out


def test_a_model_that_cannot_be_loaded_is_named(library: EmbeddingModel, monkeypatch: pytest.MonkeyPatch) -> None:
    def unavailable(model: EmbeddingModel) -> None:
        raise ModelUnavailable("weights are missing")

    monkeypatch.setattr(relevance, "calibrate", unavailable)
    with pytest.raises(CommandError, match="weights are missing"):
        call_command("calibrate_search")


def test_without_a_model_the_command_says_what_to_run(db: None) -> None:
    with pytest.raises(CommandError, match="register_model"):
        call_command("calibrate_search")


def test_the_admin_shows_what_rankings_go_by(small_space: EmbeddingModel, admin_client: Client, settings: Any) -> None:
    settings.DAM_EXACT_ROWS = 12_345
    assert "12345 (DAM_EXACT_ROWS)" in admin_client.get("/admin/search/embeddingmodel/").content.decode()
    EmbeddingModel.objects.update(exact_rows=4321)
    for page in ("", f"{small_space.pk}/change/"):
        assert "4321 (measured)" in admin_client.get(f"/admin/search/embeddingmodel/{page}").content.decode()
