"""Text towers in which a token sees only the tokens before it: what follows the end token need not be computed."""

from typing import Any, Self

import torch

import search.encoders.device  # noqa: F401 - open_clip may fail to be imported without it

# isort: split
from open_clip.model import CLIP, CustomTextCLIP
from open_clip.transformer import TextTransformer, text_global_pool


class CausalText:
    """The text tower of an open_clip model, over the tokens up to the end token of the longest text.

    The vectors are those of all the tokens, to the rounding of sums; a typical query takes a fifth of the time.
    """

    def __init__(self, tower: Any, pool: str, end: int | None) -> None:
        self.tower, self.pool, self.end = tower, pool, end
        blocks = list(tower.transformer.resblocks)
        if all(type(block.attn) is torch.nn.MultiheadAttention for block in blocks):
            # With a mask, attention over several texts that come first in memory multiplies with a copy of its weights
            # for each: seven times slower for two texts than for one. Tokens first, it does not.
            tower.transformer.batch_first = False
            for block in blocks:
                block.attn.batch_first = False

    @classmethod
    def of(cls, model: torch.nn.Module) -> Self | None:
        """Return it for models of which the above is true, and None for others."""
        tower: Any = model
        if type(model) is CLIP:
            pool, end = tower.text_pool_type, tower.text_eos_id
        elif type(model) is CustomTextCLIP and type(model.text) is TextTransformer:
            tower = model.text
            pool, end = tower.pool_type, tower.eos_id
            if tower.cls_emb is not None or tower.use_pad_mask or tower.output_tokens:
                return None
        else:
            return None
        return cls(tower, pool, end) if tower.attn_mask is not None and pool in ("argmax", "eos") else None

    def __call__(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return features (n, dimensions) of tokens (n, context); the same as the model's ``encode_text``."""
        tower = self.tower
        at = tokens if self.pool == "argmax" else tokens.eq(self.end).int()  # type: ignore[arg-type]
        tokens = tokens[:, : int(at.argmax(dim=-1).max()) + 1]
        length, dtype = tokens.shape[1], tower.transformer.get_cast_dtype()
        x = tower.token_embedding(tokens).to(dtype) + tower.positional_embedding[:length].to(dtype)
        x = tower.transformer(x, attn_mask=tower.attn_mask[:length, :length])
        x = text_global_pool(tower.ln_final(x), tokens, self.pool, eos_token_id=self.end)
        projection = tower.text_projection
        if projection is None:
            return x
        return projection(x) if isinstance(projection, torch.nn.Linear) else x @ projection
