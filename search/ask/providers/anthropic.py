"""The Messages API, through Anthropic's own SDK."""

from base64 import b64encode
from collections.abc import Generator, Iterator
from typing import Any

from search.ask.prompt import Prompt
from search.ask.providers import Stop, Usage
from search.ask.providers.calls import client, sdk, translated
from search.ask.setup import Setup

STOPS = {
    "end_turn": Stop.END,
    "stop_sequence": Stop.END,
    "max_tokens": Stop.LENGTH,
    "model_context_window_exceeded": Stop.LENGTH,
    "refusal": Stop.DECLINED,
}


class Anthropic:
    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._sdk = sdk("anthropic")

    def stream(self, prompt: Prompt) -> Generator[str | Usage | Stop, None, None]:
        with translated(self._sdk, self._setup) as progress, client(self._sdk, "Anthropic", self._setup) as asked:
            events = asked.messages.create(
                model=self._setup.model,
                max_tokens=prompt.most_tokens,
                system=prompt.system,
                messages=[{"role": "user", "content": [_block(part) for part in prompt.parts]}],
                output_config={"format": {"type": "json_schema", "schema": prompt.schema}},
                stream=True,
            )
            progress.begun = True
            with events:
                for event in events:
                    yield from _read(event)


def _read(event: Any) -> Iterator[str | Usage | Stop]:
    match event.type:
        case "message_start":
            yield Usage(event.message.usage.input_tokens, event.message.usage.output_tokens)
        case "content_block_delta" if event.delta.type == "text_delta":
            yield event.delta.text
        case "message_delta":
            yield Usage(tokens_out=event.usage.output_tokens)
            if stop := STOPS.get(event.delta.stop_reason):
                yield stop


def _block(part: str | bytes) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    data = b64encode(part).decode()
    return {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": data}}
