"""One request to a configured service over HTTP: its answer as JSON, or why there is none, in words without secrets."""

import json
import logging
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import urllib3
from django.conf import settings
from django.utils.translation import gettext as _
from urllib3.exceptions import HTTPError, InvalidHeader, NewConnectionError, SSLError, TimeoutError

from search.encoders import ModelUnavailable
from search.encoders.remote.calls import LONGEST_REST, Passing

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 3.0
MOST_BYTES = 64 * 1024 * 1024
# What another try may mend: busy, restarting, behind a proxy that has lost it.
PASSING = {408, 425, 429, 500, 502, 503, 504}

# Every try is ours to count, so none is made in here; a redirect could carry a key elsewhere.
_pool = urllib3.PoolManager(retries=False, maxsize=8)


class Service:
    """Where a service listens, and what it is told with every request.

    ``title`` is how messages call it; ``secrets`` stand in no message, whatever the service says back.
    """

    def __init__(
        self, title: str, setting: str, url: str, headers: Mapping[str, str], secrets: tuple[str, ...]
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ModelUnavailable(
                _("%(model)s cannot be asked: %(setting)s has to be an address with http:// or https://.")
                % {"model": title, "setting": setting}
            )
        self.title = f"{title} ({parts.hostname})"
        self._url = url.rstrip("/")
        self._headers = {"User-Agent": "django-dam", "Accept": "application/json", **headers}
        self._secrets = [secret for secret in secrets if secret]

    def post(self, path: str, body: bytes, content_type: str = "application/json") -> Any:
        """Return the JSON that comes back; raise Passing or ModelUnavailable."""
        end = time.monotonic() + settings.DAM_REMOTE_TIMEOUT
        try:
            response = _pool.request(
                "POST",
                self._url + path,
                body=body,
                headers=self._headers | {"Content-Type": content_type},
                timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=settings.DAM_REMOTE_TIMEOUT),
                redirect=False,
                preload_content=False,
            )
            try:
                answer = self._read(response, end)
            except BaseException:
                response.close()  # what is left of it must not be the next one's answer
                raise
        except (SSLError, UnicodeError) as error:
            raise ModelUnavailable(
                _("%s cannot be asked: its certificate or its address is not valid.") % self.title
            ) from error
        except NewConnectionError as error:
            raise Passing(unreachable(self.title)) from error
        except TimeoutError as error:
            raise Passing(overdue(self.title)) from error
        except (HTTPError, OSError) as error:
            raise Passing(_("%s broke the connection off.") % self.title) from error
        if response.status != 200:
            self._refuse(response, answer)
        try:
            return json.loads(answer)
        except ValueError as error:
            logger.warning("%s said: %s", self.title, self._without_secrets(answer))
            raise ModelUnavailable(_("%s answered with something else than JSON.") % self.title) from error

    def _read(self, response: urllib3.BaseHTTPResponse, end: float) -> bytes:
        answer = bytearray()
        for chunk in response.stream(1 << 16):
            answer += chunk
            if len(answer) > MOST_BYTES:
                raise ModelUnavailable(_("%s answered with too many bytes.") % self.title)
            if time.monotonic() > end:
                raise Passing(overdue(self.title))
        return bytes(answer)

    def _refuse(self, response: urllib3.BaseHTTPResponse, answer: bytes) -> None:
        # What it says is for the operator; whoever searches is told no more than that it failed.
        logger.warning("%s said: %s", self.title, self._without_secrets(answer))
        message = refused(self.title, response.status)
        if response.status in PASSING:
            raise Passing(message, _retry_after(response))
        raise ModelUnavailable(message)

    def _without_secrets(self, answer: bytes) -> str:
        """Return the first words of an answer."""
        words = " ".join(answer.decode("utf-8", "replace").split())
        for secret in self._secrets:
            words = words.replace(secret, "…")
        return words[:200] or "(nothing)"


def unreachable(title: str) -> str:
    return _("%s cannot be reached.") % title


def overdue(title: str) -> str:
    return _("%(model)s did not answer within %(seconds)s s.") % {
        "model": title,
        "seconds": f"{settings.DAM_REMOTE_TIMEOUT:g}",
    }


def refused(title: str, status: int) -> str:
    return _("%(model)s answered with status %(status)d.") % {"model": title, "status": status}


def _retry_after(response: urllib3.BaseHTTPResponse) -> float:
    """Return the seconds of a Retry-After, given as a number or as a date; 0 where there is none that can be read."""
    try:
        return urllib3.Retry(retry_after_max=int(LONGEST_REST)).get_retry_after(response) or 0
    except (InvalidHeader, ValueError, OverflowError):
        return 0
