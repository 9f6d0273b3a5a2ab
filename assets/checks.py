"""Configuration mistakes fail at start, with an id and a hint."""

from typing import Any

from django.conf import settings
from django.core.checks import Error, register


@register()
def storages_are_named(**kwargs: Any) -> list[Error]:
    missing = {"originals", "renditions"} - set(settings.STORAGES)
    hint = "Add both to STORAGES; dam/settings.py shows how."
    return [Error(f"STORAGES has no {name!r}.", hint=hint, id="assets.E001") for name in sorted(missing)]
