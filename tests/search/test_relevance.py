"""A distance says how relevant a picture is, and where the matches end, from what chance looks like in the library."""

import math
import random
from collections.abc import Callable

import numpy as np
import pytest
from django.test.utils import CaptureQueriesContext

from assets import doorbell
from assets.ledger import State
from assets.models import Asset
from assets.signals import prepared
from search import relevance as module
from search import tasks
from search.encoders import ModelUnavailable
from search.models import Calibration, Embedding, EmbeddingModel
from search.relevance import Relevance, calibrate, due, measure, of_parts, relevance
from search.tasks import sweep

NUMBERS = {"text": {"centre": 0.1, "spread": 0.05}, "picture": {"centre": 0.2, "spread": 0.05}}


def unit(*numbers: float) -> np.ndarray:
    array = np.pad(np.array(numbers, dtype=np.float32), (0, 8 - len(numbers)))
    return array / np.linalg.norm(array)


def distance(cosine: float) -> float:
    return math.sqrt(2 - 2 * cosine)


def judged(*parts: tuple[float, str, np.ndarray]) -> Relevance:
    found = of_parts(parts, NUMBERS)
    assert found is not None
    return found


@pytest.fixture
def library(
    small_space: EmbeddingModel, make_asset: Callable[..., Asset], monkeypatch: pytest.MonkeyPatch
) -> Callable[[int], EmbeddingModel]:
    """Adds so many assets with random vectors to a library whose encoder gives random vectors for texts."""
    rng = np.random.default_rng(5)

    class RandomEncoder:
        def encode_text(self, texts: list[str]) -> np.ndarray:
            return np.stack([unit(*rng.normal(size=8)) for _ in texts])

    monkeypatch.setattr(EmbeddingModel, "encoder", RandomEncoder())

    def add(count: int) -> EmbeddingModel:
        for _ in range(count):
            row = {"vector": unit(*rng.normal(size=8)), "state": State.READY}
            Embedding.objects.update_or_create(asset=make_asset(), model=small_space, defaults=row)
        return small_space

    return add


def test_matches_end_at_one_half_and_at_the_farthest_distance():
    found = judged((1, "text", unit(1)))
    assert found.of(found.farthest) == pytest.approx(0.5)
    assert found.of(found.farthest - 0.01) > 0.5 > found.of(found.farthest + 0.01)


def test_what_chance_gives_is_worth_almost_nothing_and_the_same_for_every_kind_of_query():
    text, picture = judged((1, "text", unit(1))), judged((1, "picture", unit(1)))
    assert text.of(distance(0.1)) == pytest.approx(0.01)
    assert picture.of(distance(0.2)) == pytest.approx(0.01)
    assert text.cut < picture.cut


def test_it_stays_between_0_and_1_at_every_distance():
    narrow = of_parts([(1, "text", unit(1))], {"text": {"centre": 0.9, "spread": 0.0}})
    assert narrow is not None
    shares = [narrow.of(d) for d in np.linspace(0, 2, 50)]
    assert shares == sorted(shares, reverse=True)
    assert 0 <= shares[-1] < 0.5 < shares[0] <= 1


def test_among_pictures_that_are_all_alike_the_same_picture_is_still_a_match():
    alike = of_parts([(1, "picture", unit(1))], {"picture": {"centre": 0.95, "spread": 0.2}})
    assert alike is not None
    assert alike.of(0) > 0.5


def test_the_scale_of_the_weights_changes_nothing():
    once = judged((1, "text", unit(1)), (-0.5, "text", unit(0, 1)))
    huge = judged((1e308, "text", unit(1)), (-0.5e308, "text", unit(0, 1)))
    assert (huge.centre, huge.cut) == pytest.approx((once.centre, once.cut))


def test_what_is_taken_away_is_expected_to_be_taken_away_from_chance_too():
    plain, without = judged((1, "text", unit(1))), judged((1, "text", unit(1)), (-1, "text", unit(0, 1)))
    assert without.centre == pytest.approx(0)
    assert without.farthest > plain.farthest  # the same picture is farther from "car -night" than from "car"


def test_parts_that_cancel_each_other_out_have_no_relevance():
    assert of_parts([(1, "text", unit(1)), (-1, "text", unit(1))], NUMBERS) is None
    assert of_parts([], NUMBERS) is None


def test_true_matches_among_the_pictures_do_not_move_the_cut():
    rng = np.random.default_rng(1)
    texts, pictures = rng.normal(size=(150, 64)), rng.normal(size=(600, 64))
    texts, pictures = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (texts, pictures))
    alone = measure(texts, pictures)["text"]
    third = pictures.copy()
    third[:200] = 0.7 * third[:200] + 0.7 * texts[0]
    third /= np.linalg.norm(third, axis=1, keepdims=True)
    both = measure(texts, third)["text"]
    assert both["centre"] == pytest.approx(alone["centre"], abs=0.01)
    assert both["spread"] == pytest.approx(alone["spread"], abs=0.02)
    found = of_parts([(1, "text", texts[0])], {"text": both})
    assert found is not None
    matches = third @ texts[0] >= found.cut
    assert matches[:200].mean() > 0.9  # a query about a third of the library gets them all
    assert matches[200:].mean() < 0.02


def test_without_a_calibration_nothing_is_said(small_space: EmbeddingModel):
    assert relevance([(1, "text", unit(1))], small_space) is None


def test_twenty_vectors_are_enough_and_fewer_are_not(library: Callable[[int], EmbeddingModel]):
    model = library(19)
    assert not due(model)
    assert calibrate(model) is None
    library(1)
    assert due(model)
    calibration = calibrate(model)
    assert calibration is not None
    assert (calibration.pictures, calibration.library) == (20, 20)
    assert relevance([(1, "text", unit(1))], model) is not None


def test_it_is_measured_as_soon_as_there_are_vectors_and_not_with_the_next_sweep(
    library: Callable[[int], EmbeddingModel], monkeypatch: pytest.MonkeyPatch
):
    library(20)
    rung: list[str] = []
    monkeypatch.setattr(doorbell, "ring", rung.append)
    prepared.send(Asset, pictures={})
    assert rung == ["search.tasks.calibrate"]
    tasks.calibrate()
    assert Calibration.objects.get().library == 20
    prepared.send(Asset, pictures={})
    assert rung == ["search.tasks.calibrate"]


def test_it_is_measured_again_once_the_library_has_doubled(library: Callable[[int], EmbeddingModel]):
    model = library(20)
    calibrate(model)
    library(19)
    assert not due(model)
    library(1)
    assert due(model)
    sweep()
    assert Calibration.objects.get().library == 40


def test_the_calibration_is_read_with_the_model(
    library: Callable[[int], EmbeddingModel], django_assert_num_queries: Callable[[int], CaptureQueriesContext]
):
    calibrate(library(20))
    with django_assert_num_queries(1):
        assert relevance([(1, "text", unit(1)), (1, "picture", unit(0, 1))], EmbeddingModel.objects.active())


def test_the_sweep_goes_on_while_the_model_is_not_to_be_had(
    library: Callable[[int], EmbeddingModel], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    class Gone:
        def encode_text(self, texts: list[str]) -> np.ndarray:
            raise ModelUnavailable("the hub does not answer")

    library(20)
    monkeypatch.setattr(EmbeddingModel, "encoder", Gone())
    sweep()
    assert not Calibration.objects.exists()
    assert "the hub does not answer" in caplog.text


def test_the_bundled_model_tells_matches_from_nonsense():
    from demo.asked import answer
    from demo.scenes import random_scene, render
    from search.encoders import get_encoder
    from tests.demo.test_bundled_model import FONT

    if not FONT.exists():
        pytest.skip("unseen scenes are rendered with Noto Color Emoji (Debian: fonts-noto-color-emoji)")
    encoder, rng = get_encoder("emoji-scenes"), random.Random("relevance")
    asked = {"objects": [{"glyphs": ["🍌"]}], "background": ["snow"]}
    scenes = [answer(asked, rng) for _ in range(30)] + [random_scene(rng) for _ in range(120)]
    vectors = encoder.encode_images([render(scene, 128) for scene in scenes])
    numbers = measure(encoder.encode_text(module.NEUTRAL), vectors)
    snow, nonsense = encoder.encode_text(["snow", "quarterly revenue forecast"])
    found = of_parts([(1, "text", snow)], numbers)
    assert found is not None
    assert (vectors[:30] @ snow >= found.cut).mean() > 0.5
    truly = np.array([scene["background"] == "snow" for scene in scenes])
    assert (vectors[~truly] @ snow >= found.cut).mean() < 0.05
    assert (vectors @ nonsense >= found.cut).sum() <= 2
