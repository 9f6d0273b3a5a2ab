"""manage.py models: the embedding models, and every step from one to the next."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import F
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from assets.models import Asset
from search import backend, comparison, indexes, lifecycle
from search.coverage import Coverage, coverage_of, coverages
from search.encoders import ModelUnavailable
from search.evaluation import Unusable, read_questions
from search.milvus import mirror
from search.milvus.client import Unavailable
from search.models import EmbeddingModel, NoActiveModel
from search.query import Mode
from search.tasks import sweep


class Command(BaseCommand):
    help = "List the embedding models; add one, compare it, switch to it, roll back, and delete what is retired."

    def add_arguments(self, parser: ArgumentParser) -> None:
        steps = parser.add_subparsers(dest="step", metavar="STEP", required=True)
        listing = steps.add_parser("list", help="all of them, with coverage and index")
        listing.add_argument("--json", action="store_true")
        add = steps.add_parser("add", help="build one beside the active one")
        add.add_argument("name")
        add.add_argument("--wait", action="store_true", help="do not take over when complete, but wait for `switch`")
        switch = steps.add_parser("switch", help="answer queries with this one")
        switch.add_argument("name")
        switch.add_argument("--incomplete", action="store_true", help="although it lacks vectors or its index")
        rollback = steps.add_parser("rollback", help="answer queries with the one that was active before")
        rollback.add_argument("--complete-first", action="store_true", help="once it has embedded what it lacks")
        for name, text in (
            ("stop", "give up building one"),
            ("prune", "delete a retired one, its vectors and its index"),
        ):
            steps.add_parser(name, help=text).add_argument("name")
        index = steps.add_parser("index", help="build its index now")
        index.add_argument("name")
        index.add_argument("--rebuild", action="store_true", help="although it has one: a new one takes over")
        index.add_argument("--check", action="store_true", help="count what Milvus has, instead")
        compare = steps.add_parser("compare", help="what it finds, beside what the active one finds")
        compare.add_argument("name")
        compare.add_argument("--with", dest="other", metavar="NAME", help="compare with this one instead")
        compare.add_argument("--file", type=Path, action="append", default=[], help="queries as for `evaluate`")
        compare.add_argument("--mode", choices=Mode.values, default=Mode.SEMANTIC.value)
        compare.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, f"_{options['step']}")(options)
        except (lifecycle.Refused, ModelUnavailable, NoActiveModel, Unavailable, Unusable) as error:
            raise CommandError(str(error)) from error

    def _list(self, options: dict[str, Any]) -> None:
        models = list(EmbeddingModel.objects.order_by("state", F("activated_at").desc(nulls_last=True), "-pk"))
        covered = coverages(models)
        built = backend.look(models)
        rows = [_row(model, covered[model.pk], built[model.pk]) for model in models]
        if options["json"]:
            self.stdout.write(json.dumps(rows, ensure_ascii=False))
            return
        table = Table("model", "state", "embedded", "left", "quarantined", "index", "a minute", "ready in")
        for row in rows:
            table.add_row(
                escape(row["name"]),
                row["state"],
                f"{row['percent']} %",
                f"{row['uncovered']:,}",
                f"{row['quarantined']:,}",
                _index(row),
                "" if row["per_minute"] is None else f"{row['per_minute']:,.0f}",
                row["eta"] or "",
            )
        self._print(table)

    def _add(self, options: dict[str, Any]) -> None:
        model = lifecycle.add(options["name"], switch_when_complete=not options["wait"])
        sweep()
        model.refresh_from_db()
        self.stdout.write(f"{model} is {model.get_state_display()}.")

    def _switch(self, options: dict[str, Any]) -> None:
        model = self._model(options["name"])
        try:
            lifecycle.switch(model, whatever=options["incomplete"])
        except lifecycle.Refused as error:
            way_out = " Wait, or use --incomplete." if lifecycle.obstacles(model) else ""
            raise CommandError(f"{error}{way_out}") from error
        self.stdout.write(f"{model} answers queries now.")

    def _rollback(self, options: dict[str, Any]) -> None:
        active = EmbeddingModel.objects.active()
        if options["complete_first"]:
            before = lifecycle.previous(active)
            if before is None:
                raise CommandError(f"No model was active before {active}.")
            lifecycle.complete(before)
            self.stdout.write(
                f"{before} embeds what it lacks ({coverage_of(before).uncovered:,}), and then takes over."
            )
            return
        before = lifecycle.roll_back(active)
        self.stdout.write(f"{before} answers queries again.")
        if missing := coverage_of(before).uncovered:
            self.stdout.write(f"{missing:,} assets or segments came since: they are embedded from now on.")

    def _stop(self, options: dict[str, Any]) -> None:
        lifecycle.stop(model := self._model(options["name"]))
        self.stdout.write(f"{model} is built no further.")

    def _index(self, options: dict[str, Any]) -> None:
        model = self._model(options["name"])
        if options["check"]:
            held = mirror.check(model, thoroughly=True)
            if held is None:
                raise CommandError(f"{model} has no index outside of the database, or it is being built.")
            self.stdout.write(f"{held.vectors:,} vectors, {held.mirrored:,} in Milvus, {held.untold:,} on their way.")
            if held.lacking:
                raise CommandError(f"{held.lacking:,} are lacking: a new one is built beside it.")
            return
        built = backend.build(model, anew=options["rebuild"])
        if not built:
            at = backend.look([model])[model.pk]
            raise CommandError(f"Another process is building it: {at.phase} {_percent(at.percent)}".rstrip(" :") + ".")
        self.stdout.write(f"{model}: {backend.state_of(model).label}.")

    def _prune(self, options: dict[str, Any]) -> None:
        model = self._model(options["name"])
        if model.state != EmbeddingModel.State.PRUNING:
            lifecycle.prune(model)
        lifecycle.delete_pruned()
        self.stdout.write(f"{model} is deleted.")

    def _compare(self, options: dict[str, Any]) -> None:
        new = self._model(options["name"])
        old = self._model(options["other"]) if options["other"] else EmbeddingModel.objects.active()
        if old == new:
            raise CommandError(f"{new} is the active model; name another, or use --with.")
        asked = [question for path in options["file"] for question in read_questions(path)] or comparison.questions()
        if not asked:
            raise CommandError("There is nothing to ask: no saved search, no judgment, no text. Use --file.")
        answer = comparison.compare((old, new), asked, Asset.objects.all(), Mode(options["mode"]))
        if options["json"]:
            self.stdout.write(json.dumps(answer.as_dict(), ensure_ascii=False))
            return
        table = Table("query", "from", "overlap@10", "recall@10", "rank of the best", title=" → ".join(answer.models))
        for row in answer.rows:
            if row.problem:
                table.add_row(escape(row.query), escape(row.origin), escape(row.problem))
                continue
            recalls = [_number(side.recall) for side in row.sides]
            ranks = [str(side.best or "–") for side in row.sides]
            table.add_row(
                escape(row.query), escape(row.origin), _number(row.overlap), " → ".join(recalls), " → ".join(ranks)
            )
        self._print(table)
        means = answer.means
        self.stdout.write(
            f"{means.queries} queries: overlap@10 {_number(means.overlap)};"
            f" {means.judged} with known answers: recall@10 {' → '.join(map(_number, means.recall))},"
            f" MRR {' → '.join(map(_number, means.mrr))}"
        )

    def _model(self, name: str) -> EmbeddingModel:
        model = EmbeddingModel.objects.filter(name=name).first()
        if model is None:
            known = ", ".join(EmbeddingModel.objects.values_list("name", flat=True))
            raise CommandError(f"There is no model {name}; there are: {known or 'none'}.")
        return model

    def _print(self, table: Table) -> None:
        console = Console(width=None if Console().is_terminal else 160)
        with console.capture() as captured:
            console.print(table)
        self.stdout.write(captured.get())


def _row(model: EmbeddingModel, covered: Coverage, index: indexes.Index) -> dict[str, Any]:
    return {
        "name": model.name,
        "state": model.state,
        "activated_at": model.activated_at.isoformat() if model.activated_at else None,
        "switch_when_complete": model.switch_when_complete,
        "percent": covered.percent,
        "embedded": covered.assets.embedded + covered.segments.embedded,
        "quarantined": covered.assets.quarantined + covered.segments.quarantined,
        "missing": covered.assets.missing + covered.segments.missing,
        "uncovered": covered.uncovered,
        "per_minute": covered.per_minute,
        "eta": str(covered.eta) if covered.eta is not None else None,
        "index": index.state.value,
        "index_percent": index.percent,
    }


def _index(row: dict[str, Any]) -> str:
    if row["index"] == indexes.IndexState.MISSING and row["embedded"] < indexes.LARGE:
        return "not needed yet"
    return f"{row['index']} {_percent(row['index_percent'])}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value} %"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
