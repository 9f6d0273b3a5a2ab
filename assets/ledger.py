"""Work that a row still owes, kept on the row itself: claimed with a lease, counted, and quarantined in the end.

The database is the truth about what is left to do; the broker only wakes workers up. A worker that is killed leaves a
lease behind, which runs out on the database's clock.
"""

from datetime import timedelta
from typing import Any, Self

from django.db import models, transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

MAX_ATTEMPTS = 3
LEASE = timedelta(minutes=5)


class State(models.TextChoices):
    PENDING = "pending", _("pending")
    READY = "ready", _("ready")
    QUARANTINED = "quarantined", _("quarantined")


class LedgerQuerySet(models.QuerySet):
    def pending(self) -> Self:
        return self.filter(state=State.PENDING)

    def claimable(self) -> Self:
        """Rows that nobody works on and that may still be tried."""
        free = Q(leased_until__isnull=True) | Q(leased_until__lt=Now())
        return self.pending().filter(free, attempts__lt=MAX_ATTEMPTS)

    def claim(self, limit: int) -> list[Any]:
        """Lease up to ``limit`` rows to the caller and count the attempt, before anything is tried.

        A row whose last worker vanished is claimed alone, so that what kills a worker takes no neighbours with it.
        """
        with transaction.atomic():
            free = self.claimable().select_for_update(skip_locked=True, of=("self",)).order_by("pk")
            ids = list(free.filter(attempts=0).values_list("pk", flat=True)[:limit])
            ids = ids or list(free.values_list("pk", flat=True)[:1])
            claimed = self.model._default_manager.filter(pk__in=ids)
            claimed.update(attempts=F("attempts") + 1, leased_until=Now() + LEASE, started_at=Now())
            return list(claimed.order_by("pk"))

    def release(self, rows: list[Any], *, retry_in: timedelta = timedelta(0)) -> None:
        """Give rows back untried, because something they do not answer for (storage, model) was not to be had."""
        if rows:
            self._still_leased(rows).update(attempts=F("attempts") - 1, leased_until=Now() + retry_in)

    def complete(self, row: Any, **values: Any) -> bool:
        """Write the result of a claimed row and mark it ready; False when it was claimed by somebody else since."""
        return bool(self._end(row, State.READY, "", **values))

    def fail(self, row: Any, problem: str) -> None:
        """Record why an attempt failed; the last one quarantines the row."""
        self._end(row, State.QUARANTINED if row.attempts >= MAX_ATTEMPTS else State.PENDING, problem)

    def quarantine(self, row: Any, problem: str) -> None:
        """Record a failure that another attempt cannot mend."""
        self._end(row, State.QUARANTINED, problem)

    def quarantine_exhausted(self) -> int:
        """Quarantine rows whose last attempt ended with its worker; return how many."""
        gone = self.pending().filter(attempts__gte=MAX_ATTEMPTS, leased_until__lt=Now())
        problem = f"the worker died {MAX_ATTEMPTS} times while it worked on this"
        return gone.update(state=State.QUARANTINED, problem=problem, leased_until=None)

    def retry(self) -> int:
        """Owe these rows again, from the start; return how many."""
        return self.update(
            state=State.PENDING, attempts=0, leased_until=None, problem="", started_at=None, finished_at=None
        )

    def _end(self, row: Any, state: State, problem: str, **values: Any) -> int:
        """Record how an attempt ended; ``claim`` wrote when it began, both on the database's clock."""
        values |= {"state": state, "problem": problem[:1000], "leased_until": None, "finished_at": Now()}
        return self._still_leased([row]).update(**values)

    def _still_leased(self, rows: list[Any]) -> models.QuerySet:
        """Of these claimed rows the ones that nobody else has claimed since; one claim gives one ``leased_until``."""
        leases = {row.leased_until for row in rows}
        return self.model._default_manager.filter(pk__in=[row.pk for row in rows], leased_until__in=leases)


class Ledger(models.Model):
    """What a row owes: ``pending`` until the work is done (``ready``) or given up (``quarantined``)."""

    state = models.CharField(_("state"), max_length=12, choices=State, default=State.PENDING, editable=False)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0, editable=False)
    leased_until = models.DateTimeField(null=True, editable=False)
    problem = models.TextField(_("problem"), blank=True, editable=False)
    # The last attempt, on the database's clock.
    started_at = models.DateTimeField(_("started"), null=True, editable=False)
    finished_at = models.DateTimeField(_("finished"), null=True, editable=False)

    class Meta:
        abstract = True
