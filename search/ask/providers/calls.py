"""What both SDKs have in common, which are generated from one mould: their limits, their errors."""

import importlib
import logging
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from search.ask.errors import (
    AskFailed,
    BrokenOff,
    NotConfigured,
    Overloaded,
    Refused,
    TookTooLong,
    Unreachable,
    Unreadable,
)
from search.ask.prompt import plain
from search.ask.setup import NO_KEY, Setup

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 5
MOST_WAIT = 3600  # seconds that a service may tell people to wait


def sdk(name: str) -> Any:
    """Import an SDK; raise NotConfigured, naming the extra, where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        text = _("The Python package “%(name)s” is not installed: pip install 'django-dam[llm]'.")
        raise NotConfigured(text % {"name": name}) from error


@contextmanager
def client(sdk: Any, kind: str, setup: Setup) -> Iterator[Any]:
    """Yield a client of this SDK that asks once, follows nobody elsewhere, and ends in bounded time."""
    import httpx2

    from search.ask.providers.limits import Limits

    seconds = settings.DAM_LLM_SECONDS
    timeout = httpx2.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds))
    headers = {"Accept-Encoding": "identity"}
    with Limits(setup) as limits:
        try:
            # No second try: it would hold one of a few threads for as long again, and a question may cost twice.
            with httpx2.Client(
                timeout=timeout, follow_redirects=False, headers=headers, event_hooks=limits.hooks
            ) as http:
                yield getattr(sdk, kind)(
                    api_key=setup.key, base_url=setup.url, timeout=timeout, max_retries=0, http_client=http
                )
        except Exception as error:
            if limits.failure is None:
                raise
            _log(setup, error)
            raise limits.failure from error
        if limits.failure is not None:  # what was cut off may look like an end
            raise limits.failure


class Progress:
    """How far a request has come: whether its answer has ``begun``."""

    begun = False


@contextmanager
def translated(sdk: Any, setup: Setup) -> Iterator[Progress]:
    """Turn whatever the SDK and its transport raise into ``AskFailed``."""
    import httpx2

    progress = Progress()
    try:
        yield progress
    except (sdk.APITimeoutError, httpx2.TimeoutException) as error:
        _log(setup, error)
        raise too_long(setup) from error
    except sdk.APIStatusError as error:
        _log(setup, error)
        raise _of_status(setup, error) from error
    except sdk.APIConnectionError as error:
        _log(setup, error)
        raise (broken_off(setup) if progress.begun else _unreachable(setup, error)) from error
    except httpx2.HTTPError as error:
        _log(setup, error)
        raise broken_off(setup) from error
    except sdk.APIError as error:
        _log(setup, error)
        raise BrokenOff(_("%(model)s ended its answer with an error: %(said)s") % _said(setup, error)) from error
    except (ValueError, TypeError, AttributeError, LookupError) as error:  # what came is not of this protocol
        _log(setup, error)
        raise Unreadable(_("%s answered with something that is not of its protocol.") % setup.name) from error


def too_long(setup: Setup) -> TookTooLong:
    text = _("%(model)s did not answer within %(seconds)g seconds.")
    return TookTooLong(text % {"model": setup.name, "seconds": settings.DAM_LLM_SECONDS})


def broken_off(setup: Setup) -> BrokenOff:
    return BrokenOff(_("The answer of %s broke off.") % setup.name)


def _of_status(setup: Setup, error: Any) -> AskFailed:
    status, said = error.status_code, _said(setup, error)
    # An error within a stream has the status of its beginning, and says in words what kind it is.
    kind = getattr(error, "type", None)
    if status == 429 or kind == "rate_limit_error":
        return Overloaded(_("%(model)s takes no more requests for now: %(said)s") % said, _wait(error))
    if status in (503, 529) or kind == "overloaded_error":
        return Overloaded(_("%(model)s has too much to do: %(said)s") % said, _wait(error))
    if status in (401, 403):
        return Refused(_("%s refuses the key: set another DAM_LLM_API_KEY.") % setup.name)
    if status == 404:
        return Refused(_("%(model)s is not known at %(url)s.") % {"model": setup.name, "url": setup.host})
    if 300 <= status < 400:
        return Refused(_("%(url)s sends requests elsewhere: set DAM_LLM_URL to where.") % {"url": setup.host})
    if status >= 500:
        return Unreachable(_("%(model)s failed: %(said)s") % said)
    if status >= 400:
        return Refused(_("%(model)s did not accept the request: %(said)s") % said)
    return BrokenOff(_("%(model)s ended its answer with an error: %(said)s") % said)


def _unreachable(setup: Setup, error: BaseException) -> Unreachable:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError) or "CERTIFICATE_VERIFY_FAILED" in str(cause) or "[SSL" in str(cause):
            return Unreachable(
                _("The secure connection to %s cannot be made; its certificate may be wrong.") % setup.host
            )
        cause = cause.__cause__ or cause.__context__
    return Unreachable(_("%s cannot be reached.") % setup.host)


def _said(setup: Setup, error: Any) -> dict[str, str]:
    body = getattr(error, "body", None)
    inner = body.get("error", body) if isinstance(body, dict) else None
    said = inner.get("message") if isinstance(inner, dict) else None
    status = getattr(error, "status_code", None)
    text = said if isinstance(said, str) and said else f"HTTP {status}" if status else _("no reason given")
    return {"model": setup.name, "said": _in_a_line(setup, text)[:200]}


def _wait(error: Any) -> int:
    try:
        return max(1, min(MOST_WAIT, ceil(float(error.response.headers.get("retry-after", "")))))
    except (ValueError, OverflowError):
        return 30


def _log(setup: Setup, error: Exception) -> None:
    logger.warning(
        "%s at %s: %s: %s", setup.name, setup.host, type(error).__name__, _in_a_line(setup, str(error))[:500]
    )


def _in_a_line(setup: Setup, text: str) -> str:
    """Return what a service said on one line, without control characters, and without the key that some repeat."""
    text = " ".join(plain(text).split())
    return text.replace(setup.key, "…") if setup.key != NO_KEY else text
