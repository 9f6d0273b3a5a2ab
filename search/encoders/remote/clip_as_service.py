"""CLIP-as-service (clip-server 0.8) over HTTP: ``POST /post``."""

import base64
import json
from typing import Any

from django.conf import settings

from search.encoders.remote.base import RemoteEncoder, field
from search.encoders.remote.http import Service


class ClipAsServiceEncoder(RemoteEncoder):
    """``clip-as-service:MODEL``. A server with one model does not look at MODEL; ours does."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        token = settings.DAM_CLIP_AS_SERVICE_TOKEN
        headers = {"Authorization": token} if token else {}
        self._service = Service(name, "DAM_CLIP_AS_SERVICE_URL", settings.DAM_CLIP_AS_SERVICE_URL, headers, (token,))

    def _ask_texts(self, texts: list[str]) -> Any:
        return self._ask([{"text": text} for text in texts])

    def _ask_pictures(self, pictures: list[bytes]) -> Any:
        return self._ask([{"blob": base64.b64encode(picture).decode()} for picture in pictures])

    def _ask(self, documents: list[dict[str, str]]) -> Any:
        question = {
            "data": documents,
            "execEndpoint": "/",
            "parameters": {"model_name": self.model, "drop_image_content": True},
        }
        answer = self._service.post("/post", json.dumps(question).encode())
        return [field(self.name, document, "embedding") for document in field(self.name, answer, "data")]
