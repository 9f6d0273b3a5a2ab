from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db import models, transaction
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from assets.models.named import Named


class CollectionQuerySet(models.QuerySet["Collection"]):
    def kept_by_hand(self) -> "CollectionQuerySet":
        """Those that people put assets into; smart ones are kept by their query."""
        return self.filter(smart=False)

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete the collections; waits for whoever is filling one, as ``Collection.delete`` does."""
        with transaction.atomic():
            locked = list(self.order_by("pk").select_for_update(of=("self",)).values_list("pk", flat=True))
            return models.QuerySet(self.model, using=self.db).filter(pk__in=locked).delete()

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]


def refuse_smart(collections: "Iterable[Collection]") -> None:
    """Raise ValueError that names a collection that people may neither put assets into nor take them out of."""
    for collection in collections:
        if collection.smart:
            raise ValueError(
                gettext("“%s” is a smart collection: its members are kept by its saved search.") % collection.slug
            )


class Collection(Named, models.Model):  # noqa: DJ008 - Named has it
    """A named grouping of assets."""

    name = models.CharField(_("name"), max_length=200)
    slug = models.SlugField(_("slug"), max_length=200, unique=True, allow_unicode=True, blank=True)
    description = models.TextField(_("description"), blank=True)
    assets = models.ManyToManyField("assets.Asset", related_name="collections", blank=True, verbose_name=_("assets"))
    smart = models.BooleanField(
        _("smart"), default=False, editable=False, help_text=_("Its members are kept by a query, not by people.")
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = CollectionQuerySet.as_manager()

    class Meta:
        verbose_name = _("collection")
        verbose_name_plural = _("collections")
        ordering = ["name"]

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete the collection; waits for whoever is filling it, whose rows would otherwise point nowhere."""
        with transaction.atomic():
            Collection.objects.select_for_update().filter(pk=self.pk).first()
            return super().delete(*args, **kwargs)
