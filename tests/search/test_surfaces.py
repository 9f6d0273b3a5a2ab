"""Page, admin and API give the same assets in the same order for the same query."""

import random
import re

import numpy as np
import pytest
from django.http import QueryDict
from django.test import Client

from assets.ledger import State
from assets.models import Asset, Collection, Kind, Tag
from search.language import write
from search.models import Embedding
from search.query import InvalidQuery, SearchQuery

pytestmark = pytest.mark.django_db
ADMIN_FILTERS = {
    "tag": lambda slug: ("tags", Tag.objects.get(slug=slug).pk),
    "collection": lambda slug: ("collection", Collection.objects.get(slug=slug).pk),
    "kind": lambda kind: ("kind__exact", kind),
    "id__gte": lambda pk: ("id_from", pk),
    "id__lte": lambda pk: ("id_to", pk),
}
TEXTS = ["truck", "red car", "black car in the night", "雪地里的卡车", "-night", "(old town)^2", "-(rainy day)^0.5",
         '"red"', '-"night"', "IMG_7.jpg", "a bird", "+snow"]  # fmt: skip
TITLES = ["red car", "a truck", "IMG_7.jpg", "night bird", "卡车", "", "the old town in snow"]


@pytest.fixture
def library(bundled_model):
    """40 assets, one page on every surface, with real texts and vectors near those of texts; two are not embedded."""
    rng = np.random.default_rng(2)
    titles = [TITLES[number % len(TITLES)] for number in range(40)]
    vectors = bundled_model.encoder.encode_text([title or "something" for title in titles])
    vectors = vectors + 0.5 * rng.normal(size=vectors.shape) / np.sqrt(vectors.shape[1])
    assets = Asset.objects.bulk_create(
        Asset(original=f"{n}", filename=f"IMG_{n}.jpg", title=titles[n], sha256=f"{n:064d}", size=n + 1,
              mime_type="image/jpeg", kind=Kind.VIDEO if n % 9 == 0 else Kind.IMAGE, state=State.READY)
        for n in range(40)
    )  # fmt: skip
    Embedding.objects.bulk_create(
        Embedding(asset=asset, model=bundled_model, vector=vector / np.linalg.norm(vector), state=State.READY)
        for asset, vector in zip(assets[2:], vectors[2:], strict=True)
    )
    Tag.named("even").assets.set(assets[::2])
    Tag.named("third").assets.set(assets[::3])
    Collection.named("Spring").assets.set(assets[:25])
    return assets


def some_query(rng: random.Random, ids: list[int]) -> QueryDict:
    params = QueryDict(mutable=True)
    if texts := rng.sample(TEXTS, rng.randrange(4)):
        params["q"] = " ".join(texts)
    for _like in range(rng.randrange(3)):
        params.appendlist("like", f"{rng.choice(['', '', '-'])}{rng.choice(ids)}{rng.choice(['', '^0.5', '^3'])}")
    for name in rng.sample(sorted(ADMIN_FILTERS), rng.randrange(3)):
        params[name] = {
            "tag": rng.choice(["even", "third"]), "collection": "spring", "kind": rng.choice(["image", "video"]),
            "id__gte": str(ids[5]), "id__lte": str(ids[30]),
        }[name]  # fmt: skip
    if rng.random() < 0.3:
        params["mode"] = rng.choice(["semantic", "keyword", "hybrid"])
    if rng.random() < 0.2:
        params["sort"] = rng.choice(["-created_at", "title", "size", "-size"])
    return params


def on_the_page(client: Client, params: QueryDict) -> list[int] | None:
    response = client.get("/", params, follow=True)
    if response.status_code == 400:
        return None
    assert response.status_code == 200
    links = re.findall(r'<article class="card.*?href="/assets/(\d+)/"', response.content.decode(), re.DOTALL)
    return [int(pk) for pk in links]


def in_the_api(client: Client, params: QueryDict) -> list[int] | None:
    response = client.get("/api/v1/search/", params)
    if response.status_code == 400:
        return None
    assert response.status_code == 200
    return [row["id"] for row in response.json()["results"]]


def in_the_admin(client: Client, params: QueryDict, query: SearchQuery) -> list[int]:
    settings = [f"{name}:{params[name]}" for name in ("mode", "sort") if name in params]
    box = " ".join([write(query.parts, query.phrases), *settings])
    filters = dict(ADMIN_FILTERS[name](value) for name, value in query.filters)
    response = client.get("/admin/assets/asset/", {"q": box, **filters})
    assert response.status_code == 200
    return [asset.pk for asset in response.context["cl"].result_list]


def test_random_queries_find_the_same_everywhere(library, admin_client):
    rng = random.Random(4)
    ids = [asset.pk for asset in library]
    asked = answered = 0
    while asked < 100:
        params = some_query(rng, ids)
        try:
            query = SearchQuery.parse(params)
        except InvalidQuery:
            assert in_the_api(admin_client, params) is None
            assert on_the_page(admin_client, params) is None
            continue
        if not query:
            continue
        asked += 1
        expected = in_the_api(admin_client, params)
        assert on_the_page(admin_client, params) == expected, params.urlencode()
        if expected is not None and (query.parts or query.phrases):
            assert in_the_admin(admin_client, params, query) == expected, params.urlencode()
            answered += bool(expected)
    assert answered > 50
