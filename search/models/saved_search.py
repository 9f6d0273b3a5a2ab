from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.utils.translation import gettext_lazy as _

from assets.models import Collection


class SavedSearchQuerySet(models.QuerySet["SavedSearch"]):
    def visible_to(self, user: Any | AnonymousUser) -> "SavedSearchQuerySet":
        """The user's own, and what others share."""
        if not user.is_authenticated:
            return self.none()
        return self.filter(models.Q(owner=user) | models.Q(shared=True))


class SavedSearch(models.Model):
    """A query under a name. With a ``collection`` it is a smart collection: its matches are that one's members."""

    name = models.CharField(_("name"), max_length=200)
    query = models.TextField(_("query"), help_text=_("As in the address of the search page, for example q=red+car."))
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="saved_searches", verbose_name=_("owner"), editable=False
    )
    shared = models.BooleanField(_("shared"), default=False, help_text=_("Everybody who is signed in may use it."))
    collection = models.OneToOneField(
        Collection,
        models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="saved_search",
        verbose_name=_("smart collection"),
    )
    refreshed_at = models.DateTimeField(_("refreshed"), null=True, editable=False)
    problem = models.TextField(_("problem"), blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = SavedSearchQuerySet.as_manager()

    class Meta:
        verbose_name = _("saved search")
        verbose_name_plural = _("saved searches")
        ordering = ["name", "pk"]
        constraints = [models.UniqueConstraint(fields=["owner", "name"], name="one_saved_search_of_a_name")]

    def __str__(self) -> str:
        return self.name
