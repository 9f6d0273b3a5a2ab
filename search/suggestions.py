"""Tags that an asset might carry, by what it shows: the vocabulary's own names, compared with its vector.

Nothing is ever tagged by itself: somebody accepts a suggestion, or rejects it for good.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.contrib.admin.models import CHANGE, LogEntry
from django.db import transaction
from django.db.models import Count
from django.utils.translation import gettext as _

from assets.models import Asset, Tag
from search.models import Calibration, Embedding, EmbeddingModel, TagRejection
from search.relevance import of_parts

LEAST = 0.2  # confidence below which a tag is no suggestion
BATCH = 64
# Names encoded in one call at the most, those that many assets carry first: of a vocabulary of 10,000 the first views
# compare a part, and no view waits for the whole.
AT_ONCE = 1000

_vectors: dict[tuple[str, str], np.ndarray] = {}  # (model, tag name) → float16 of shape (dimensions,)
_encoding = threading.Lock()


@dataclass(frozen=True)
class Suggestion:
    tag: Tag
    confidence: float  # relevance of the asset to the tag's name, from 0 to 1; from 0.5 it is a match

    @property
    def percent(self) -> int:
        """Rounded down: what is shown as 50 % is at least that."""
        return int(100 * self.confidence)


def suggest(asset: Asset, limit: int = 10) -> list[Suggestion]:
    """Return the best tags that ``asset`` has not got, most confident first.

    A tag that it has by one of the tag's children counts as its own; rejected tags do not come again. Empty while the
    asset has no vector of the active model, or the model no calibration. Raises NoActiveModel and ModelUnavailable.
    """
    model = EmbeddingModel.objects.active()
    vector = Embedding.objects.filter(asset=asset, model=model, segment=0).values_list("vector", flat=True).first()
    numbers = Calibration.objects.filter(model=model).values_list("numbers", flat=True).first()
    if vector is None or not numbers:
        return []
    tags = _missing(asset)
    known = _encoded(model, [tag.name for tag in tags])
    tags = [tag for tag in tags if (model.name, tag.name) in known]
    if not tags:
        return []
    picture = np.asarray(vector, dtype=np.float32)
    names = np.stack([known[model.name, tag.name] for tag in tags]).astype(np.float32)
    names /= np.linalg.norm(names, axis=1, keepdims=True)
    distances = np.linalg.norm(names - picture, axis=1)
    best = np.argsort(distances, kind="stable")[:limit]
    found = []
    for place in best.tolist():
        relevance = of_parts([(1, "text", names[place])], numbers)
        confidence = relevance.of(float(distances[place])) if relevance else 0.0
        if confidence >= LEAST:
            found.append(Suggestion(tags[place], confidence))
    return found


def accept(asset: Asset, tags: Iterable[Tag], user: Any) -> None:
    """Tag the asset, and note in its history who did; a rejection of one of these tags is taken back."""
    chosen = list(tags)
    if not chosen:
        return
    with transaction.atomic():
        asset.tags.add(*chosen)
        TagRejection.objects.filter(asset=asset, tag__in=chosen).delete()
        names = ", ".join(tag.name for tag in chosen)
        message = _("Accepted suggested tags: %(names)s.") % {"names": names}
        LogEntry.objects.log_actions(user.pk, [asset], CHANGE, message, single_object=True)


def reject(asset: Asset, tag: Tag, user: Any) -> None:
    """Never suggest this tag for this asset again."""
    TagRejection.objects.get_or_create(asset=asset, tag=tag, defaults={"rejected_by": user})


def _missing(asset: Asset) -> list[Tag]:
    """Tags that the asset has neither itself nor by a child, nor rejected; those that many assets carry first."""
    own = set(asset.tags.order_by().values_list("pk", flat=True))
    parents = dict(Tag.objects.order_by().values_list("pk", "parent_id"))
    had: set[int | None] = set()
    for pk in own:
        node: int | None = pk
        while node is not None and node not in had:
            had.add(node)
            node = parents.get(node)
    had.update(TagRejection.objects.filter(asset=asset).values_list("tag_id", flat=True))
    rows = Tag.objects.annotate(uses=Count("assets")).order_by("-uses", "pk")
    return [tag for tag in rows if tag.pk not in had]


def _encoded(model: EmbeddingModel, names: list[str]) -> dict[tuple[str, str], np.ndarray]:
    """Vectors of names, by (model, name); up to ``AT_ONCE`` missing ones are encoded now."""
    with _encoding:
        missing = [name for name in dict.fromkeys(names) if (model.name, name) not in _vectors][:AT_ONCE]
        for start in range(0, len(missing), BATCH):
            batch = missing[start : start + BATCH]
            for name, vector in zip(batch, model.encoder.encode_text(batch), strict=True):
                _vectors[model.name, name] = vector.astype(np.float16)
    return _vectors
