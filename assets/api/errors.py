"""Errors of the API as ``application/problem+json`` (RFC 9457)."""

import errno
import logging
from http import HTTPStatus
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.db import OperationalError
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import exception_handler

from assets import storage

MEDIA_TYPE = "application/problem+json"

logger = logging.getLogger(__name__)


class Conflict(exceptions.APIException):
    """409, with further members of the problem object (a link to the existing asset, say)."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"

    def __init__(self, detail: str, **members: Any) -> None:
        self.members = members
        super().__init__(detail)


class UnsupportedFormat(exceptions.APIException):
    status_code = status.HTTP_415_UNSUPPORTED_MEDIA_TYPE
    default_code = "unsupported_type"


class ContentTooLarge(exceptions.APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"


class Unavailable(exceptions.APIException):
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    wait = 5  # seconds, for the header Retry-After
    default_detail = "The database does not answer. Try again in a moment."
    default_code = "unavailable"


class StorageFull(exceptions.APIException):
    status_code = status.HTTP_507_INSUFFICIENT_STORAGE
    default_detail = "The library's storage is full. Nothing was stored."
    default_code = "storage_full"


def problem(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: the same answers, each as one problem object.

    Members: type, title, status, detail; for invalid input also ``errors``, a list of {field, detail}.
    """
    error = _of_api(error)
    response = exception_handler(error, context)
    if response is None:
        return None
    body = problem_body(response.status_code, str(getattr(error, "detail", error)))
    if isinstance(error, exceptions.ValidationError):
        body["errors"] = [{"field": field, "detail": text} for field, text in _flat(error.detail)]
        body["detail"] = "; ".join(
            f"{entry['field']}: {entry['detail']}" if entry["field"] else entry["detail"] for entry in body["errors"]
        )
    body |= getattr(error, "members", {})
    response.data = body
    response.content_type = MEDIA_TYPE
    return response


def problem_body(status: int, detail: str) -> dict[str, Any]:
    return {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}


def _of_api(error: Exception) -> Exception:
    """What Django and the system raise, as an error of the API; what is not named here stays a 500."""
    match error:
        case OperationalError():
            logger.error("The database does not answer.", exc_info=error)
            return Unavailable()
        case _ if storage.is_silent(error):
            logger.error("The storage does not answer.", exc_info=error)
            return Unavailable("The storage does not answer. Nothing was stored; try again in a moment.")
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            logger.error("The storage is full.", exc_info=error)
            return StorageFull()
        case SuspiciousOperation():
            return exceptions.ParseError("The request is malformed, or has too many parts or too large ones.")
        case _:
            return error


def _flat(detail: Any, field: str = "") -> list[tuple[str, str]]:
    if isinstance(detail, dict):
        return [
            entry
            for name, inner in detail.items()
            for entry in _flat(
                inner, field if name in {"non_field_errors", "__all__"} else f"{field}.{name}".lstrip(".")
            )
        ]
    if isinstance(detail, list):
        return [entry for inner in detail for entry in _flat(inner, field)]
    return [(field, str(detail))]
