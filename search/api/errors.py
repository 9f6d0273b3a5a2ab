"""What a search may fail with, as errors of the API."""

from collections.abc import Iterator
from contextlib import contextmanager

from rest_framework.exceptions import APIException, ValidationError

from search.encoders import ModelUnavailable
from search.models import NoActiveModel
from search.query import InvalidQuery


class SearchUnavailable(APIException):
    status_code = 503
    wait = 5  # seconds, for the header Retry-After
    default_code = "search_unavailable"


@contextmanager
def answered() -> Iterator[None]:
    """Answer with 400 what cannot be understood, with 503 what there is no model for."""
    try:
        yield
    except InvalidQuery as error:
        raise ValidationError(error.errors) from error
    except (NoActiveModel, ModelUnavailable) as error:
        raise SearchUnavailable(str(error)) from error
