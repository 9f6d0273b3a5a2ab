"""Search by meaning in the admin: the asset list re-registered, the ledger of vectors, and how far it is."""

from search.admin import ask, asset, embedding, judgments, ledger, policies, saved  # noqa: F401 - each registers its own
