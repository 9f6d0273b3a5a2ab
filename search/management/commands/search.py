"""manage.py search "text": the library's answer to a query, in the terminal."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.files import File
from django.core.management.base import BaseCommand, CommandError
from django.http import QueryDict
from rich.console import Console
from rich.table import Table
from rich.text import Text

from assets.models import Asset, Tag
from search import query_pictures
from search.contact_sheet import contact_sheet
from search.encoders import ModelUnavailable
from search.models import NoActiveModel
from search.query import InvalidQuery, Mode, SearchQuery, Sort
from search.results import Results, fetched

# The options that are filters under another name, as people type them in a shell.
FILTERS = {"id_gt": "id__gt", "after": "created_after", "before": "created_before"}


class Command(BaseCommand):
    help = (
        "Find assets. The text is in the language of the search page:"
        ' red car -night "exact words" like:123 (old town)^0.5 url:https://example.org/a.jpg'
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("text", nargs="?", help="what to look for")
        parser.add_argument("--like", metavar="ID_OR_FILE", help="near to this asset, or to this picture file")
        parser.add_argument("--tag", action="append", default=[], help="only with this tag; may be repeated")
        parser.add_argument("--id-gt", type=int, metavar="N", help="only ids above N")
        parser.add_argument("--after", metavar="DATE", help="only created at this date or later")
        parser.add_argument("--before", metavar="DATE", help="only created before this date")
        parser.add_argument(
            "--filter", action="append", default=[], metavar="NAME=VALUE", help="any filter of the API; may be repeated"
        )
        parser.add_argument("--mode", choices=Mode.values)
        parser.add_argument(
            "--sort",
            choices=Sort.values,
            help="a field orders the matches only; --sort=-created_at with the equals sign",
        )
        parser.add_argument("--limit", type=int, default=10, metavar="N")
        parser.add_argument("--json", action="store_true")
        parser.add_argument("--sheet", type=Path, metavar="OUT.jpg", help="write one picture of the results")

    def handle(self, *args: Any, **options: Any) -> None:
        if not 1 <= options["limit"] <= 200:
            raise CommandError("--limit must be from 1 to 200.")
        library = Asset.objects.all()  # a shell on the server sees all of it
        try:
            query = fetched(SearchQuery.parse(self._params(options)))
            if not query:
                raise CommandError("Say what to look for: a text, --like or a filter.")
            results = Results(query, library, visible=library)
            found = results[0 : options["limit"]]
        except (InvalidQuery, NoActiveModel, ModelUnavailable) as error:
            raise CommandError(str(error)) from error
        if options["sheet"]:
            try:
                contact_sheet(found).save(options["sheet"])
            except (OSError, ValueError) as error:
                raise CommandError(f"--sheet {options['sheet']}: {error}") from error
        self._print(results, found, options["json"])

    def _params(self, options: dict[str, Any]) -> QueryDict:
        params = QueryDict(mutable=True)
        for name in ("mode", "sort"):
            if options[name]:
                params[name] = options[name]
        if options["text"]:
            params["q"] = options["text"]
        if options["like"]:
            name, value = self._like(options["like"])
            params.appendlist(name, value)
        for name in options["tag"]:
            params.appendlist("tag", self._slug(name))
        for option, name in FILTERS.items():
            if options[option] is not None:
                params.appendlist(name, str(options[option]))
        for pair in options["filter"]:
            name, equals, value = pair.partition("=")
            if not equals:
                raise CommandError(f"--filter {pair}: give NAME=VALUE.")
            params.appendlist(name, value)
        return params

    def _like(self, like: str) -> tuple[str, str]:
        """Return the parameter for an asset by id, or for a picture file that is not in the library."""
        path = Path(like)
        if path.is_file():
            try:
                with path.open("rb") as stream:
                    return "picture", query_pictures.keep(File(stream, name=path.name))
            except (OSError, query_pictures.UnusablePicture) as error:
                raise CommandError(f"--like {like}: {error}") from error
        if not like.isdecimal():
            raise CommandError(f"--like {like}: neither an asset's id nor a file.")
        return "like", like

    def _slug(self, name: str) -> str:
        try:
            slug = Tag.slug_of(name)
        except ValueError as error:
            raise CommandError(str(error)) from error
        if not Tag.objects.filter(slug=slug).exists():
            raise CommandError(f"There is no tag {name!r}.")
        return slug

    def _print(self, results: Results, found: list[Any], as_json: bool) -> None:
        if as_json:
            rows = [
                {"id": asset.pk, "title": str(asset), "segment": asset.segment and asset.segment.label}
                | asset.hit.as_dict()
                for asset in found
            ]
            self.stdout.write(json.dumps({"search": results.info(), "results": rows}, ensure_ascii=False))
            return
        table = Table("id", "relevance", "similarity", "title", "tags", "why")
        for number, asset in enumerate(found):
            tags = ", ".join(str(tag) for tag in asset.tags.all())
            hit = asset.hit
            title = f"{asset} ({asset.segment.label})" if asset.segment else str(asset)
            relevance = "" if hit.relevance is None else f"{hit.relevance:.0%}"
            similarity = "" if hit.similarity is None else f"{hit.similarity:.3f}"
            why = ", ".join(map(_in_words, hit.why))
            table.add_row(str(asset.pk), relevance, similarity, _plain(title), _plain(tags), _plain(why))
            last_match = hit.match and number + 1 < len(found) and not found[number + 1].hit.match
            if last_match:
                table.add_section()
        console = Console()
        with console.capture() as captured:
            console.print(table)
        info = results.info()
        self.stdout.write(captured.get())
        self.stdout.write(f"{info['mode']}, {info['model'] or 'no model'}, {info['took_ms']} ms")


def _plain(text: str) -> Text:
    """What people wrote, as it is: neither rich's markup nor a terminal's control characters."""
    return Text("".join(character if character.isprintable() else " " for character in text))


def _in_words(reason: dict[str, Any]) -> str:
    match reason["signal"]:
        case "text":
            return f"{reason['field']}: {' '.join(reason['words'])}"
        case "name":
            return "named so"
        case _:
            return "described so" if reason["signal"] == "description" else "picture"
