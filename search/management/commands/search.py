"""manage.py search "text": the library's answer to a query, in the terminal."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from PIL import Image
from rich.console import Console
from rich.table import Table

from assets.filters import MomentField
from assets.imaging.decoder import Undecodable
from assets.models import Asset, Tag
from assets.preparation import HANDED_ON_SIDE, sandbox
from search import language, ranking, vectors
from search.contact_sheet import contact_sheet
from search.encoders import ModelUnavailable
from search.models import EmbeddingModel, NoActiveModel


class Command(BaseCommand):
    help = "Find assets by a description or by another picture, with ordinary filters."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("text", nargs="?", help="what the picture shows")
        parser.add_argument("--like", metavar="ID_OR_FILE", help="near to this asset, or to this picture file")
        parser.add_argument("--tag", action="append", default=[], help="only with this tag; may be repeated")
        parser.add_argument("--id-gt", type=int, metavar="N", help="only ids above N")
        parser.add_argument("--after", metavar="DATE", help="only created at this date or later")
        parser.add_argument("--before", metavar="DATE", help="only created before this date")
        parser.add_argument("--limit", type=int, default=10, metavar="N")
        parser.add_argument("--json", action="store_true")
        parser.add_argument("--sheet", type=Path, metavar="OUT.jpg", help="write one picture of the results")

    def handle(self, *args: Any, **options: Any) -> None:
        if bool(options["text"]) == bool(options["like"]):
            raise CommandError("Give either a text or --like.")
        if not 1 <= options["limit"] <= 200:
            raise CommandError("--limit must be from 1 to 200.")
        assets = self._filtered(options)
        try:
            vector = self._vector_like(options["like"]) if options["like"] else self._vector_of(options["text"])
            found = list(ranking.nearest_to(assets.for_display(), vector)[: options["limit"]])
        except (NoActiveModel, ModelUnavailable, vectors.NotEmbedded) as error:
            raise CommandError(str(error)) from error
        if options["sheet"]:
            try:
                contact_sheet(found).save(options["sheet"])
            except (OSError, ValueError) as error:
                raise CommandError(f"--sheet {options['sheet']}: {error}") from error
        self._print(found, options["json"])

    def _filtered(self, options: dict[str, Any]) -> Any:
        # A shell on the server sees the whole library.
        assets = Asset.objects.created_between(self._moment("--after", options), self._moment("--before", options))
        if options["id_gt"] is not None:
            assets = assets.filter(id__gt=options["id_gt"])
        for name in options["tag"]:
            try:
                known = Tag.objects.filter(slug=Tag.slug_of(name)).exists()
            except ValueError as error:
                raise CommandError(str(error)) from error
            if not known:
                raise CommandError(f"There is no tag {name!r}.")
        return assets.tagged(*options["tag"])

    def _moment(self, option: str, options: dict[str, Any]) -> Any:
        text = options[option.lstrip("-")]
        try:
            return MomentField(required=False).clean(text)
        except ValidationError as error:
            raise CommandError(f"{option} {text}: {error.messages[0]}") from error

    def _vector_of(self, text: str) -> Any:
        if len(text) > language.MOST_CHARACTERS:
            raise CommandError(f"The text is longer than {language.MOST_CHARACTERS} characters.")
        return vectors.text_vector(text)

    def _vector_like(self, like: str) -> Any:
        """Return the vector of an asset by id, or of a picture file that is not in the library."""
        if like.isascii() and like.isdecimal() and not Path(like).exists():
            asset = Asset.objects.filter(pk=like).first() if len(like) < 19 else None
            if asset is None:
                raise CommandError(f"There is no asset {like}.")
            return vectors.asset_vector(asset)
        if not Path(like).is_file():
            raise CommandError(f"--like {like}: neither an asset's id nor a file.")
        return EmbeddingModel.objects.active().encoder.encode_images([self._picture(Path(like))])[0]

    def _picture(self, path: Path) -> Image.Image:
        try:
            return sandbox().decode(path, presets={}, side=HANDED_ON_SIDE, max_pixels=settings.DAM_MAX_PIXELS).picture
        except Undecodable as error:
            raise CommandError(f"--like {path}: {error}") from error

    def _print(self, found: list[Any], as_json: bool) -> None:
        if as_json:
            rows = [
                {
                    "id": asset.pk,
                    "title": str(asset),
                    "distance": asset.distance,
                    "similarity": ranking.similarity(asset.distance),
                }
                for asset in found
            ]
            self.stdout.write(json.dumps(rows, ensure_ascii=False))
            return
        table = Table("id", "similarity", "title", "tags")
        for asset in found:
            tags = ", ".join(str(tag) for tag in asset.tags.all())
            table.add_row(str(asset.pk), f"{ranking.similarity(asset.distance):.3f}", str(asset), tags)
        console = Console()
        with console.capture() as captured:
            console.print(table)
        self.stdout.write(captured.get())
