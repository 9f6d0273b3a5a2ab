"""How relevant a picture is to a query: a distance turned into a percentage that means the same for every query.

What chance looks like in one embedding space over this library is measured once (``calibrate``): neutral words against
random pictures, and random pictures against each other. A cosine that chance reaches once in five hundred times is
worth 50 % and is where the matches end. docs/relevance.md says what was measured, and what was tried and is worse.
"""

import logging
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from search.encoders import ModelUnavailable
from search.models import Calibration, Embedding, EmbeddingModel

logger = logging.getLogger(__name__)

SAMPLE = 2000  # pictures that stand for the library
FEWEST = 20  # vectors below which nothing can be said
BATCH = 64  # texts encoded at once
CHANCE = 2e-3  # how often a picture that has nothing to do with a query may be called its match
ONE_SIGMA = 15.865525  # percentile: one standard deviation below the centre of a normal distribution
# Where CHANCE lies above the centre, in spreads: cosines of text and picture fall off as a normal distribution does;
# those of two pictures have the heavier tail of an exponential one.
CUTS = {"text": 2.878, "picture": math.log(0.5 / CHANCE) / math.log(0.5 / (ONE_SIGMA / 100))}
# Two texts share words as two pictures share colours: a space of descriptions has the heavier tail for both.
CUTS_OF_DESCRIPTIONS = dict.fromkeys(CUTS, CUTS["picture"])
# What is as far above the centre of chance as the cut is has 50 %, the centre itself 1 %.
STEEPNESS = math.log(99)

# What the words of a query are likely to be about, in any library. Its own titles and tags would say what it shows,
# and not what chance looks like.
NEUTRAL = Path(__file__).with_name("neutral.txt").read_text(encoding="utf-8").splitlines()[1:]


@dataclass(frozen=True)
class Relevance:
    """What distances from one query are worth. ``centre`` and ``cut`` are cosines: that of chance, and that of 50 %."""

    centre: float
    cut: float

    def of(self, distance: float) -> float:
        """Return the relevance, from 0 to 1, of what is this far (L2 between unit vectors) from the query."""
        cosine = 1 - distance * distance / 2
        steps = STEEPNESS * (cosine - self.cut) / (self.cut - self.centre)
        return 1 / (1 + math.exp(-max(-500.0, min(500.0, steps))))

    def distance_of(self, relevance: float) -> float:
        """Return the distance that is worth this much, between 0 and 1: ``of`` read the other way round."""
        cosine = self.cut + (self.cut - self.centre) * math.log(relevance / (1 - relevance)) / STEEPNESS
        return math.sqrt(2 - 2 * min(1.0, max(-1.0, cosine)))

    @property
    def farthest(self) -> float:
        """The distance that is worth 50 %: what is no farther is a match."""
        return self.distance_of(0.5)


def relevance(parts: Sequence[tuple[float, str, np.ndarray]], model: EmbeddingModel) -> Relevance | None:
    """Return what distances from a query are worth, or None while the model has no calibration.

    ``parts`` are (weight, "text" or "picture", unit vector of shape (dimensions,)); the query ranks by the distance to
    their weighted sum scaled to length 1. None as well when they cancel each other out: nothing is near to nothing.
    """
    measured = getattr(model, "calibration", None)  # read with the model
    cuts = CUTS_OF_DESCRIPTIONS if model.embeds == EmbeddingModel.Embeds.DESCRIPTION else CUTS
    return of_parts(parts, measured.numbers, cuts) if measured else None


def of_parts(
    parts: Sequence[tuple[float, str, np.ndarray]],
    numbers: dict[str, dict[str, float]],
    cuts: dict[str, float] = CUTS,
) -> Relevance | None:
    """What ``relevance`` returns, from the ``numbers`` of a calibration; ``cuts`` by kind, in spreads."""
    largest = max((abs(weight) for weight, _kind, _vector in parts), default=0)
    if not largest or not math.isfinite(largest):
        return None
    weights = np.array([weight / largest for weight, _kind, _vector in parts])
    length = float(np.linalg.norm(weights @ np.stack([vector for _weight, _kind, vector in parts]).astype(np.float64)))
    if length < 1e-6:
        return None
    centres = np.array([numbers[kind]["centre"] for _weight, kind, _vector in parts])
    reaches = np.array([cuts[kind] * numbers[kind]["spread"] for _weight, kind, _vector in parts])
    centre = min(0.98, max(-0.99, float(weights @ centres) / length))
    reach = float(np.sqrt((weights**2 @ reaches**2) / (weights @ weights)))
    # Among pictures that are all alike chance comes near to 1; what is nearer than halfway is a match even so.
    return Relevance(centre, centre + min(max(reach, 1e-3), (1 - centre) / 2))


def calibrate(model: EmbeddingModel) -> Calibration | None:
    """Measure and store what chance looks like in the model's space; None when it has fewer than 20 vectors.

    Raises ``encoders.ModelUnavailable``. Reads up to 2,000 vectors, encodes some 170 texts.
    """
    ids = list(Embedding.objects.ranked_by(model).values_list("pk", flat=True))
    if len(ids) < FEWEST:
        return None
    chosen = random.sample(ids, min(SAMPLE, len(ids)))
    rows = Embedding.objects.filter(pk__in=chosen, vector__isnull=False).values_list("vector", flat=True)
    if len(rows) < FEWEST:  # deleted meanwhile
        return None
    pictures = np.stack([np.asarray(vector, dtype=np.float32) for vector in rows])
    numbers = measure(_neutral(model) if model.asked_by_text else None, pictures)
    calibration, _created = Calibration.objects.update_or_create(
        model=model,
        defaults={"pictures": len(pictures), "library": len(ids), "numbers": numbers},
    )
    return calibration


def _neutral(model: EmbeddingModel) -> np.ndarray:
    starts = range(0, len(NEUTRAL), BATCH)
    return np.concatenate([model.encoder.encode_text(NEUTRAL[start : start + BATCH]) for start in starts])


def measure(texts: np.ndarray | None, pictures: np.ndarray) -> dict[str, dict[str, float]]:
    """Return centre and spread of the cosines that chance gives, by what a query is made of.

    ``texts``, ``pictures`` are unit vectors in rows; no texts of a space that is not asked by text. ``pictures`` are
    those of descriptions in a space that embeds these.
    """
    pairs = (pictures @ pictures.T)[np.triu_indices(len(pictures), 1)]
    return ({} if texts is None else {"text": _background(texts @ pictures.T)}) | {"picture": _background(pairs)}


def _background(cosines: np.ndarray) -> dict[str, float]:
    """Centre and spread; the spread from the lower half alone, because true matches lie in the upper one."""
    below, centre = np.percentile(cosines, [ONE_SIGMA, 50])
    return {"centre": round(float(centre), 5), "spread": round(float(centre - below), 5)}


def due(model: EmbeddingModel) -> bool:
    """Whether the library can be calibrated and was not, or has doubled since."""
    count = Embedding.objects.ranked_by(model).count()
    known = Calibration.objects.filter(model=model).values_list("library", flat=True).first()
    return count >= FEWEST and (known is None or count >= 2 * known)


def calibrate_when_due() -> None:
    """Calibrate the active models when that is due; the sweep's part of it, which goes on without a model."""
    for model in EmbeddingModel.objects.filter(state=EmbeddingModel.State.ACTIVE):
        try:
            if due(model):
                calibrate(model)
        except ModelUnavailable as error:
            logger.warning("The relevance of %s is not calibrated: %s", model, error)
