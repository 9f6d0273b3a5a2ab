from django.db import models
from django.utils.translation import gettext_lazy as _
from tree_queries.models import TreeNode

from assets.models.named import Named


class Tag(Named, TreeNode):
    """A term of the vocabulary. A parent stands for all its children: what is tagged "truck" is a "vehicle"."""

    name = models.CharField(_("name"), max_length=100)
    slug = models.SlugField(_("slug"), max_length=100, unique=True, allow_unicode=True, blank=True)

    class Meta:
        verbose_name = _("tag")
        verbose_name_plural = _("tags")
        ordering = ["name"]
