from collections.abc import Iterable
from typing import Any

from django.utils.functional import cached_property
from rest_framework import serializers

from assets.api.representation import Representation, row_of
from assets.filters import plausible
from assets.models import Asset, Collection, Segment, Tag
from assets.models.collection import refuse_smart


class NamedSerializer(serializers.ModelSerializer):
    """For what people name: a name must make a slug that is not taken."""

    def validate_name(self, name: str) -> str:
        model: Any = self.Meta.model
        try:
            slug = model.slug_of(name)
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from error
        if self.instance is None and model.objects.filter(slug=slug).exists():
            raise serializers.ValidationError(f"there is a {model._meta.model_name} {slug!r} already")
        return name


class TagSerializer(NamedSerializer):
    class Meta:
        model = Tag
        fields = ["id", "name", "slug", "parent"]
        read_only_fields = ["slug"]
        extra_kwargs = {"parent": {"pk_field": serializers.IntegerField()}}  # refuses infinity

    def validate_parent(self, parent: Tag | None) -> Tag | None:
        if parent and self.instance and self.instance in parent.ancestors(include_self=True):
            raise serializers.ValidationError("a tag cannot be below itself")
        return parent


class CollectionSerializer(NamedSerializer):
    class Meta:
        model = Collection
        fields = ["id", "name", "slug", "description", "smart", "created_at"]
        read_only_fields = ["slug", "smart", "created_at"]


class SlugsField(serializers.SlugRelatedField):
    """Tags or collections by slug, many of them."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(slug_field="slug", **kwargs)

    def to_internal_value(self, data: Any) -> Any:
        if "\0" in str(data):
            self.fail("invalid")
        return super().to_internal_value(data)


def by_hand(collections: list[Collection], before: Iterable[Collection] = ()) -> list[Collection]:
    """Return the collections that an asset is to be in; refuse to put it into a smart one, or to take it out."""
    try:
        refuse_smart(set(collections) ^ set(before))
    except ValueError as error:
        raise serializers.ValidationError(str(error)) from error
    return collections


class SegmentSerializer(serializers.ModelSerializer):
    """The shape of a segment, as ``Representation`` shows it."""

    label = serializers.CharField()  # type: ignore[assignment]  # of the field's name, not of the field
    kind = serializers.CharField(help_text="frame (of a video), page or tile")
    preview = serializers.URLField()
    thumbnail = serializers.URLField()

    class Meta:
        model = Segment
        fields = ["number", "label", "kind", "milliseconds", "page", "box", "preview", "thumbnail"]


class AssetSerializer(serializers.ModelSerializer):
    url = serializers.HyperlinkedIdentityField(view_name="api:asset-detail")
    original = serializers.URLField(read_only=True)
    renditions = serializers.DictField(child=serializers.URLField(), read_only=True)
    tags = SlugsField(many=True, queryset=Tag.objects.all(), required=False)
    collections = SlugsField(many=True, queryset=Collection.objects.all(), required=False)
    uploaded_by = serializers.CharField(source="uploaded_by.username", default=None, read_only=True)
    segments = SegmentSerializer(many=True, read_only=True, help_text="Of one asset; lists do not have them.")

    class Meta:
        model = Asset
        fields = [
            "id",
            "url",
            "title",
            "description",
            "tags",
            "collections",
            "kind",
            "mime_type",
            "filename",
            "size",
            "sha256",
            "width",
            "height",
            "state",
            "problem",
            "metadata",
            "uploaded_by",
            "created_at",
            "updated_at",
            "taken_at",
            "original",
            "renditions",
            "segments",
        ]
        read_only_fields = [
            name for name in fields if name not in {"title", "description", "tags", "collections", "taken_at"}
        ]
        extra_kwargs = {"taken_at": {"validators": [plausible]}}

    def validate_collections(self, collections: list[Collection]) -> list[Collection]:
        return by_hand(collections, before=self.instance.collections.all() if self.instance else ())

    def to_representation(self, asset: Asset) -> dict[str, Any]:
        """Show the asset as ``Representation`` does, and what a ranking annotated (the layer above does that)."""
        ranking = {name: getattr(asset, name) for name in ("distance", "similarity") if hasattr(asset, name)}
        shown = self._representation(row_of(asset)) | ranking
        if self.parent is None:
            segments = asset.segments.order_by("number")
            shown["segments"] = [self._representation.segment(segment) for segment in segments]
        return shown

    @cached_property
    def _representation(self) -> Representation:
        return Representation(self.context["request"])


class UploadSerializer(serializers.ModelSerializer):
    """What an upload may carry (multipart/form-data)."""

    file = serializers.FileField(write_only=True)
    tags = SlugsField(many=True, queryset=Tag.objects.all(), required=False)
    collections = SlugsField(many=True, queryset=Collection.objects.all(), required=False)

    class Meta:
        model = Asset
        fields = ["file", "title", "description", "tags", "collections", "taken_at"]
        extra_kwargs = {"taken_at": {"validators": [plausible]}}

    def validate_collections(self, collections: list[Collection]) -> list[Collection]:
        return by_hand(collections)
