from typing import Any, Self

from django.utils.text import slugify


class Named:
    """For models that people name and addresses point to by a unique slug, made of the name when none was given.

    The model has the columns ``name`` and ``slug``, of the same length.
    """

    name: Any
    slug: Any
    _meta: Any
    _default_manager: Any

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.slug = self.slug or self.slug_of(self.name)
        super().save(*args, **kwargs)  # type: ignore[misc]  # the model's

    @classmethod
    def slug_of(cls, name: str) -> str:
        """Return the slug of a name; raise ValueError for a name that has no letter or digit in it."""
        slug = slugify(name, allow_unicode=True)[: cls._longest()]
        if not slug:
            raise ValueError(f"{name!r} is no {cls._meta.model_name} name: it needs a letter or a digit")
        return slug

    @classmethod
    def named(cls, name: str) -> Self:
        """Return the row of this name, made when there is none; names with the same slug are the same row."""
        rows = cls._default_manager
        row, _created = rows.get_or_create(slug=cls.slug_of(name), defaults={"name": name.strip()[: cls._longest()]})
        return row

    @classmethod
    def _longest(cls) -> int:
        return cls._meta.get_field("slug").max_length
