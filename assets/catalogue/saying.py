"""What rows say of an asset, and how that becomes its title, description, tags and collections.

Several rows may have the same picture, and people write of assets too. So what a row says is merged: the description
has a line for each thing that is said, once; a row that says something else than before takes its own lines, tags and
collections back unless another row says them as well, and adds the new ones. Everything else stays.
"""

from collections.abc import Callable
from typing import Any

from assets.catalogue.rows import Row
from assets.models import Asset, CatalogueRow, Collection, Tag
from assets.models.collection import refuse_smart

Said = dict[str, Any]


class Refused(ValueError):
    """What a row says cannot be done; the message says why."""


def of(row: Row, catalogue: str) -> Said:
    """Return what a row says, as ``CatalogueRow.said`` keeps it.

    The catalogue is a collection and so is each of its splits: a tag would be among the words that are searched and
    embedded, and a split says nothing of a picture.
    """
    collections = [catalogue, *([f"{catalogue} split {row.split}"] if row.split else [])]
    return {
        "title": row.title,
        "descriptions": list(row.descriptions),
        "tags": list(row.tags),
        "collections": collections,
    }


def as_columns(said: Said) -> dict[str, Any]:
    """Return what a new asset is made with."""
    return {
        "title": said["title"],
        "description": "\n".join(said["descriptions"]),
        "tags": [Tag.named(name) for name in said["tags"]],
        "collections": collections_named(said["collections"]),
    }


def collections_named(names: list[str]) -> list[Collection]:
    """Return these collections, made where they are not there; raise Refused for a smart one."""
    try:
        found = [Collection.named(name) for name in names]
        refuse_smart(found)
    except ValueError as error:
        raise Refused(str(error)) from None
    return found


def merge(asset: Asset, before: Said, now: Said, row: CatalogueRow | None) -> None:
    """Have an asset say what its ``row`` says ``now`` instead of ``before``; either may be empty."""
    others = [other.said for other in asset.catalogue_rows.exclude(pk=row.pk if row else 0).order_by("pk")]

    def gone(what: str, same: Callable[[str], str] = str) -> set[str]:
        """What was said and is not any more, by the ``same`` that makes two of them one."""
        said = {same(thing) for one in (now, *others) for thing in one.get(what, [])}
        return {same(thing) for thing in before.get(what, [])} - said

    def fresh(what: str) -> list[str]:
        return [thing for thing in now.get(what, []) if thing not in before.get(what, [])]

    lines = [line for line in asset.description.splitlines() if line not in gone("descriptions")]
    description = "\n".join(lines + [line for line in fresh("descriptions") if line not in lines])
    titles = (said["title"] for said in (now, *others) if said.get("title"))
    title = next(titles, "") if asset.title in ("", before.get("title", "")) else asset.title
    if (title, description) != (asset.title, asset.description):
        asset.title, asset.description = title, description
        asset.save(update_fields=["title", "description", "updated_at"])
    if tags := gone("tags", Tag.slug_of):
        asset.tags.remove(*Tag.objects.filter(slug__in=tags))
    asset.tags.add(*map(Tag.named, fresh("tags")))
    if collections := gone("collections", Collection.slug_of):
        asset.collections.remove(*Collection.objects.filter(slug__in=collections))
    asset.collections.add(*collections_named(fresh("collections")))
