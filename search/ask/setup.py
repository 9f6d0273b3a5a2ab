"""Which language model is asked, as the settings say it: ``DAM_LLM`` and what belongs to it."""

import os
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from search.ask.errors import NotConfigured

# Where each provider is without DAM_LLM_URL, and the variable in which its own tools look for a key.
PROVIDERS = {
    "anthropic": ("https://api.anthropic.com", "ANTHROPIC_API_KEY"),
    "openai": ("https://api.openai.com/v1", "OPENAI_API_KEY"),
}
NO_KEY = "none"  # what the SDKs, which insist on one, send to a server that needs none


@dataclass(frozen=True)
class Setup:
    provider: str
    model: str
    url: str
    key: str

    @property
    def name(self) -> str:
        return f"{self.provider}:{self.model}"

    @property
    def host(self) -> str:
        """The address as people may see it: without a path, or a password in it."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    @property
    def elsewhere(self) -> bool:
        """Whether it is a server of another than the provider whose protocol it speaks."""
        return self.url != PROVIDERS[self.provider][0]


def mistake() -> str:
    """Return what is wrong with DAM_LLM or DAM_LLM_URL; nothing when they are in order or not set."""
    provider, _colon, model = settings.DAM_LLM.partition(":")
    if settings.DAM_LLM and (provider not in PROVIDERS or not model.strip() or model != model.strip()):
        return _("DAM_LLM is %r: set anthropic:MODEL or openai:MODEL.") % settings.DAM_LLM
    if settings.DAM_LLM_URL and not _is_address(settings.DAM_LLM_URL):
        return _("DAM_LLM_URL is no address: set http://HOST:PORT/PATH or https://HOST/PATH.")
    return ""


def setup() -> Setup:
    """Return the language model that is set up; raise NotConfigured, which says what is missing."""
    if not settings.DAM_LLM:
        raise NotConfigured(
            _("No language model is set up. Whoever runs this library sets DAM_LLM (and a key), as docs/ask.md says.")
        )
    if problem := mistake():
        raise NotConfigured(problem)
    provider, _colon, model = settings.DAM_LLM.partition(":")
    default, variable = PROVIDERS[provider]
    url = (settings.DAM_LLM_URL or default).rstrip("/")
    # The key of the provider's own tools goes to the provider alone, never to a server that is named here.
    key = settings.DAM_LLM_API_KEY or (os.environ.get(variable, "") if url == default else "")
    if not key and url == default:
        text = _("%(model)s needs a key: set DAM_LLM_API_KEY or %(variable)s.")
        raise NotConfigured(text % {"model": settings.DAM_LLM, "variable": variable})
    return Setup(provider, model, url, key or NO_KEY)


def missing() -> str:
    """Return why nothing can be asked, for who looks at the page; nothing when it can."""
    try:
        setup()
    except NotConfigured as error:
        return str(error)
    return ""


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False
