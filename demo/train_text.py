"""Train the text tower to read captions into the space of the frozen oracle, or of the pictures themselves.

`python -m demo.train_text --work WORK --until 03:05 [--seen WORK/seen.npz]`: with --seen (rendered scenes as
the trained vision tower embeds them, from `demo.export --seen`) three quarters of the targets are what the vision tower
really sees. Words that no caption ever contains share one vector, trained on inserted unknown words, so that
they disturb as little as possible.
"""

from __future__ import annotations

import argparse
import copy
import math
import random
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from demo.captions import Writer, specs_of
from demo.claims import Sampler, random_table
from demo.glyphs import vocabulary
from demo.model import create
from demo.oracle import Oracle, both_ways
from demo.predicates import Claims, SceneTable, matches
from demo.train_vision import seconds_until
from demo.words import place_table, words

UNKNOWN = 49_400  # a token nobody writes: stands for any unknown word
END = 49_407


class Reader(nn.Module):
    """The text half of an open_clip model, for token batches cut to any length."""

    def __init__(self, clip: nn.Module) -> None:
        super().__init__()
        self.token_embedding, self.transformer, self.ln_final = clip.token_embedding, clip.transformer, clip.ln_final
        self.positional_embedding, self.text_projection = clip.positional_embedding, clip.text_projection
        self.register_buffer("mask", clip.attn_mask.clone(), persistent=False)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """(n, length) int64 → (n, 512), not scaled."""
        length = tokens.shape[1]
        x = self.token_embedding(tokens) + self.positional_embedding[:length]
        x = self.ln_final(self.transformer(x, attn_mask=self.mask[:length, :length].to(x.dtype)))
        return x[torch.arange(len(x)), tokens.argmax(-1)] @ self.text_projection


class Tokens:
    """Sentences → padded token batches, with unknown words thrown in."""

    def __init__(self) -> None:
        import open_clip

        self.tokenizer = open_clip.SimpleTokenizer(context_length=48)
        self.seen = torch.zeros(49_408, dtype=torch.bool)

    def __call__(self, sentences: list[str], rng: random.Random) -> torch.Tensor:
        rows = []
        for sentence in sentences:
            row = self.tokenizer.encode(sentence)[:44]
            if rng.random() < 0.2:
                for _ in range(rng.choice((1, 1, 2))):
                    row.insert(rng.randrange(len(row) + 1), UNKNOWN)
            rows.append([END - 1, *row, END])
        out = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.int64)
        for i, row in enumerate(rows):
            out[i, : len(row)] = torch.tensor(row)
        self.seen[out.unique()] = True
        return out

    def read(self, reader: Reader, sentences: list[str], rng: random.Random) -> torch.Tensor:
        """Sentences → (n, 512), in four groups by length, which saves half of the padding."""
        order = sorted(range(len(sentences)), key=lambda i: len(sentences[i].encode()))
        step = -(-len(order) // 4)
        parts = [reader(self([sentences[i] for i in order[k : k + step]], rng)) for k in range(0, len(order), step)]
        return torch.cat(parts)[torch.tensor(order).argsort()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--until", required=True, help="HH:MM UTC")
    parser.add_argument("--batch", type=int, default=256, help="captions in a step")
    parser.add_argument(
        "--chinese", type=float, default=0.7, help="share of Chinese captions: its bytes take longer to learn"
    )
    parser.add_argument("--others", type=int, default=512, help="further scenes in each batch")
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seen", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(2)
    seed = int(time.time())
    rng, dice = np.random.default_rng(seed), random.Random(seed)

    saved = torch.load(args.work / "oracle.pt", weights_only=False)
    oracle = Oracle(len(vocabulary()), len(saved["concepts"]), len(saved["places"]))
    oracle.load_state_dict(saved["oracle"])
    oracle.requires_grad_(False)
    where = torch.from_numpy(place_table())
    languages = []
    for name in ("en", "zh"):
        known = words(name)
        languages.append(
            (
                Writer(name, known),
                Sampler(known.concepts, place_table(), known.weights),
                torch.from_numpy(known.concepts),
            )
        )

    master, tokens = Reader(create()), Tokens()
    path = args.work / "text.pt"
    elapsed = 0.0
    average = copy.deepcopy(master)
    decay = [p for p in master.parameters() if p.ndim > 1]
    plain = [p for p in master.parameters() if p.ndim <= 1]
    optimiser = torch.optim.AdamW(
        [{"params": decay, "weight_decay": 0.01}, {"params": plain, "weight_decay": 0.0}],
        lr=args.rate,
        betas=(0.9, 0.98),
    )
    if path.exists():
        state = torch.load(path, weights_only=False)
        master.load_state_dict(state["master"])
        average.load_state_dict(state["average"])
        optimiser.load_state_dict(state["optimiser"])
        tokens.seen, elapsed = state["seen"], state["elapsed"]
    seen = np.load(args.seen) if args.seen else None
    scale = oracle.scale.exp().clamp(max=36)
    border = round(args.batch * (1 - args.chinese))
    begin, total = time.time(), seconds_until(args.until)
    told = saved_at = begin
    count, step = 0, 0

    def store() -> None:
        torch.save(
            {
                "master": master.state_dict(),
                "average": average.state_dict(),
                "optimiser": optimiser.state_dict(),
                "seen": tokens.seen,
                "elapsed": elapsed + time.time() - begin,
            },
            path.with_suffix(".part"),
        )
        path.with_suffix(".part").replace(path)

    while (done := (time.time() - begin) / total) < 1:
        whole = (done * total + elapsed) / (total + elapsed)
        for group in optimiser.param_groups:
            group["lr"] = args.rate * min(1, (step + 1) / 50) * (0.005 + 0.995 * (1 + math.cos(math.pi * whole)) / 2)
        few = rng.choice(len(vocabulary()), 100, replace=False) if step % 2 else None
        if seen is not None and dice.random() < 0.75:
            rows = rng.choice(len(seen["background"]), args.batch + args.others, replace=False)
            table = SceneTable(*(torch.from_numpy(seen[k][rows]) for k in ("glyph", "colour", "background")))
            targets = torch.from_numpy(seen["vectors"][rows]).float()
        else:
            table = random_table(args.batch + args.others, rng, few)
            targets = oracle.scenes(table)
        loss = torch.zeros(())
        first = []
        optimiser.zero_grad()
        for k, (writer, sampler, concepts) in enumerate(languages):
            part = slice(*((0, border), (border, args.batch))[k])
            claims: Claims = sampler.draw(
                SceneTable(table.glyph[part], table.colour[part], table.background[part]), rng
            )
            lines = [
                writer.write(specs_of(c, h), p, dice)
                for c, h, p in zip(
                    claims.concept.tolist(), claims.colour.tolist(), claims.background.tolist(), strict=True
                )
            ]
            truth = matches(table, claims, concepts, where)
            logits = functional.normalize(tokens.read(master, lines, dice), dim=-1) @ targets.T * scale
            loss = loss + both_ways(logits, truth)
            first.append(truth.gather(1, logits.argmax(1, keepdim=True)).float().mean())
        loss.backward()
        nn.utils.clip_grad_norm_(master.parameters(), 2.0)
        optimiser.step()
        keep = min(0.999, (step + 1) / (step + 10))
        with torch.no_grad():
            for a, b in zip(average.parameters(), master.parameters(), strict=True):
                a.lerp_(b, 1 - keep)
        step, count = step + 1, count + args.batch
        if time.time() - told > 20:
            print(
                f"{time.strftime('%H:%M:%S')} step {step} {count / (time.time() - told):.0f} captions/s "
                f"loss {loss.item() / 2:.3f} "
                f"first right en {first[0]:.3f} zh {first[1]:.3f}",
                flush=True,
            )
            told, count = time.time(), 0
        if time.time() - saved_at > 90:
            store()
            saved_at = time.time()
    store()
    print("done", flush=True)


if __name__ == "__main__":
    main()
