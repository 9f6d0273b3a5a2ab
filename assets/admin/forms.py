"""What the admin's forms have in common: keys that are checked before they are looked up, slugs made of names."""

from typing import Any

from django import forms
from django.contrib.admin import widgets
from django.core.exceptions import ValidationError
from django.core.validators import ProhibitNullCharactersValidator


def is_key(field: Any, value: str) -> bool:
    """Whether a row could have this value, as it came with a request, in ``field``, its primary key."""
    try:
        ProhibitNullCharactersValidator()(value)
        field.clean(value, None)
    except ValidationError:
        return False
    return True


class _KnownKeys(widgets.AutocompleteMixin):
    """Shows nothing for a value that is no key; the form's own check names it."""

    def optgroups(self, name: str, value: Any, attr: Any = None) -> Any:
        keys = [key for key in value if is_key(self.choices.queryset.model._meta.pk, key)]
        return super().optgroups(name, keys, attr)


class AutocompleteSelect(_KnownKeys, widgets.AutocompleteSelect):
    pass


class AutocompleteSelectMultiple(_KnownKeys, widgets.AutocompleteSelectMultiple):
    pass


class SlugForm(forms.ModelForm):
    """Makes a slug that was left blank here, not in ``save()``, so that one that cannot be is named in the form."""

    def clean_slug(self) -> str:
        slug, name = self.cleaned_data["slug"], self.cleaned_data.get("name")
        if not slug and name:
            try:
                return self._meta.model.slug_of(name)
            except ValueError as error:
                self.add_error("name", str(error))
        return slug
