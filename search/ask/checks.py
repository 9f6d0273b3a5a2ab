from typing import Any

from django.conf import settings
from django.core.checks import Error, register

from search.ask.setup import mistake

LEAST = {
    "DAM_LLM_PICTURES": 1,
    "DAM_LLM_PICTURE_SIDE": 64,
    "DAM_LLM_MAX_TOKENS": 64,
    "DAM_LLM_AT_ONCE": 1,
    "DAM_LLM_USER_REQUESTS": 0,
    "DAM_LLM_USER_TOKENS": 0,
    "DAM_LLM_REQUESTS": 0,
    "DAM_LLM_TOKENS": 0,
}


@register()
def language_model_is_named(**kwargs: Any) -> list[Error]:
    """Refuse a DAM_LLM or DAM_LLM_URL that names nothing, and numbers that are none."""
    found: list[Error] = []
    if problem := mistake():
        hint = "DAM_LLM=anthropic:MODEL, or DAM_LLM=openai:MODEL with DAM_LLM_URL=http://localhost:11434/v1."
        found.append(Error(problem, hint=hint, id="search.E040"))
    for name, least in LEAST.items():
        if getattr(settings, name) < least:
            found.append(Error(f"{name} is {getattr(settings, name)}: set {least} or more.", id="search.E041"))
    if not 0 < settings.DAM_LLM_SECONDS < 86400:
        found.append(
            Error(
                f"DAM_LLM_SECONDS is {settings.DAM_LLM_SECONDS}: set more than 0 and less than a day.", id="search.E041"
            )
        )
    return found
