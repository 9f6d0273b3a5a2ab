from django.db import models
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _
from tree_queries.models import TreeNode


class Tag(TreeNode):
    """A term of the vocabulary. A parent stands for all its children: what is tagged "truck" is a "vehicle"."""

    name = models.CharField(_("name"), max_length=100)
    slug = models.SlugField(_("slug"), max_length=100, unique=True, allow_unicode=True, blank=True)

    class Meta:
        verbose_name = _("tag")
        verbose_name_plural = _("tags")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: object, **kwargs: object) -> None:
        self.slug = self.slug or tag_slug(self.name)
        super().save(*args, **kwargs)

    @classmethod
    def named(cls, name: str) -> "Tag":
        """Return the tag of this name, made when there is none; names with the same slug are the same tag."""
        tag, _created = cls.objects.get_or_create(slug=tag_slug(name), defaults={"name": name.strip()[:100]})
        return tag


def tag_slug(name: str) -> str:
    """Return the slug of a tag name; raise ValueError for a name that has no letter or digit in it."""
    slug = slugify(name, allow_unicode=True)[:100]
    if not slug:
        raise ValueError(f"{name!r} is no tag name: it needs a letter or a digit")
    return slug
