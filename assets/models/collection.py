from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from assets.models.named import Named


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

    class Meta:
        verbose_name = _("collection")
        verbose_name_plural = _("collections")
        ordering = ["name"]
