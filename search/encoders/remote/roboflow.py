"""Roboflow inference, hosted or self-hosted: ``POST /clip/embed_text`` and ``/clip/embed_image``."""

import base64
import json
from typing import Any

from django.conf import settings

from search.encoders.remote.base import RemoteEncoder, field
from search.encoders.remote.http import Service


class RoboflowEncoder(RemoteEncoder):
    """``roboflow:VERSION``, as in ``clip_version_id``: ViT-B-16, ViT-L-14-336px …"""

    texts_per_request = 8  # what a server takes at a time when it is not told otherwise

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._key = settings.DAM_ROBOFLOW_API_KEY
        self._service = Service(name, "DAM_ROBOFLOW_URL", settings.DAM_ROBOFLOW_URL, {}, (self._key,))

    def _ask_texts(self, texts: list[str]) -> Any:
        return self._ask("/clip/embed_text", {"text": texts})

    def _ask_pictures(self, pictures: list[bytes]) -> Any:
        images = [{"type": "base64", "value": base64.b64encode(picture).decode()} for picture in pictures]
        return self._ask("/clip/embed_image", {"image": images})

    def _ask(self, path: str, question: dict[str, Any]) -> Any:
        # The key goes into the body and not into the address, which servers and proxies write down.
        question |= {"clip_version_id": self.model} | ({"api_key": self._key} if self._key else {})
        return field(self.name, self._service.post(path, json.dumps(question).encode()), "embeddings")
