from django.db import connection, models
from django.utils.translation import gettext_lazy as _
from pgvector.django import VectorField


class RemoteModel(models.Model):
    """What is kept of a model that a service elsewhere answers for: how it answered at first, and today's requests.

    The row is of a name and not of an ``EmbeddingModel``: the service is asked before there is one, to learn its number
    of dimensions. ``text_canary`` and ``picture_canary`` are the unit vectors of a fixed text and a fixed picture.
    """

    name = models.CharField(_("name"), max_length=255, unique=True)
    text_canary = VectorField(null=True, editable=False)
    picture_canary = VectorField(null=True, editable=False)
    pinned_at = models.DateTimeField(_("set up"), null=True, editable=False)
    day = models.DateField(_("day"), null=True, editable=False)
    requests = models.PositiveIntegerField(_("requests on this day"), default=0, editable=False)

    class Meta:
        verbose_name = _("remote model")
        verbose_name_plural = _("remote models")

    def __str__(self) -> str:
        return self.name


def count_request(name: str, cap: int) -> bool:
    """Count one more request to the named model; return whether it may be made.

    ``cap`` is the most requests of a day (0: any number). One statement on the database's clock: processes on several
    machines together make no more.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO search_remotemodel AS known (name, day, requests)
            VALUES (%(name)s, (now() AT TIME ZONE 'UTC')::date, 1)
            ON CONFLICT (name) DO UPDATE SET
                requests = CASE WHEN known.day = excluded.day THEN known.requests + 1 ELSE 1 END, day = excluded.day
            WHERE known.day IS DISTINCT FROM excluded.day OR known.requests < %(cap)s OR %(cap)s = 0
            """,
            {"name": name, "cap": cap},
        )
        return cursor.rowcount == 1
