"""manage.py evaluate queries.jsonl: how well the library answers queries whose right answers are known."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from search.encoders import ModelUnavailable
from search.evaluation import Question, Scores, Unusable, evaluate, judged, read_questions
from search.models import EmbeddingModel, NoActiveModel
from search.query import Mode


class Command(BaseCommand):
    help = (
        "Measure how well queries are answered: recall@k, nDCG@10 and MRR for each model, mode and language. A line of"
        ' a file is {"query": "red car", "relevant": [12, 57]} or {"query": …, "filter": {"tag": ["car", "red"]}},'
        ' with "language": "en" if you like.'
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="*", type=Path, metavar="queries.jsonl")
        parser.add_argument("--judgments", action="store_true", help="ask also what people judged results of")
        parser.add_argument("--k", nargs="+", type=int, default=[10, 100], help="depths of recall (10 100)")
        parser.add_argument("--mode", choices=Mode.values, default=Mode.HYBRID.value)
        parser.add_argument("--compare", action="store_true", help="all three modes")
        parser.add_argument(
            "--model", action="append", default=[], metavar="NAME", help="instead of the active one; may be repeated"
        )
        parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers to this file too")

    def handle(self, *args: Any, **options: Any) -> None:
        ks = sorted(set(options["k"]))
        if not all(1 <= k <= 1000 for k in ks):
            raise CommandError("--k must be from 1 to 1000.")
        modes = list(Mode) if options["compare"] else [Mode(options["mode"])]
        try:
            questions = self._questions(options)
            models = [self._model(name) for name in options["model"]] or [EmbeddingModel.objects.active()]
            scores = [row for model in models for mode in modes for row in evaluate(questions, model, mode, ks)]
        except (Unusable, NoActiveModel, ModelUnavailable) as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            try:
                options["json"].write_text(json.dumps([row.as_dict() for row in scores], indent=1) + "\n")
            except OSError as error:
                raise CommandError(f"--json {options['json']}: {error.strerror}") from error
        self._print(scores, ks)

    def _questions(self, options: dict[str, Any]) -> list[Question]:
        if not options["files"] and not options["judgments"]:
            raise CommandError("Name a file of queries, or use --judgments.")
        questions: list[Question] = []
        problems: list[str] = []
        for path in options["files"]:
            try:
                questions += read_questions(path)
            except Unusable as error:
                problems.append(str(error))
        if problems:
            raise Unusable("\n".join(problems))
        if options["judgments"]:
            questions += judged()
        if not questions:
            raise CommandError("There is no query to ask.")
        return questions

    def _model(self, name: str) -> EmbeddingModel:
        model = EmbeddingModel.objects.filter(name=name).first()
        if model is None:
            known = ", ".join(EmbeddingModel.objects.values_list("name", flat=True))
            raise CommandError(f"--model {name}: there is no such model; there are: {known or 'none'}.")
        if not model.is_complete():
            self.stderr.write(f"{name} has not embedded every asset yet.")
        return model

    def _print(self, scores: list[Scores], ks: list[int]) -> None:
        table = Table("model", "mode", "language", "queries", *(f"recall@{k}" for k in ks), "nDCG@10", "MRR")
        for row in scores:
            numbers = [*(row.recall[k] for k in ks), row.ndcg_10, row.mrr]
            table.add_row(
                escape(row.model),
                row.mode,
                escape(row.language),
                str(row.queries),
                *(f"{number:.3f}" for number in numbers),
            )
        console = Console(width=None if Console().is_terminal else 120)
        with console.capture() as captured:
            console.print(table)
        self.stdout.write(captured.get())
