from typing import Any

from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from assets.filters import plausible
from assets.models import Asset, Collection, Tag


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
        fields = ["id", "name", "slug", "description", "created_at"]
        read_only_fields = ["slug", "created_at"]


class SlugsField(serializers.SlugRelatedField):
    """Tags or collections by slug, many of them."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(slug_field="slug", **kwargs)

    def to_internal_value(self, data: Any) -> Any:
        if "\0" in str(data):
            self.fail("invalid")
        return super().to_internal_value(data)


class AssetSerializer(serializers.ModelSerializer):
    url = serializers.HyperlinkedIdentityField(view_name="api:asset-detail")
    original = serializers.SerializerMethodField()
    renditions = serializers.SerializerMethodField()
    tags = SlugsField(many=True, queryset=Tag.objects.all(), required=False)
    collections = SlugsField(many=True, queryset=Collection.objects.all(), required=False)
    uploaded_by = serializers.CharField(source="uploaded_by.username", default=None, read_only=True)

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
        ]
        read_only_fields = [
            name for name in fields if name not in {"title", "description", "tags", "collections", "taken_at"}
        ]
        extra_kwargs = {"taken_at": {"validators": [plausible]}}

    @extend_schema_field(OpenApiTypes.URI)
    def get_original(self, asset: Asset) -> str:
        return self._absolute(reverse("original", args=[asset.pk]))

    @extend_schema_field({"type": "object", "additionalProperties": {"type": "string", "format": "uri"}})
    def get_renditions(self, asset: Asset) -> dict[str, str]:
        return {
            rendition.preset: self._absolute(reverse("rendition", args=[asset.pk, rendition.preset]))
            for rendition in asset.renditions.all()
        }

    def _absolute(self, path: str) -> str:
        return self.context["request"].build_absolute_uri(path)

    def to_representation(self, asset: Asset) -> dict[str, Any]:
        """Add what a ranking annotated (the layer above annotates, this one only shows).

        Visitors of a public library are not told who uploads, what went wrong or where a picture was taken.
        """
        shown = super().to_representation(asset)
        if not self.context["request"].user.is_authenticated:
            metadata = {name: fact for name, fact in asset.metadata.items() if name != "gps"}
            shown |= {"uploaded_by": None, "problem": None, "metadata": metadata}
        for name in ("distance", "similarity"):
            if hasattr(asset, name):
                shown[name] = getattr(asset, name)
        return shown


class UploadSerializer(serializers.ModelSerializer):
    """What an upload may carry (multipart/form-data)."""

    file = serializers.FileField(write_only=True)
    tags = SlugsField(many=True, queryset=Tag.objects.all(), required=False)
    collections = SlugsField(many=True, queryset=Collection.objects.all(), required=False)

    class Meta:
        model = Asset
        fields = ["file", "title", "description", "tags", "collections", "taken_at"]
        extra_kwargs = {"taken_at": {"validators": [plausible]}}
