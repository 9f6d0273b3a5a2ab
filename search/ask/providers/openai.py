"""Chat completions, through OpenAI's SDK: of OpenAI, Ollama, vLLM and others that speak the same."""

from base64 import b64encode
from collections.abc import Generator, Iterator
from typing import Any

from search.ask.prompt import Prompt
from search.ask.providers import Stop, Usage
from search.ask.providers.calls import client, sdk, translated
from search.ask.setup import Setup

STOPS = {"stop": Stop.END, "length": Stop.LENGTH, "content_filter": Stop.DECLINED}


class OpenAI:
    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._sdk = sdk("openai")

    def stream(self, prompt: Prompt) -> Generator[str | Usage | Stop, None, None]:
        # OpenAI's newer models know the one name alone, and servers of others may know only the older one.
        limit = "max_tokens" if self._setup.elsewhere else "max_completion_tokens"
        with translated(self._sdk, self._setup) as progress, client(self._sdk, "OpenAI", self._setup) as asked:
            chunks = asked.chat.completions.create(
                model=self._setup.model,
                messages=[
                    {"role": "system", "content": prompt.system},
                    {"role": "user", "content": [_part(part) for part in prompt.parts]},
                ],
                response_format={
                    "type": "json_schema",
                    "json_schema": {"name": prompt.name, "strict": True, "schema": prompt.schema},
                },
                stream=True,
                stream_options={"include_usage": True},
                **{limit: prompt.most_tokens},
            )
            progress.begun = True
            with chunks:
                for chunk in chunks:
                    yield from _read(chunk)


def _read(chunk: Any) -> Iterator[str | Usage | Stop]:
    if chunk.usage:
        yield Usage(chunk.usage.prompt_tokens, chunk.usage.completion_tokens)
    for choice in (chunk.choices or [])[:1]:  # the last chunk has the usage alone
        if choice.delta.content:
            yield choice.delta.content
        if getattr(choice.delta, "refusal", None):
            yield Stop.DECLINED
        if stop := STOPS.get(choice.finish_reason):
            yield stop


def _part(part: str | bytes) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    return {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{b64encode(part).decode()}"}}
