"""What the admin shows of an embedding model: its coverage, its index, what can be done with it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from assets.admin.display import duration
from search import backend, indexes
from search.admin.steps import STEPS, Step
from search.coverage import Coverage, coverages
from search.indexes import IndexState
from search.models import EmbeddingModel


@dataclass(frozen=True)
class Panel:
    model: Any
    coverage: Coverage
    index: indexes.Index

    @property
    def owing(self) -> bool:
        """Whether what it has not embedded is owed to it."""
        return self.model.state in (EmbeddingModel.State.BUILDING, EmbeddingModel.State.ACTIVE)

    @property
    def busy(self) -> bool:
        """Whether it is on its way, so that it is worth looking again in a few seconds."""
        moving = self.model.state in (EmbeddingModel.State.BUILDING, EmbeddingModel.State.PRUNING)
        return moving or self.index.state is IndexState.BUILDING or (self.owing and self.coverage.uncovered > 0)

    @property
    def large(self) -> bool:
        return self.coverage.assets.embedded + self.coverage.segments.embedded >= indexes.LARGE

    @property
    def eta(self) -> str:
        left = self.coverage.eta
        return _("less than a minute") if left is not None and left < timedelta(minutes=1) else duration(left)

    @property
    def bar(self) -> SafeString:
        return render_to_string("admin/search/bar.html", {"panel": self})

    def steps(self, user: Any) -> list[tuple[str, Step]]:
        """The steps that can be taken from here, by this user, by the name in their addresses."""
        return [
            (name, step) for name, step in STEPS.items() if user.has_perm(step.permission) and step.offered(self.model)
        ]


def panels(models: Iterable[EmbeddingModel]) -> list[Panel]:
    rows = list(models)
    covered = coverages(rows)
    built = backend.look(rows)
    return [Panel(row, covered[row.pk], built[row.pk]) for row in rows]
