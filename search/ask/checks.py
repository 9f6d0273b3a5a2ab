from typing import Any

from django.conf import settings
from django.core.checks import Error, register

from search.ask.setup import mistake

# The least and the most. Each question holds one of the web process's 16 threads; its tokens are a column's integer.
RANGES = {
    "DAM_LLM_PICTURES": (1, 100),
    "DAM_LLM_PICTURE_SIDE": (64, 8192),
    "DAM_LLM_MAX_TOKENS": (64, 1_000_000),
    "DAM_LLM_AT_ONCE": (1, 12),
    "DAM_LLM_USER_REQUESTS": (0, None),
    "DAM_LLM_USER_TOKENS": (0, None),
    "DAM_LLM_REQUESTS": (0, None),
    "DAM_LLM_TOKENS": (0, None),
}


@register()
def language_model_is_named(**kwargs: Any) -> list[Error]:
    """Refuse a DAM_LLM or DAM_LLM_URL that names nothing, and numbers that are none."""
    found: list[Error] = []
    if problem := mistake():
        hint = "DAM_LLM=anthropic:MODEL, or DAM_LLM=openai:MODEL with DAM_LLM_URL=http://localhost:11434/v1."
        found.append(Error(problem, hint=hint, id="search.E040"))
    for name, (least, most) in RANGES.items():
        value = getattr(settings, name)
        if value < least or (most is not None and value > most):
            allowed = f"{least} or more" if most is None else f"from {least} to {most}"
            found.append(Error(f"{name} is {value}: set {allowed}.", id="search.E041"))
    if not settings.DAM_LLM_API_KEY.isascii() or not settings.DAM_LLM_API_KEY.isprintable():
        found.append(Error("DAM_LLM_API_KEY has a character in it that no key has.", id="search.E042"))
    if not 0 < settings.DAM_LLM_SECONDS < 86400:
        found.append(
            Error(
                f"DAM_LLM_SECONDS is {settings.DAM_LLM_SECONDS}: set more than 0 and less than a day.", id="search.E041"
            )
        )
    return found
