"""How assets are asked for. Every reader starts at ``visible_to(user)``."""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import transaction
from django.db.models import Exists, OuterRef, Prefetch, QuerySet

from assets.ledger import LedgerQuerySet

if TYPE_CHECKING:
    from assets.models import Collection, Tag


class AssetQuerySet(LedgerQuerySet):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        """Assets that this user may see: all when signed in, and to the public when the library is public."""
        if (user.is_active and user.is_authenticated) or settings.DAM_PUBLIC_READ:
            return self.all()
        return self.none()

    def tagged(self, *tags: "Tag | str") -> Self:
        """Assets that carry every one of these tags (tag, slug or name), each itself or by one of its children."""
        from assets.models import Tag

        found = self
        for tag in tags:
            node = tag if isinstance(tag, Tag) else Tag.objects.filter(slug=Tag.slug_of(tag)).first()
            if node is None:
                return self.none()
            found = found._having_any(node.descendants(include_self=True).values_list("pk", flat=True))
        return found

    def tagged_any(self, tags: Iterable["Tag"]) -> Self:
        """Assets that carry at least one of these tags, itself or by one of its children."""
        ids = {pk for tag in tags for pk in tag.descendants(include_self=True).values_list("pk", flat=True)}
        return self._having_any(ids)

    def _having_any(self, tag_ids: Iterable[int]) -> Self:
        from assets.models import Asset

        # EXISTS rather than a join: a ranking must have each asset once, without DISTINCT.
        links = Asset.tags.through.objects.filter(asset_id=OuterRef("pk"), tag_id__in=list(tag_ids))
        return self.filter(Exists(links))

    def in_collection(self, *collections: "Collection") -> Self:
        """Assets that are in every one of these collections."""
        from assets.models import Collection

        found = self
        for collection in collections:
            links = Collection.assets.through.objects.filter(asset_id=OuterRef("pk"), collection_id=collection.pk)
            found = found.filter(Exists(links))
        return found

    def created_between(self, after: datetime | None, before: datetime | None) -> Self:
        """Assets created at ``after`` or later and earlier than ``before``."""
        return self._between("created_at", after, before)

    def taken_between(self, after: datetime | None, before: datetime | None) -> Self:
        return self._between("taken_at", after, before)

    def _between(self, field: str, after: datetime | None, before: datetime | None) -> Self:
        limits: dict[str, Any] = {f"{field}__gte": after, f"{field}__lt": before}
        return self.filter(**{name: value for name, value in limits.items() if value is not None})

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete the assets; waits for workers that are storing their renditions, as ``Asset.delete`` does."""
        with transaction.atomic():
            locked = list(self.order_by("pk").select_for_update(of=("self",)).values_list("pk", flat=True))
            return QuerySet(self.model, using=self.db).filter(pk__in=locked).delete()

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]

    def for_display(self) -> Self:
        """With what lists show, in a constant number of queries."""
        from assets.models import Rendition, Tag

        # The tree's own order would need its recursive query.
        tags = Prefetch("tags", Tag.objects.order_by("name"))
        whole = Prefetch("renditions", Rendition.objects.filter(segment=0))
        return self.select_related("uploaded_by").prefetch_related(tags, "collections", whole)
