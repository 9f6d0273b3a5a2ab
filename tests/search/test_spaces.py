"""Several spaces in one library: descriptions through the real MiniLM, pictures by pictures, and each asked alone."""

import numpy as np
import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext

from assets.ledger import State
from assets.models import Asset, Tag
from assets.preparation import prepare_batch
from search import descriptions, tasks
from search.embedding import embed_batch
from search.encoders import ModelUnavailable
from search.fusion import fuse
from search.models import Calibration, Embedding, EmbeddingModel, register_model
from search.query import InvalidQuery, SearchQuery
from search.relevance import CUTS, calibrate, relevance
from search.results import search
from tests.conftest import model_index

pytestmark = pytest.mark.django_db

MINILM = "sentence-transformers:all-MiniLM-L6-v2"
TEXTS = {
    "dress": ("Look 12", "A sleeveless green dress of light linen, for hot days."),
    "coat": ("Look 13", "Heavy wool overcoat, dark grey."),
    "boots": ("Look 14", "Hiking boots of brown leather."),
    "dog": ("", "A puppy playing in winter"),
    "report": ("Quarterly report", "Shares and bonds on the stock market"),
    "silent": ("", ""),
}


@pytest.fixture
def find(user):
    def ask(address, who=user):
        return search(SearchQuery.parse(QueryDict(address)), who)

    return ask


@pytest.fixture
def described(db):
    """The active space of descriptions."""
    model = EmbeddingModel.objects.create(
        name=MINILM, dimensions=384, state=EmbeddingModel.State.ACTIVE, embeds="description", asked_by_picture=False
    )
    model_index(model)
    return model


@pytest.fixture
def library(make_asset, described):
    """Assets with these texts, embedded by the space of descriptions."""
    made = {name: make_asset(f"{name}.png", title=title, description=text) for name, (title, text) in TEXTS.items()}
    prepare_batch()
    return made


def stored(model):
    """State and vector by asset."""
    rows = Embedding.objects.filter(model=model)
    return {row.asset_id: (row.state, None if row.vector is None else tuple(row.vector)) for row in rows}


def test_an_asset_that_somebody_described_owes_a_vector_and_one_without_any_text_owes_none(library, described):
    rows = Embedding.objects.filter(model=described)
    assert {row.asset for row in rows} == set(library.values()) - {library["silent"]}
    assert {row.state for row in rows} == {State.READY}
    assert described.is_complete()


def test_what_a_description_means_is_found_without_its_words(find, library):
    address = "space=MiniLM-L6-v2&q="
    assert find(f"{address}green sleeveless summer wear")[0:1] == [library["dress"]]
    assert find(f"{address}dog in the snow")[0:1] == [library["dog"]]
    found = find(f"{address}equities")[0:10]
    assert found[0] == library["report"]
    assert library["silent"] not in found
    assert [reason["signal"] for reason in found[0].hit.why] == ["description"]
    assert find("q=space:all-MiniLM-L6-v2 footwear")[0:1] == [library["boots"]]


def test_an_asset_is_compared_by_what_is_written_of_it(find, library):
    found = find(f"like={library['dress'].pk}&space={MINILM}")[0:10]
    assert (found[0], found[1], found[-1]) == (library["dress"], library["coat"], library["report"])
    with pytest.raises(InvalidQuery, match="has no vector"):
        find(f"like={library['silent'].pk}&space={MINILM}")


@pytest.mark.parametrize(
    "change",
    [
        lambda asset: Asset.objects.filter(pk=asset.pk).update(description="A red evening gown"),
        lambda asset: Asset.objects.filter(pk=asset.pk).update(title="Look 12b"),
        lambda asset: asset.tags.add(Tag.named("silk")),
        lambda asset: Tag.objects.filter(slug="linen").update(name="flax"),
        lambda asset: Tag.objects.filter(slug="linen").update(parent=Tag.named("cloth")),
        lambda asset: asset.tags.clear(),
    ],
    ids=["description", "title", "tagged", "tag renamed", "tag moved", "untagged"],
)
def test_a_text_that_changed_is_embedded_again_and_found_by_the_old_vector_until_then(library, described, change):
    asset = library["dress"]
    asset.tags.add(Tag.named("linen"))
    tasks.embed_descriptions()
    before = stored(described)
    assert descriptions.owe() == 0
    change(asset)
    assert descriptions.owe() == 1
    assert stored(described)[asset.pk] == (State.PENDING, before[asset.pk][1])
    assert embed_batch() == 1
    after = stored(described)
    assert after.pop(asset.pk) not in (before[asset.pk], (State.PENDING, before[asset.pk][1]))
    assert after.items() <= before.items()
    assert descriptions.owe() == 0


def test_what_changes_nothing_that_is_embedded_owes_nothing(library, described):
    Asset.objects.update(size=5, title="Look 12")
    descriptions.owe(), embed_batch()
    library["coat"].save()
    Tag.named("unused")
    Asset.objects.update(title=" Look 12 ", filename="other.png")
    assert descriptions.owe() == 0


def test_an_asset_whose_text_is_taken_away_has_no_vector_any_more(library, described):
    Asset.objects.filter(pk=library["dog"].pk).update(description=" \n")
    tasks.sweep()
    assert library["dog"].pk not in stored(described)
    Asset.objects.filter(pk=library["dog"].pk).update(description="A puppy")
    tasks.sweep()
    embed_batch()
    assert stored(described)[library["dog"].pk][0] == State.READY


class Answers:
    """Stands where MiniLM stands, to do something while it encodes."""

    def __init__(self, encode):
        self.encode_text = encode


def test_a_text_that_changes_while_it_is_embedded_is_embedded_again(make_asset, described, monkeypatch):
    asset = make_asset(description="first")

    def change(texts):
        Asset.objects.update(description="second")
        return np.eye(1, 384, dtype=np.float32)

    monkeypatch.setattr(EmbeddingModel, "encoder", Answers(change))
    prepare_batch()
    assert stored(described)[asset.pk][0] == State.READY
    assert descriptions.owe() == 1


def test_a_text_that_no_vector_can_be_made_of_is_tried_again_when_it_has_changed(make_asset, described, monkeypatch):
    asset = make_asset(description="first")
    monkeypatch.setattr(EmbeddingModel, "encoder", Answers(lambda texts: np.zeros((1, 384), dtype=np.float32)))
    prepare_batch()
    tasks.embed_pending()
    assert stored(described) == {asset.pk: (State.QUARANTINED, None)}
    assert descriptions.owe() == 0
    Asset.objects.update(description="second")
    assert descriptions.owe() == 1


@pytest.fixture
def seen(bundled_model, library):
    """The same library, its pictures embedded too."""
    embed_all()
    return library


def embed_all():
    tasks.sweep()
    while embed_batch():
        pass


def test_descriptions_have_their_say_beside_pictures_and_words(find, seen):
    found = find("q=green sleeveless summer wear")[0:10]
    assert found[0] == seen["dress"]
    assert [reason["signal"] for reason in found[0].hit.why] == ["picture", "description"]
    assert len(found) == len(TEXTS)
    [silent] = [asset for asset in found if asset == seen["silent"]]
    assert [reason["signal"] for reason in silent.hit.why] == ["picture"]
    report = find("q=stock market")[0:1][0]
    assert [reason["signal"] for reason in report.hit.why] == ["text", "picture", "description"]
    assert find("q=stock market").info()["descriptions"] == MINILM
    for address in ("q=green sleeveless summer wear&mode=semantic", f"like={seen['dress'].pk}"):
        results = find(address)
        assert results.info()["descriptions"] is None
        assert {reason["signal"] for asset in results[0:10] for reason in asset.hit.why} == {"picture"}


def test_relevance_is_of_each_space_by_its_own_calibration(find, seen, described, bundled_model, make_asset):
    things = "bicycle,teapot,harbour,violin,glacier,market,library,tractor,candle,bridge,owl,desert,kitchen,rocket,map"
    for thing in things.split(","):
        make_asset(f"{thing}.png", description=f"A photograph of a {thing}")
    prepare_batch()
    numbers = calibrate(described).numbers
    assert set(numbers) == {"text", "picture"}
    described.refresh_from_db()
    cut = relevance([(1, "text", np.eye(1, 384)[0])], described).cut
    assert cut == pytest.approx(numbers["text"]["centre"] + CUTS["picture"] * numbers["text"]["spread"])
    chance = {"centre": 0.0, "spread": 0.3}
    Calibration.objects.create(
        model=bundled_model, pictures=20, library=20, numbers={"text": chance, "picture": chance}
    )
    results = find("q=green sleeveless summer wear")
    assert results[0:10][0] == seen["dress"]
    assert results[0:10][0].hit.match
    assert results[0:10][0].hit.relevance > 0.5
    assert seen["report"] not in results.matches
    assert not find("q=diplomatic immunity").matches.exists()
    shares = results[0:10][0].hit.shares
    assert shares["description"] > 0.5 > shares["picture"]
    first = find("q=diplomatic immunity")[0:50]
    assert {reason["signal"] for asset in first for reason in asset.hit.why} == {"picture"}


def test_every_result_comes_once_whatever_the_pages_are(find, seen, described):
    everything = [asset.pk for asset in find("q=wear")[0:50]]
    assert len(set(everything)) == len(everything) == find("q=wear").total() == len(TEXTS)
    assert [asset.pk for start in range(0, 8, 2) for asset in find("q=wear")[start : start + 2]] == everything


def test_a_described_asset_without_a_vector_of_its_picture_is_found_too(find, seen, bundled_model):
    Embedding.objects.filter(model=bundled_model, asset=seen["dog"]).delete()
    found = find("q=young hound in the snow")
    assert seen["dog"] in found[0:10]
    assert found.total() == len(TEXTS)
    assert seen["dog"] in found.matches


def test_filters_and_rights_hold_in_every_space(find, seen):
    for address in ("q=summer wear", f"q=summer wear&space={MINILM}"):
        assert not find(address, AnonymousUser())[0:10]
        assert find(f'{address}&q="overcoat"')[0:10] == [seen["coat"]]


def test_a_library_with_one_space_asks_nothing_more(find, make_asset, bundled_model):
    make_asset(description="A green dress")
    prepare_batch()
    find("q=dress")[0:10]
    with CaptureQueriesContext(connection) as asked:
        find("q=dress")[0:10]
    models = [query["sql"] for query in asked if 'FROM "search_embeddingmodel"' in query["sql"]]
    assert len(models) == 1
    assert sum("<->" in query["sql"] for query in asked) == 2  # the plan and the ranking


def test_without_the_encoder_of_descriptions_pictures_and_words_answer(find, seen, described, monkeypatch):
    from search import vectors

    encode = vectors.text_vector

    def unavailable(text, model=None):
        if model == described:
            raise ModelUnavailable("no weights")
        return encode(text, model)

    monkeypatch.setattr(vectors, "text_vector", unavailable)
    found = find("q=stock market")[0:10]
    assert found[0] == seen["report"]
    assert [reason["signal"] for reason in found[0].hit.why] == ["text", "picture"]
    with pytest.raises(ModelUnavailable):
        find(f"q=stock market&space={MINILM}")


@pytest.fixture
def pictures_alone(library):
    """A space of pictures that are asked by pictures, in which the dress looks like the boots."""
    model = EmbeddingModel.objects.create(
        name="torchvision:resnet50/DEFAULT", dimensions=3, state=EmbeddingModel.State.ACTIVE, asked_by_text=False
    )
    for name, vector in {"dress": [1, 0, 0], "boots": [0.8, 0.6, 0], "coat": [0, 0, 1]}.items():
        Embedding.objects.create(asset=library[name], model=model, vector=vector, state=State.READY)
    return model


def test_a_space_of_pictures_alone_is_asked_by_an_asset_and_refuses_text(find, library, pictures_alone):
    address = f"like={library['dress'].pk}&space=resnet50/DEFAULT"
    assert find(address)[0:10] == [library[name] for name in ("dress", "boots", "coat")]
    assert find(address).info()["model"] == pictures_alone.name
    with pytest.raises(InvalidQuery, match="not by text") as refusal:
        find(f"{address}&q=dress")
    assert set(refusal.value.errors) == {"space"}


def test_a_space_of_pictures_alone_is_calibrated_without_texts(many_assets, small_space):
    EmbeddingModel.objects.update(asked_by_text=False)
    small_space.refresh_from_db()
    many_assets(np.random.default_rng(1).normal(size=(30, 8)))
    assert set(calibrate(small_space).numbers) == {"picture"}


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("q=dress&space=nothing", f"no space “nothing”. There are: {MINILM}"),
        ("q=space:nothing dress", "no space “nothing”"),
        ("q=dress&space=empty", "no vectors yet"),
        (f"picture=x&space={MINILM}", "not by picture"),
        ("q=dress&space=2", "one of several"),
        ("q=dress&space=a b", "no name of a space"),
        ("q=dress&space=empty&mode=keyword", "By words alone"),
    ],
)
def test_a_space_that_cannot_answer_says_why(find, library, address, says):
    for name in ("empty", "other/2"):
        EmbeddingModel.objects.create(name=name, dimensions=3)
    with pytest.raises(InvalidQuery, match=says) as refusal:
        find(address)
    assert set(refusal.value.errors) == {"space"}


def test_a_query_that_names_a_space_is_written_as_it_is_read():
    query = SearchQuery.parse(QueryDict(f"q=red dress&space={MINILM}&sort=title"))
    assert query.space == MINILM
    assert SearchQuery.parse(query.params()) == query
    boxed = QueryDict(mutable=True)
    boxed["q"] = query.box
    assert SearchQuery.parse(boxed) == query
    assert SearchQuery.parse(QueryDict("q=(space:odyssey) poster")).space == ""


def test_what_is_described_is_fused_by_its_rank_and_is_a_match_only_where_that_was_measured():
    near = [(1, 0.1), (2, 0.2), (3, 0.3)]
    measured = fuse(near, [3], [], 0.15, all_near=True, described=[2, 4]).ranking
    assert [(place.pk, place.match) for place in measured] == [(2, True), (3, True), (1, True), (4, True)]
    unmeasured = fuse(near, [3], [], 0.15, all_near=True, described=[2, 4], described_match=False).ranking
    assert [(place.pk, place.match) for place in unmeasured] == [(3, True), (1, True), (2, False), (4, False)]


def test_coverage_counts_the_described_alone(library, described):
    from search.coverage import coverage_of

    counts = coverage_of(described).assets
    assert (counts.owed, counts.embedded, counts.missing) == (5, 5, 0)
    Asset.objects.filter(pk=library["silent"].pk).update(title="Not any more")
    assert (coverage_of(described).assets.missing, described.is_complete()) == (1, False)


@pytest.mark.parametrize(
    ("save", "rings"),
    [
        (lambda asset: asset.save(), True),
        (lambda asset: asset.tags.add(Tag.named("new")), True),
        (lambda asset: Tag.objects.get(slug="linen").save(), True),
        (lambda asset: asset.tags.add(Tag.objects.get(slug="linen")), True),
        (lambda asset: Tag.named("another"), False),
    ],
)
def test_who_saves_a_text_rings_for_it_to_be_embedded(make_asset, monkeypatch, save, rings):
    asset, _tag = make_asset(), Tag.named("linen")
    rung = []
    monkeypatch.setattr("assets.doorbell.ring", rung.append)
    save(asset)
    assert ("search.tasks.embed_descriptions" in rung) == rings


@pytest.mark.django_db(transaction=True)
def test_a_model_says_itself_what_it_embeds_and_what_it_is_asked_by():
    model, new = register_model(MINILM)
    assert (new, model.state, model.dimensions) == (True, EmbeddingModel.State.ACTIVE, 384)
    assert model.slot == {"embeds": "description", "asked_by_text": True, "asked_by_picture": False}
    assert register_model(MINILM) == (model, False)
