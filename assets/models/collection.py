from django.conf import settings
from django.db import models
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _


class Collection(models.Model):
    """A named grouping of assets."""

    name = models.CharField(_("name"), max_length=200)
    slug = models.SlugField(_("slug"), max_length=200, unique=True, allow_unicode=True, blank=True)
    description = models.TextField(_("description"), blank=True)
    assets = models.ManyToManyField("assets.Asset", related_name="collections", blank=True, verbose_name=_("assets"))
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("collection")
        verbose_name_plural = _("collections")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: object, **kwargs: object) -> None:
        self.slug = self.slug or collection_slug(self.name)
        super().save(*args, **kwargs)  # type: ignore[arg-type]

    @classmethod
    def named(cls, name: str) -> "Collection":
        """Return the collection of this name, made when there is none."""
        collection, _created = cls.objects.get_or_create(
            slug=collection_slug(name), defaults={"name": name.strip()[:200]}
        )
        return collection


def collection_slug(name: str) -> str:
    """Return the slug of a collection name; raise ValueError for a name that has no letter or digit in it."""
    slug = slugify(name, allow_unicode=True)[:200]
    if not slug:
        raise ValueError(f"{name!r} is no collection name: it needs a letter or a digit")
    return slug
