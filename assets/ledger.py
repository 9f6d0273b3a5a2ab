"""Work that a row still owes, kept on the row itself: claimed with a lease, counted, and quarantined in the end.

The database is the truth about what is left to do; the broker only wakes workers up. A worker that is killed leaves a
lease behind, which runs out on the database's clock. Leases are short, so that this is soon, and a worker that lives
renews them for as long as it works: short without renewal would give long work to two, long would leave a dead
worker's work alone for minutes, and to give it back by the dead one's name would take names, and help nobody whose
machine is gone or whose worker hangs.
"""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Self

import psycopg
from django.conf import settings
from django.db import Error, connection, models, transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
LEASE = timedelta(seconds=settings.DAM_LEASE_SECONDS)
# How long a worker may work on what it claimed at once. Longer than anything takes: whoever does hangs.
LONGEST = timedelta(hours=1)

# Rows whose worker vanished: one that lives ends its attempts, or gives them back.
ABANDONED = Q(attempts__gt=0, leased_until__isnull=False)
_abandoned: dict[type[models.Model], tuple[float, bool]] = {}  # when this process looked for some, and found any


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

        A row whose last worker vanished comes first, so that it does not wait for all that is new, and alone, so that
        what kills a worker takes no neighbours with it. A row whose last attempt failed comes last, and alone too: it
        may take as long as a row may, and others are better served before it.
        """
        with transaction.atomic():
            free = self.claimable().select_for_update(skip_locked=True, of=("self",)).order_by("pk")
            ids: list[Any] = []
            if self._some_are_abandoned():
                ids = list(free.filter(ABANDONED).values_list("pk", flat=True)[:1])
            ids = ids or list(free.filter(attempts=0).values_list("pk", flat=True)[:limit])
            ids = ids or list(free.values_list("pk", flat=True)[:1])
            claimed = self.model._default_manager.filter(pk__in=ids)
            claimed.update(attempts=F("attempts") + 1, leased_until=Now() + LEASE, started_at=Now())
            return list(claimed.order_by("pk"))

    def _some_are_abandoned(self) -> bool:
        """Whether dead workers left rows of this kind; looked up now and then, because it reads all pending rows."""
        looked, found = _abandoned.get(self.model, (0.0, False))
        if time.monotonic() - looked > LEASE.total_seconds() / 2:
            every: Any = self.model._default_manager
            found = every.claimable().filter(ABANDONED).exists()
            _abandoned[self.model] = time.monotonic(), found
        return found

    @contextmanager
    def claimed(self, limit: int) -> Iterator[list[Any]]:
        """``claim`` rows, and keep them leased to the caller while the block runs."""
        rows = self.claim(limit)
        ended = threading.Event()
        if rows:
            arguments = (self.model, rows, ended)
            threading.Thread(target=_keep_leased, args=arguments, name="leases", daemon=True).start()
        try:
            yield rows
        finally:
            ended.set()

    def release(self, rows: list[Any], *, retry_in: timedelta = timedelta(0)) -> None:
        """Give rows back untried, because something they do not answer for (storage, model) was not to be had."""
        if rows:
            untried = {"attempts": F("attempts") - 1, "started_at": None}
            self._still_leased(rows).update(leased_until=Now() + retry_in, **untried)

    def complete(self, row: Any, **values: Any) -> bool:
        """Write the result of a claimed row and mark it ready; False when it was claimed by somebody else since."""
        return bool(self._end(row, State.READY, "", **values))

    def complete_many(self, rows: list[Any], **columns: Any) -> int:
        """``complete`` many claimed rows in one statement; return how many were still this claim's.

        Of each of ``columns`` there are the values in the order of the rows: a list, or what psycopg sends as an array.
        A row that somebody is deleting or changing at this moment is left to them, so that no two wait for each other.
        """
        quote, field = connection.ops.quote_name, self.model._meta.get_field
        owed, names = quote(self.model._meta.db_table), [quote(name) for name in columns]
        arrays = "".join(f", %s::{field(name).db_type(connection)}[]" for name in columns)
        statement = f"""
            WITH made AS (SELECT * FROM unnest(%s::bigint[]{arrays}) AS made ({", ".join(["id", *names])})),
            mine AS (
                SELECT id FROM {owed} WHERE id = ANY (%s::bigint[]) AND started_at = ANY (%s::timestamptz[])
                AND leased_until IS NOT NULL ORDER BY id FOR UPDATE SKIP LOCKED
            )
            UPDATE {owed} AS owed SET state = '{State.READY}', problem = '', leased_until = NULL,
                finished_at = statement_timestamp(), {", ".join(f"{name} = made.{name}" for name in names)}
            FROM made JOIN mine ON mine.id = made.id WHERE owed.id = made.id
        """  # noqa: S608 - names of our own columns, quoted; values are parameters
        ids, claims = [row.pk for row in rows], list({row.started_at for row in rows})
        connection.ensure_connection()
        # Django's own cursors write values into the statement as text.
        with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
            cursor.execute(statement, [ids, *columns.values(), ids, claims])
            return cursor.rowcount

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
        """Of these claimed rows the ones that nobody else has claimed since; a claim is known by ``started_at``."""
        claims = {row.started_at for row in rows}
        ours = self.model._default_manager.filter(pk__in=[row.pk for row in rows], started_at__in=claims)
        return ours.filter(leased_until__isnull=False)


def renew(model: type[models.Model], rows: list[Any]) -> int:
    """Lease claimed rows for ``LEASE`` from now, but none that was ended, given back or claimed by others meanwhile."""
    ours: Any = model._default_manager.all()
    return ours._still_leased(rows).update(leased_until=Now() + LEASE)


def _keep_leased(model: type[models.Model], rows: list[Any], ended: threading.Event) -> None:
    """Renew the leases of claimed rows until ``ended`` is set; of those that were ended or given back, no more."""
    give_up = time.monotonic() + LONGEST.total_seconds()
    while not ended.wait(LEASE.total_seconds() / 4) and time.monotonic() < give_up:
        try:
            renew(model, rows)
        except Error as error:  # the next try may go better; if none does, somebody else takes the rows up
            logger.warning("The leases of %s rows of %s were not renewed: %s", len(rows), model.__name__, error)
        finally:
            connection.close()


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

    @property
    def duration(self) -> timedelta | None:
        """How long the last attempt took; None while it goes on, and where nothing was tried."""
        if self.started_at is None or self.finished_at is None or self.finished_at < self.started_at:
            return None
        return self.finished_at - self.started_at
