"""A request of the API, read as the parameters of a query."""

from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from rest_framework.exceptions import ValidationError

from search.saved import OF_THE_ANSWER


def query_params(request: Any) -> QueryDict:
    """Return what the address says, and over it what the body says (JSON, a form or multipart)."""
    params = QueryDict(mutable=True)
    for name, values in request.query_params.lists():
        if name not in OF_THE_ANSWER:
            params.setlist(name, values)
    if request.method == "POST":
        for name, values in _body(request.data):
            params.setlist(name, values)
    return params


def pictures(request: Any) -> list[UploadedFile]:
    """Return the picture files of a multipart body; raise ValidationError for files under another name."""
    files = request.FILES
    if unknown := set(files) - {"picture"}:
        raise ValidationError(dict.fromkeys(sorted(unknown), "send the picture as `picture`"))
    return files.getlist("picture")


def _body(data: Any) -> Any:
    if isinstance(data, QueryDict):
        return [
            (name, texts)
            for name, values in data.lists()
            if (texts := [value for value in values if not isinstance(value, UploadedFile)])
        ]
    if not isinstance(data, dict):
        raise ValidationError('Send a JSON object, for example {"q": ["red car", "-night"]}.')
    return [(str(name), [_text(name, value) for value in _listed(value)]) for name, value in data.items()]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValidationError({name: "must be a text, a number, or a list of these"})
    return str(value)
