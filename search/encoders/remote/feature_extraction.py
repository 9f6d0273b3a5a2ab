"""Feature extraction, ``{"inputs": [...]}`` against nested lists: endpoints of SageMaker, and Hugging Face's API.

Texts go as JSON. Pictures, where the setting says that the endpoint takes them, go one by one as they are
(``Content-Type: image/png``), as the Hugging Face containers take them.
"""

import json
import logging
from functools import cached_property
from typing import Any

import boto3
import numpy as np
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    ConnectTimeoutError,
    HTTPClientError,
    ReadTimeoutError,
)
from django.conf import settings
from django.utils.translation import gettext as _

from search.encoders import ModelUnavailable
from search.encoders.remote.base import RemoteEncoder, no_numbers, numbers
from search.encoders.remote.calls import Passing
from search.encoders.remote.http import CONNECT_SECONDS, MOST_BYTES, PASSING, Service, overdue, refused, unreachable

logger = logging.getLogger(__name__)

POOLINGS = ("none", "mean", "cls")


class FeatureExtractionEncoder(RemoteEncoder):
    """``pooling`` says what becomes of the vectors of a text's tokens: their mean, the first, or ``none``.

    With ``none`` the endpoint gives one vector for each text.
    """

    pooling: str

    def _post(self, body: bytes, content_type: str) -> Any:
        raise NotImplementedError

    def _ask_texts(self, texts: list[str]) -> Any:
        question = {"inputs": texts, "truncate": True}
        answer = self._post(json.dumps(question).encode(), "application/json")
        return self._pooled_all(answer)

    def _ask_pictures(self, pictures: list[bytes]) -> Any:
        kind = f"image/{'jpeg' if settings.DAM_REMOTE_PICTURE_FORMAT == 'jpeg' else 'png'}"
        return [self._pooled_all([self._post(picture, kind)])[0] for picture in pictures]

    def _pooled_all(self, answer: Any) -> list[np.ndarray]:
        if not isinstance(answer, list):
            raise no_numbers(self.name)
        return [self._pooled(item) for item in answer]

    def _pooled(self, item: Any) -> np.ndarray:
        """Return the one vector of an item: given as (d,), (tokens, d) or (1, tokens, d)."""
        array = numbers(self.name, item)
        while array.ndim > 1 and len(array) == 1:
            array = array[0]
        if array.ndim == 2 and self.pooling != "none":
            array = array.mean(axis=0) if self.pooling == "mean" else array[0]
        if array.ndim != 1:
            raise ModelUnavailable(
                _("%s answered with several vectors for one text: say how they become one (…_POOLING=mean or cls).")
                % self.name
            )
        return array

    @staticmethod
    def known(pooling: str, setting: str) -> str:
        if pooling not in POOLINGS:
            raise ModelUnavailable(
                _("%(setting)s has to be one of %(choices)s.") % {"setting": setting, "choices": ", ".join(POOLINGS)}
            )
        return pooling


class HuggingFaceEncoder(FeatureExtractionEncoder):
    """``huggingface:ORGANISATION/MODEL``: the hosted API, an inference endpoint, or a server like them."""

    pictures_per_request = 1

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.takes_pictures = settings.DAM_HUGGINGFACE_PICTURES
        self.pooling = self.known(settings.DAM_HUGGINGFACE_POOLING, "DAM_HUGGINGFACE_POOLING")
        token = settings.DAM_HUGGINGFACE_TOKEN
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        url = settings.DAM_HUGGINGFACE_URL.replace("{model}", self.model)
        self._service = Service(name, "DAM_HUGGINGFACE_URL", url, headers, (token,))

    def _post(self, body: bytes, content_type: str) -> Any:
        return self._service.post("", body, content_type)


class SageMakerEncoder(FeatureExtractionEncoder):
    """``sagemaker:ENDPOINT``, with the credentials that boto3 finds."""

    pictures_per_request = 1

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.takes_pictures = settings.DAM_SAGEMAKER_PICTURES
        self.pooling = self.known(settings.DAM_SAGEMAKER_POOLING, "DAM_SAGEMAKER_POOLING")

    @cached_property
    def _client(self) -> Any:
        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=settings.DAM_REMOTE_TIMEOUT,
            retries={"total_max_attempts": 1},  # each try is ours to count
        )
        return boto3.Session().client(  # of its own: the one that all share is not for several threads
            "sagemaker-runtime",
            region_name=settings.DAM_SAGEMAKER_REGION or None,
            endpoint_url=settings.DAM_SAGEMAKER_URL or None,
            config=config,
        )

    def _post(self, body: bytes, content_type: str) -> Any:
        try:
            response = self._client.invoke_endpoint(
                EndpointName=self.model, Body=body, ContentType=content_type, Accept="application/json"
            )
            answer = response["Body"].read(MOST_BYTES)
        except ClientError as error:
            status = error.response["ResponseMetadata"].get("HTTPStatusCode", 0)
            logger.warning("%s said: %s", self.name, str(error)[:400])
            message = refused(self.name, status)
            raise Passing(message) if status in PASSING else ModelUnavailable(message) from error
        except (ReadTimeoutError, ConnectTimeoutError) as error:
            raise Passing(overdue(self.name)) from error
        except (ConnectionError, HTTPClientError) as error:
            raise Passing(unreachable(self.name)) from error
        except BotoCoreError as error:  # no region, no credentials, an invalid name
            logger.error("%s cannot be asked: %s", self.name, error)
            raise ModelUnavailable(_("%s cannot be asked; the log says why.") % self.name) from error
        try:
            return json.loads(answer)
        except ValueError as error:
            raise ModelUnavailable(_("%s answered with something else than JSON.") % self.name) from error
