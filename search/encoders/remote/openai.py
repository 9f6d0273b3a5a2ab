"""OpenAI, and every server that speaks its ``POST /embeddings``: texts alone."""

import json
from typing import Any

from django.conf import settings

from search.encoders.remote.base import RemoteEncoder, field
from search.encoders.remote.http import Service


class OpenAIEncoder(RemoteEncoder):
    """``openai:MODEL``."""

    takes_pictures = False

    def __init__(self, name: str) -> None:
        super().__init__(name)
        key = settings.DAM_OPENAI_API_KEY
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._service = Service(name, "DAM_OPENAI_URL", settings.DAM_OPENAI_URL, headers, (key,))

    def _ask_texts(self, texts: list[str]) -> Any:
        question = {"model": self.model, "input": texts, "encoding_format": "float"}
        data = field(self.name, self._service.post("/embeddings", json.dumps(question).encode()), "data")
        data = sorted(data, key=lambda item: field(self.name, item, "index", int))
        return [field(self.name, item, "embedding") for item in data]
