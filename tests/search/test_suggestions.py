"""Tags are suggested for an asset by what it shows, from the vocabulary of the library, and never applied unasked."""

from collections.abc import Callable

import numpy as np
import pytest
from django.contrib.auth.models import User

from assets.models import Asset, Tag
from search import suggestions
from search.encoders import ModelUnavailable
from search.models import Calibration, Embedding, EmbeddingModel, TagRejection
from search.suggestions import accept, reject, suggest

# What the texts of this encoder mean; anything else means nothing.
MEANINGS = {"truck": [0.7, 0.7], "vehicle": [0.7, 0.5, 0.5], "snow": [0.5, 0, 0.5, 0.7], "fish": [-1.0]}


class Dictionary:
    """An encoder of a few words that counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode_text(self, texts: list[str]) -> np.ndarray:
        self.asked += texts
        vectors = np.array([np.pad(MEANINGS.get(t, [0] * 7 + [1]), (0, 8))[:8] for t in texts], dtype=np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture
def encoder(monkeypatch: pytest.MonkeyPatch) -> Dictionary:
    encoder = Dictionary()
    monkeypatch.setattr(EmbeddingModel, "encoder", encoder)
    monkeypatch.setattr(suggestions, "_vectors", {})
    return encoder


@pytest.fixture
def truck(
    encoder: Dictionary,
    small_space: EmbeddingModel,
    make_asset: Callable[..., Asset],
    give_vector: Callable[..., Embedding],
) -> Asset:
    """A picture of a truck, in a calibrated library whose vocabulary has a truck, vehicles, snow and fish."""
    Calibration.objects.create(
        model=small_space, pictures=20, library=20, numbers={"text": {"centre": 0.1, "spread": 0.1}}
    )
    for name in ["snow", "fish", "vehicle", "truck"]:
        Tag.named(name)
    asset = make_asset()
    give_vector(asset, [1, 1])
    return asset


def names(asset: Asset, **options: int) -> list[str]:
    return [suggestion.tag.name for suggestion in suggest(asset, **options)]


def test_the_best_tags_come_first_and_those_that_are_not_shown_do_not_come(truck: Asset):
    found = suggest(truck)
    assert [one.tag.name for one in found] == ["truck", "vehicle", "snow"]
    assert found[0].confidence > found[1].confidence > 0.5 > found[2].confidence
    assert names(truck, limit=1) == ["truck"]


def test_nothing_is_applied_by_asking(truck: Asset):
    suggest(truck)
    assert not truck.tags.exists()


def test_a_tag_that_the_asset_has_itself_or_by_a_child_is_not_suggested(truck: Asset):
    Tag.objects.filter(name="truck").update(parent=Tag.named("vehicle"))
    truck.tags.add(Tag.named("truck"))
    assert names(truck) == ["snow"]


def test_a_narrower_tag_than_the_asset_has_is_suggested(truck: Asset):
    Tag.objects.filter(name="truck").update(parent=Tag.named("vehicle"))
    truck.tags.add(Tag.named("vehicle"))
    assert names(truck) == ["truck", "snow"]


def test_what_was_rejected_is_not_suggested_for_that_asset_again(
    truck: Asset, user: User, make_asset: Callable[..., Asset], give_vector: Callable[..., Embedding]
):
    reject(truck, Tag.named("truck"), user)
    reject(truck, Tag.named("truck"), user)
    assert names(truck) == ["vehicle", "snow"]
    assert TagRejection.objects.get().rejected_by == user
    other = make_asset()
    give_vector(other, [1, 1])
    assert names(other)[0] == "truck"


def test_accepting_tags_the_asset_and_takes_a_rejection_back(truck: Asset, user: User):
    tag = Tag.named("truck")
    reject(truck, tag, user)
    accept(truck, [tag], user)
    assert list(truck.tags.all()) == [tag]
    assert not TagRejection.objects.exists()


def test_names_are_encoded_once(truck: Asset, encoder: Dictionary):
    suggest(truck)
    Tag.named("boat")
    suggest(truck)
    assert sorted(encoder.asked) == ["boat", "fish", "snow", "truck", "vehicle"]


def test_a_large_vocabulary_is_encoded_a_part_at_a_time(
    truck: Asset, encoder: Dictionary, monkeypatch: pytest.MonkeyPatch, make_asset: Callable[..., Asset]
):
    monkeypatch.setattr(suggestions, "AT_ONCE", 2)
    make_asset().tags.add(Tag.named("truck"))  # what assets carry comes first
    assert "truck" in names(truck)
    assert len(encoder.asked) == 2
    suggest(truck)
    assert sorted(encoder.asked) == ["fish", "snow", "truck", "vehicle"]


def test_without_a_vector_or_a_calibration_there_are_none(
    truck: Asset, encoder: Dictionary, make_asset: Callable[..., Asset]
):
    assert suggest(make_asset()) == []
    Calibration.objects.all().delete()
    assert suggest(truck) == []
    assert encoder.asked == []


def test_a_model_that_is_not_to_be_had_is_named(truck: Asset, monkeypatch: pytest.MonkeyPatch):
    class Gone:
        def encode_text(self, texts: list[str]) -> np.ndarray:
            raise ModelUnavailable("gone")

    monkeypatch.setattr(EmbeddingModel, "encoder", Gone())
    with pytest.raises(ModelUnavailable, match="gone"):
        suggest(truck)
