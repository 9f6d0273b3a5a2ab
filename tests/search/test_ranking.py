"""Rankings are what brute force over the filtered vectors gives, whatever the filters, by plan or by index."""

import numpy as np
import pytest
from django.db import connection
from django.utils import timezone

from assets.ledger import State
from assets.models import Asset, Kind, Tag
from search import ranking, vectors
from search.models import Embedding, EmbeddingModel, NoActiveModel
from tests.conftest import DIMENSIONS

pytestmark = pytest.mark.django_db
ROWS = 400


@pytest.fixture
def library(small_space: EmbeddingModel) -> np.ndarray:
    """400 assets with random unit vectors; every second is tagged half, every fortieth few. Returns the vectors."""
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(ROWS, DIMENSIONS)).astype(np.float16).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assets = Asset.objects.bulk_create(
        Asset(original=f"k{n}", filename=f"{n}.png", sha256=f"{n:064d}", size=1, mime_type="image/png", kind=Kind.IMAGE,
              state=State.READY)
        for n in range(ROWS)
    )  # fmt: skip
    Embedding.objects.bulk_create(
        Embedding(asset=asset, model=small_space, vector=vector, state=State.READY)
        for asset, vector in zip(assets, vectors, strict=True)
    )
    for name, step in {"half": 2, "few": 40}.items():
        Tag.named(name).assets.set(assets[::step])
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return vectors


def brute_force(assets, query: np.ndarray) -> list[tuple[int, float]]:
    """Rank with NumPy what the database holds for these assets (halfvec: 16 bits a value)."""
    rows = Embedding.objects.filter(asset__in=assets).values_list("asset_id", "vector")
    distances = [(float(np.linalg.norm(np.array(vector) - query)), pk) for pk, vector in rows]
    return [(pk, distance) for distance, pk in sorted(distances)]


def plan(queryset) -> str:
    return queryset.explain()


FILTERS = {
    "all": lambda assets: assets,
    "half": lambda assets: assets.tagged("half"),
    "few": lambda assets: assets.tagged("few"),
    "few and above an id": lambda assets: assets.tagged("few").filter(id__gt=Asset.objects.order_by("pk")[200].pk),
    "none": lambda assets: assets.filter(created_at__gt=timezone.now()),
}


@pytest.mark.parametrize("exact_rows", [20_000, 0], ids=["exact", "index allowed"])
@pytest.mark.parametrize("name", FILTERS)
def test_a_filtered_ranking_is_the_brute_force_ranking_of_the_filtered_rows(library, settings, name, exact_rows):
    settings.DAM_EXACT_ROWS = exact_rows
    query = np.float16(library[7] + 0.5 * library[11]).astype(np.float32)
    query = np.float16(query / np.linalg.norm(query)).astype(np.float64)
    filtered = FILTERS[name](Asset.objects.all())
    expected = brute_force(filtered, query)
    found = list(filtered.nearest_to(query)[:60])
    assert len(found) == min(60, len(expected))
    assert [asset.distance for asset in found] == pytest.approx([distance for _pk, distance in expected[:60]], abs=1e-5)
    if exact_rows:
        assert [asset.pk for asset in found] == [pk for pk, _distance in expected[:60]]


def test_pages_after_the_first_go_on_where_it_ended(library):
    query = library[5]
    expected = [pk for pk, _distance in brute_force(Asset.objects.all(), query.astype(np.float64))]
    found = Asset.objects.all().nearest_to(query)
    assert [asset.pk for asset in found[50:100]] == expected[50:100]


def test_few_matching_rows_are_compared_one_by_one(library):
    assert "embedding_hnsw" not in plan(Asset.objects.all().nearest_to(library[0])[:10])


def test_many_matching_rows_are_served_by_the_models_own_index(library, settings):
    settings.DAM_EXACT_ROWS = 0
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_sort = off")  # so few rows would otherwise be sorted
        cursor.execute("SET LOCAL enable_seqscan = off")
    assert "embedding_hnsw" in plan(Asset.objects.all().nearest_to(library[0])[:10])


def test_a_page_longer_than_the_default_search_width_is_full(library, settings):
    settings.DAM_EXACT_ROWS = 0
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_sort = off")
        cursor.execute("SET LOCAL enable_seqscan = off")
    found = Asset.objects.tagged("half").nearest_to(library[0])[:200]
    assert "embedding_hnsw" in plan(found)
    assert len(found) == 200


def test_the_model_that_is_built_beside_never_mixes_in(library, small_space):
    other = EmbeddingModel.objects.create(name="other", dimensions=DIMENSIONS)
    target = Asset.objects.first()
    Embedding.objects.create(asset=target, model=other, vector=library[0], state=State.READY)
    found = list(Asset.objects.all().nearest_to(library[0]))
    assert len(found) == ROWS
    assert len({asset.pk for asset in found}) == ROWS


def test_an_asset_without_a_vector_is_left_out(library, make_asset):
    asset = make_asset()
    assert asset not in Asset.objects.all().nearest_to(library[0])
    with pytest.raises(vectors.NotEmbedded, match=str(asset.pk)):
        vectors.asset_vector(asset)


def test_an_asset_is_nearest_to_itself(library):
    asset = Asset.objects.order_by("pk")[17]
    nearest = Asset.objects.all().nearest_to(vectors.asset_vector(asset))[0]
    assert nearest == asset
    assert ranking.similarity(nearest.distance) == pytest.approx(1, abs=1e-3)


def test_an_empty_queryset_stays_empty(library):
    assert list(Asset.objects.none().nearest_to(library[0])) == []


def test_without_a_model_the_reader_says_what_to_do():
    with pytest.raises(NoActiveModel, match="register_model"):
        Asset.objects.all().nearest_to(np.ones(8))
