from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Coalesce, Now
from django.utils.translation import gettext_lazy as _


class AskQuerySet(models.QuerySet["Ask"]):
    def spent(self) -> dict[str, int]:
        """Return ``requests`` and ``tokens`` of these rows; where the service named no number, the reserved one."""
        used = Coalesce(models.F("tokens_in") + models.F("tokens_out"), models.F("reserved"))
        return self.aggregate(requests=models.Count("pk"), tokens=Coalesce(models.Sum(used), 0))


class Ask(models.Model):
    """One request to the language model, for the books: kept whether it was answered or not.

    It is written before the request, with the tokens that it may cost at most, so that requests at the same time cannot
    spend more than the budget together. A row that stays ``pending`` is of a process that died meanwhile.
    """

    class What(models.TextChoices):
        QUESTION = "question", _("question")
        DESCRIPTION = "description", _("description")

    class Outcome(models.TextChoices):
        PENDING = "pending", _("no end recorded")
        ANSWERED = "answered", _("answered")
        NOTHING = "nothing", _("no picture to show")
        DECLINED = "declined", _("declined by the model")
        FAILED = "failed", _("failed")
        ABANDONED = "abandoned", _("left before the end")

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="asks", verbose_name=_("user")
    )
    what = models.CharField(_("what"), max_length=12, choices=What, default=What.QUESTION)
    question = models.TextField(_("question"))
    search = models.TextField(_("search"), blank=True)
    assets = ArrayField(models.BigIntegerField(), verbose_name=_("assets sent"), default=list)
    model = models.CharField(_("model"), max_length=255)
    reserved = models.PositiveIntegerField(_("tokens reserved"))
    tokens_in = models.PositiveIntegerField(_("tokens in"), null=True)
    tokens_out = models.PositiveIntegerField(_("tokens out"), null=True)
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome, default=Outcome.PENDING)
    problem = models.TextField(_("problem"), blank=True)
    answer = models.JSONField(_("answer"), default=list)
    asked_at = models.DateTimeField(_("asked"), db_default=Now(), db_index=True)
    ended_at = models.DateTimeField(_("ended"), null=True)

    objects = AskQuerySet.as_manager()

    class Meta:
        verbose_name = _("question to the language model")
        verbose_name_plural = _("questions to the language model")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.question[:80]
