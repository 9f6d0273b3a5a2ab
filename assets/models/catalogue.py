from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from assets.models.asset import Asset


class CatalogueRow(models.Model):
    """A row of an imported catalogue: the asset that it became, and what is wrong with it.

    A row is known by its catalogue and its key, so that importing a catalogue again changes what has changed and
    fetches what is missing. A line of which no key could be read has none; it is forgotten by the next import.
    """

    catalogue = models.CharField(_("catalogue"), max_length=100)
    key = models.CharField(_("key"), max_length=200, null=True)  # noqa: DJ001 - several have none, and these differ
    line = models.PositiveBigIntegerField(_("line"))
    source = models.TextField(_("source"), blank=True)  # the address or file that the asset's bytes came from
    # What the row says of its asset: {"title": …, "descriptions": […], "tags": […], "collections": […]}.
    said = models.JSONField(_("said"), default=dict)
    asset = models.ForeignKey(
        Asset, models.CASCADE, null=True, related_name="catalogue_rows", verbose_name=_("asset"), editable=False
    )
    problem = models.TextField(_("problem"), blank=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        verbose_name = _("catalogue row")
        verbose_name_plural = _("catalogue rows")
        ordering = ["catalogue", "line", "pk"]
        constraints = [models.UniqueConstraint(fields=["catalogue", "key"], name="one_catalogue_row_per_key")]
        indexes = [
            models.Index(fields=["catalogue", "line"], name="catalogue_line"),
            models.Index(fields=["catalogue"], name="catalogue_problem", condition=~models.Q(problem="")),
        ]

    def __str__(self) -> str:
        return f"{self.catalogue}, {self.key or self.line}"

    def says(self, what: str) -> list[Any]:
        """What the row said under one of the names of ``said``, empty where it said nothing."""
        return self.said.get(what, [])
