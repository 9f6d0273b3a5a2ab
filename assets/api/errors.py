"""Errors of the API as ``application/problem+json`` (RFC 9457)."""

from http import HTTPStatus
from typing import Any

from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import exception_handler

MEDIA_TYPE = "application/problem+json"


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


def problem(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: the same answers, each as one problem object.

    Members: type, title, status, detail; for invalid input also ``errors``, a list of {field, detail}.
    """
    response = exception_handler(error, context)
    if response is None:
        return None
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(response.status_code).phrase,
        "status": response.status_code,
    }
    if isinstance(error, exceptions.ValidationError):
        body["errors"] = [{"field": field, "detail": text} for field, text in _flat(error.detail)]
        body["detail"] = "; ".join(
            f"{entry['field']}: {entry['detail']}" if entry["field"] else entry["detail"] for entry in body["errors"]
        )
    else:
        body["detail"] = str(getattr(error, "detail", error))
    body |= getattr(error, "members", {})
    response.data = body
    response.content_type = MEDIA_TYPE
    return response


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
