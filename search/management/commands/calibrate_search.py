"""manage.py calibrate_search: measure this database, so that rankings and percentages are right for this library."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from search import calibration, recall, relevance
from search.encoders import ModelUnavailable
from search.models import EmbeddingModel, NoActiveModel


class Command(BaseCommand):
    help = (
        "Measure up to how many rows comparing every one beats the index, what chance looks like, and what the index"
        " finds. Run it when the machine has nothing else to do, and again when the library has grown much."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            model = EmbeddingModel.objects.active()
        except NoActiveModel as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{model}:")
        self._router(model)
        self._relevance(model)
        self._recall(model)

    def _router(self, model: EmbeddingModel) -> None:
        timings = calibration.calibrate(model)
        if not timings:
            self.stdout.write(
                f"Fewer than {calibration.SMALLEST_LIBRARY:,} vectors: too few to time the index. Rankings of up to"
                f" {settings.DAM_EXACT_ROWS:,} rows (DAM_EXACT_ROWS) are exact."
            )
            return
        self.stdout.write(f"{'matching rows':>14} {'exact, ms':>10} {'index, ms':>10}")
        for rows, exact, index in timings:
            self.stdout.write(f"{rows:14,} {exact:10.1f} {index:10.1f}")
        self.stdout.write(
            f"Rankings of up to {model.exact_rows:,} matching rows are exact from now on; the index keeps"
            f" {model.ef_search} candidates."
        )

    def _relevance(self, model: EmbeddingModel) -> None:
        try:
            made = relevance.calibrate(model)
        except ModelUnavailable as error:
            raise CommandError(f"Relevance was not calibrated: {error}") from error
        if made is None:
            self.stdout.write(f"Fewer than {relevance.FEWEST} vectors: too few to calibrate relevance.")
        else:
            self.stdout.write(f"Relevance was calibrated on {made.pictures:,} pictures of {made.library:,}.")

    def _recall(self, model: EmbeddingModel) -> None:
        measured = recall.probe(model)
        if measured is None:
            self.stdout.write("Recall: every ranking of this library is exact.")
            return
        self.stdout.write(
            f"Recall of the index: {measured.recall:.3f} over {measured.queries} queries, worst {measured.worst:.1f}."
        )
        if warning := recall.warning(measured):
            self.stderr.write(self.style.WARNING(warning))
