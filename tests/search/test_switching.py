"""One model takes the place of another while people search: nothing fails, nothing mixes, and there is a way back."""

import random
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models.functions import Now
from django.http import QueryDict
from django.test import Client

from assets.ledger import State
from assets.locks import alone
from assets.models import Asset, Segment
from search import indexes, lifecycle, tasks
from search.coverage import coverage_of
from search.embedding import embed_batch
from search.indexes import IndexState
from search.lifecycle import Refused
from search.models import Embedding, EmbeddingModel, NoActiveModel, QueryVector
from search.query import SearchQuery
from search.results import search
from tests.support.concurrency import meanwhile

Phase = EmbeddingModel.State


def space(name: str, state: str = Phase.BUILDING, dimensions: int = 8, **fields: Any) -> EmbeddingModel:
    fields = {"activated_at": Now() if state != Phase.BUILDING else None, **fields}
    return EmbeddingModel.objects.create(name=name, dimensions=dimensions, state=state, **fields)


def embed(model: EmbeddingModel, assets: list[Asset], seed: int = 1, **fields: Any) -> dict[int, np.ndarray]:
    """Give these assets random vectors of the model; return them as stored."""
    vectors = np.random.default_rng(seed).normal(size=(len(assets), model.dimensions))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    stored = {asset.pk: vector.astype(np.float16) for asset, vector in zip(assets, vectors, strict=True)}
    for pk, vector in stored.items():
        values = {"vector": vector, "state": State.READY, "finished_at": Now(), **fields}
        Embedding.objects.update_or_create(asset_id=pk, model=model, segment=0, defaults=values)
    return stored


@pytest.fixture
def old(db: None) -> EmbeddingModel:
    return space("old", Phase.ACTIVE)


@pytest.fixture
def new(old: EmbeddingModel) -> EmbeddingModel:
    return space("new")


@pytest.fixture
def assets(old: EmbeddingModel, new: EmbeddingModel, make_asset: Callable[..., Asset]) -> list[Asset]:
    """Four prepared assets, all embedded by the old model and two by the new one."""
    made = [make_asset(f"{number}.png") for number in range(4)]
    Asset.objects.update(state=State.READY)
    embed(old, made)
    embed(new, made[:2])
    return made


def states() -> dict[str, str]:
    return dict(EmbeddingModel.objects.values_list("name", "state"))


def like(asset_id: int) -> SearchQuery:
    return SearchQuery.parse(QueryDict(f"like={asset_id}"))


@pytest.mark.django_db(transaction=True)
def test_no_search_fails_or_mixes_spaces_while_models_change_two_hundred_times(make_asset, public, monkeypatch):
    models = [space("eight", Phase.ACTIVE, 8), space("sixteen", Phase.RETIRED, 16)]
    assets = [make_asset(f"{number}.png") for number in range(25)]
    Asset.objects.update(state=State.READY)
    vectors = {model.name: embed(model, assets, seed) for seed, model in enumerate(models)}
    user = User.objects.create_user("somebody")
    monkeypatch.setattr(
        "search.models.embedding.get_encoder", lambda name: Reader(name, len(vectors[name][assets[0].pk]))
    )
    done = threading.Event()
    problems: list[Any] = []
    answered: list[str] = []

    def check(name: str, asked: int | str, rows: list[tuple[int, float]]) -> None:
        known = {pk: vector.astype(np.float64) for pk, vector in vectors[name].items()}
        size = len(known[assets[0].pk])
        query = Reader(name, size).encode_text([asked])[0] if isinstance(asked, str) else known[asked]
        expected = {pk: float(np.linalg.norm(vector - query)) for pk, vector in known.items()}
        assert len(rows) == 10
        assert dict(rows) == pytest.approx({pk: expected[pk] for pk, _distance in rows}, abs=1e-3)
        assert [distance for _pk, distance in rows] == pytest.approx(sorted(expected.values())[:10], abs=1e-3)
        answered.append(name)

    def by_call(rng: random.Random) -> None:
        asked = rng.choice(assets).pk
        results = search(like(asked), user)
        rows = [(asset.pk, asset.hit.distance) for asset in results[0:10]]
        check(results.info()["model"], asked, rows)

    def by_text(rng: random.Random) -> None:
        asked = f"{rng.randrange(10**6)}"
        query = SearchQuery.parse(QueryDict(f"q={asked}&mode=semantic"))
        results = search(query, user)
        rows = [(asset.pk, asset.hit.distance) for asset in results[0:10]]
        check(results.info()["model"], asked, rows)

    def by_api(rng: random.Random) -> None:
        asked = rng.choice(assets).pk
        response = Client().get("/api/v1/search/", {"like": asked, "page_size": 10})
        assert response.status_code == 200, response.content
        answer = response.json()
        rows = [(row["id"], row["distance"]) for row in answer["results"]]
        check(answer["search"]["model"], asked, rows)

    def keep_asking(ask: Callable[[random.Random], None], seed: int) -> None:
        rng = random.Random(seed)
        try:
            while not done.is_set():
                ask(rng)
        except Exception as error:
            problems.append(error)
        finally:
            connection.close()

    threads = [
        threading.Thread(target=keep_asking, args=(ask, seed)) for seed, ask in enumerate([by_call, by_text, by_api])
    ]
    for thread in threads:
        thread.start()
    try:
        for number in range(200):
            lifecycle.switch(models[(number + 1) % 2], whatever=True)
            if number % 10 == 0:  # let each model answer some, on a machine of any speed
                before = len(answered)
                while len(answered) < before + 3 and not problems:
                    done.wait(0.002)
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert not problems, problems
    assert set(answered) == {"eight", "sixteen"}
    assert len(answered) >= 60


def test_a_switch_makes_one_active_and_keeps_the_other(old, new, assets):
    embed(new, assets)
    lifecycle.switch(new)
    assert states() == {"old": Phase.RETIRED, "new": Phase.ACTIVE}
    assert EmbeddingModel.objects.active() == new
    assert old.embeddings.filter(vector__isnull=False).count() == 4


def test_a_switch_is_refused_while_vectors_are_missing_unless_it_is_wanted_all_the_same(old, new, assets):
    with pytest.raises(Refused, match="2 assets or segments have no vector of new"):
        lifecycle.switch(new)
    assert states() == {"old": Phase.ACTIVE, "new": Phase.BUILDING}
    lifecycle.switch(new, whatever=True)
    assert states() == {"old": Phase.RETIRED, "new": Phase.ACTIVE}


def test_a_large_library_is_not_switched_before_its_index_is_ready(old, new, assets, monkeypatch):
    embed(new, assets)
    monkeypatch.setattr(indexes, "LARGE", 4)
    with pytest.raises(Refused, match="index of new is not ready"):
        lifecycle.switch(new)


def test_the_active_model_is_not_switched_to(old, new):
    with pytest.raises(Refused, match="old is active already"):
        lifecycle.switch(old)


def test_a_switch_leaves_models_of_other_slots_alone(old, new, assets):
    described = space("texts", Phase.ACTIVE, embeds="description", asked_by_picture=False)
    lifecycle.switch(new, whatever=True)
    described.refresh_from_db()
    assert described.state == Phase.ACTIVE


@pytest.mark.django_db(transaction=True)
def test_two_switches_at_once_leave_one_active_model():
    first = space("first", Phase.ACTIVE)
    others = [space("second"), space("third")]
    threads = [threading.Thread(target=_switch_and_close, args=(model,)) for model in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    active = EmbeddingModel.objects.filter(state=Phase.ACTIVE)
    assert active.count() == 1
    assert active.get() in others
    first.refresh_from_db()
    assert first.state == Phase.RETIRED


def _switch_and_close(model: EmbeddingModel) -> None:
    try:
        lifecycle.switch(model, whatever=True)
    finally:
        connection.close()


def test_rolling_back_goes_to_the_model_before_at_once_and_owes_it_what_came_since(old, new, assets, make_asset):
    embed(new, assets)
    lifecycle.switch(new)
    late = make_asset("late.png")
    Asset.objects.update(state=State.READY)
    embed(new, [late])
    assert coverage_of(old).uncovered == 1
    assert lifecycle.roll_back() == old
    assert states() == {"old": Phase.ACTIVE, "new": Phase.RETIRED}
    tasks.sweep()
    assert Embedding.objects.get(asset=late, model=old).state == State.PENDING
    assert states() == {"old": Phase.ACTIVE, "new": Phase.RETIRED}


def test_rolling_back_twice_is_where_one_began(old, new, assets):
    lifecycle.switch(new, whatever=True)
    lifecycle.roll_back()
    lifecycle.roll_back()
    assert states() == {"old": Phase.RETIRED, "new": Phase.ACTIVE}


def test_there_is_no_way_back_from_the_first_model(old):
    with pytest.raises(Refused, match="No model was active before old"):
        lifecycle.roll_back()


def test_a_retired_model_can_be_completed_before_it_takes_over(old, new, assets, make_asset):
    embed(new, assets)
    lifecycle.switch(new)
    old.refresh_from_db()
    late = make_asset("late.png")
    Asset.objects.update(state=State.READY)
    embed(new, [late])
    lifecycle.complete(old)
    tasks.sweep()
    assert states() == {"old": Phase.BUILDING, "new": Phase.ACTIVE}
    embed(old, [late])
    tasks.sweep()
    assert states() == {"old": Phase.ACTIVE, "new": Phase.RETIRED}


def test_the_sweep_switches_to_what_is_complete_and_only_where_that_was_asked_for(old, new, assets):
    patient = space("patient", switch_when_complete=False)
    embed(patient, assets)
    tasks.sweep()
    assert states() == {"old": Phase.ACTIVE, "new": Phase.BUILDING, "patient": Phase.BUILDING}
    embed(new, assets)
    tasks.sweep()
    assert states() == {"old": Phase.RETIRED, "new": Phase.ACTIVE, "patient": Phase.BUILDING}


def test_a_model_that_cannot_be_loaded_does_not_take_over(old, new, assets, monkeypatch):
    embed(new, assets)
    monkeypatch.setattr(lifecycle, "due", lambda model: True)  # its name stands for no model at all
    monkeypatch.setattr("search.relevance.FEWEST", 2)
    tasks.sweep()
    assert states() == {"old": Phase.ACTIVE, "new": Phase.BUILDING}


class Reader:
    """An encoder of texts, each of which has a vector of its own in each space."""

    takes_pictures = takes_text = True

    def __init__(self, name: str, dimensions: int) -> None:
        self.name, self.dimensions = name, dimensions

    def encode_text(self, texts: list[str]) -> np.ndarray:
        seeds = [[len(self.name), *text.encode()] for text in texts]
        rows = np.stack([np.random.default_rng(seed).normal(size=self.dimensions) for seed in seeds])
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


class Retiring:
    """An encoder of a model that is retired, or deleted, while it encodes."""

    takes_pictures = takes_text = True
    dimensions = 8
    name = "old"

    def __init__(self, meanwhile: Callable[[], Any]) -> None:
        self.meanwhile = meanwhile

    def encode_images(self, pictures: list[Any]) -> np.ndarray:
        self.meanwhile()
        return np.eye(8, dtype=np.float32)[: len(pictures)]


@pytest.mark.parametrize("happens", ["retired", "deleted"])
def test_work_under_way_for_a_model_that_goes_comes_to_nothing_quietly(happens, old, new, make_asset, monkeypatch):
    from PIL import Image

    asset = make_asset()
    Asset.objects.update(state=State.READY)
    Embedding.objects.filter(model=new).delete()

    def go() -> None:
        lifecycle.switch(new, whatever=True)
        if happens == "deleted":
            EmbeddingModel.objects.get(pk=old.pk).delete()

    monkeypatch.setattr("search.models.embedding.get_encoder", lambda name: Retiring(go))
    embed_batch({(asset.pk, 0): Image.new("RGB", (8, 8))})
    assert not Embedding.objects.filter(model_id=old.pk, vector__isnull=False).exists()
    if happens == "retired":
        row = Embedding.objects.get(model=old)
        assert (row.state, row.attempts, row.leased_until, row.problem) == (State.PENDING, 0, None, "")


@pytest.mark.django_db(transaction=True)
def test_pruning_takes_a_retired_model_with_all_that_it_has(make_asset, settings):
    old, new = space("old", Phase.RETIRED), space("new", Phase.ACTIVE)
    made = [make_asset(f"{number}.png") for number in range(3)]
    embed(old, made)
    embed(new, made)
    indexes.build(old)
    QueryVector.objects.create(model=old, digest=b"x" * 32, text="x", vector=np.ones(8))
    with pytest.raises(Refused, match="Only a retired model"):
        lifecycle.prune(new)
    settings.DAM_MODEL = "old"
    with pytest.raises(Refused, match="DAM_MODEL names old"):
        lifecycle.prune(old)
    settings.DAM_MODEL = "new"
    lifecycle.prune(old)
    with pytest.raises(Refused, match="being deleted"):
        lifecycle.switch(old, whatever=True)
    with pytest.raises(Refused, match="No model was active before"):
        lifecycle.roll_back()
    tasks.prune()
    assert states() == {"new": Phase.ACTIVE}
    assert not Embedding.objects.exclude(model=new).exists()
    assert Embedding.objects.count() == 3
    assert indexes.state_of(old) is IndexState.MISSING
    tasks.prune()


@pytest.mark.django_db(transaction=True)
def test_an_index_that_was_interrupted_is_repaired_and_nobody_builds_one_twice(make_asset, monkeypatch):
    model = space("model", Phase.ACTIVE)
    embed(model, [make_asset(f"{number}.png") for number in range(3)])
    monkeypatch.setattr(indexes, "LARGE", 2)
    Asset.objects.update(state=State.READY)
    assert indexes.state_of(model) is IndexState.MISSING
    assert lifecycle.index_is_due(model)
    lifecycle.build_indexes()
    assert indexes.state_of(model) is IndexState.READY
    assert not lifecycle.index_is_due(model)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'embedding_hnsw_{model.pk}'::regclass"
        )
    assert indexes.state_of(model) is IndexState.BROKEN
    with alone(indexes.name_of(model)) as mine:
        assert mine
        assert meanwhile(lambda: indexes.build(model)) is False
        assert meanwhile(lambda: indexes.state_of(model)) is IndexState.BUILDING
    assert lifecycle.index_is_due(model)
    lifecycle.build_indexes()
    assert indexes.state_of(model) is IndexState.READY
    indexes.drop(model)


def test_the_index_of_a_large_library_waits_for_its_vectors(old, new, assets, make_asset, monkeypatch):
    assert not lifecycle.index_is_due(old)  # small
    monkeypatch.setattr(indexes, "LARGE", 2)
    assert not lifecycle.index_is_due(new)
    embed(new, assets)
    assert lifecycle.index_is_due(new)
    late = make_asset("late.png")
    Asset.objects.update(state=State.READY)
    assert not lifecycle.index_is_due(new)
    assert lifecycle.index_is_due(old)  # one of five: to an active model something is always owed
    Embedding.objects.filter(asset__in=[late, *assets[:2]], model=old).update(state=State.PENDING, vector=None)
    assert not lifecycle.index_is_due(old)


@pytest.mark.parametrize(("vectors", "least", "most"), [(0, 64, 64), (100_000, 150, 400), (10**9, 65, 16 * 1024)])
@pytest.mark.django_db
def test_a_build_gets_the_memory_that_it_needs_within_what_there_is(vectors, least, most):
    assert least <= indexes.memory_for(vectors, 512) / 2**20 <= most


def test_coverage_counts_what_has_no_row_and_segments_too(old, new, assets, make_asset):
    Asset.objects.filter(pk=assets[3].pk).update(state=State.QUARANTINED)
    Embedding.objects.filter(asset=assets[2], model=new).delete()
    Segment.objects.create(asset=assets[0], number=1, kind=Segment.Kind.PAGE, page=1)
    Segment.objects.create(asset=assets[0], number=2, kind=Segment.Kind.PAGE, page=2)
    Embedding.objects.create(asset=assets[0], model=new, segment=1, state=State.READY, vector=np.eye(8)[0])
    covered = coverage_of(new)
    whole = covered.assets
    assert (whole.owed, whole.embedded, whole.quarantined, whole.pending, whole.missing) == (4, 2, 1, 1, 1)
    parts = covered.segments
    assert (parts.owed, parts.embedded, parts.missing) == (2, 1, 1)
    assert covered.uncovered == 2
    assert covered.percent == 50
    assert not new.is_complete()
    assert Embedding.objects.owe_all(new) == 2
    assert (coverage_of(new).assets.missing, coverage_of(new).segments.missing) == (0, 0)
    assert Embedding.objects.owe_all(new) == 0


def test_the_time_left_is_told_from_what_was_embedded_lately(old, new, assets):
    Embedding.objects.filter(model=new).update(finished_at=None)
    assert coverage_of(new).eta is None
    Embedding.objects.filter(model=new, state=State.READY).update(finished_at=Now())
    covered = coverage_of(new)  # two within the shortest time that counts, of five seconds
    assert covered.per_minute == pytest.approx(24, rel=0.2)
    assert covered.eta is not None
    assert covered.eta.total_seconds() == pytest.approx(5, abs=1)
    embed(new, assets)
    assert coverage_of(new).eta is None


def test_a_start_follows_a_changed_dam_model_and_leaves_alone_what_people_switched_to(old, new, assets, settings):
    settings.DAM_MODEL = "old"
    assert lifecycle.follow_settings() == old
    lifecycle.switch(new, whatever=True)
    assert lifecycle.follow_settings() is None
    assert states() == {"old": Phase.RETIRED, "new": Phase.ACTIVE}
    settings.DAM_MODEL = "new"
    lifecycle.follow_settings()
    settings.DAM_MODEL = "old"
    lifecycle.follow_settings()
    assert states() == {"old": Phase.BUILDING, "new": Phase.ACTIVE}


def test_the_command_takes_every_step(old, new, assets, capsys, settings):
    call_command("models", "list")
    listed = capsys.readouterr().out
    assert "building" in listed
    assert "not needed yet" in listed  # a library of this size is searched without an index
    with pytest.raises(CommandError, match="--incomplete"):
        call_command("models", "switch", "new")
    call_command("models", "switch", "new", "--incomplete")
    call_command("models", "rollback")
    assert states() == {"old": Phase.ACTIVE, "new": Phase.RETIRED}
    assert "old answers queries again" in capsys.readouterr().out
    with pytest.raises(CommandError, match="there are: "):
        call_command("models", "switch", "nonsense")
    with pytest.raises(CommandError, match="not being built"):
        call_command("models", "stop", "new")
    with pytest.raises(CommandError, match="nothing to ask"):
        call_command("models", "compare", "new")


def test_without_a_model_the_command_says_so(db):
    with pytest.raises(CommandError, match="register_model"):
        call_command("models", "rollback")
    with pytest.raises(NoActiveModel):
        EmbeddingModel.objects.active()
