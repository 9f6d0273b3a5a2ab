"""The admin of the library. ``search.admin`` builds on it and is not known here."""

from assets.admin import accounts, asset, catalogue, collection, tag  # noqa: F401
