"""The API translates; what happens is decided in ``ingest``, ``querysets`` and the models."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import IntegrityError, transaction
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import exceptions, parsers, status, viewsets
from rest_framework.response import Response
from rest_framework.reverse import reverse

from assets.api.errors import Conflict, ContentTooLarge, UnsupportedFormat
from assets.api.serializers import AssetSerializer, CollectionSerializer, TagSerializer, UploadSerializer
from assets.filters import AssetFilterSet
from assets.ingest import Duplicate, Rejected, TooLarge, UnsupportedType, ingest
from assets.locks import only_one
from assets.models import Asset, Collection, Tag

TAG_TREE = "the tree of tags"


class AssetViewSet(viewsets.ModelViewSet):
    """Assets: list and filter, upload, describe, delete."""

    queryset = Asset.objects.none()  # for permissions and schema; every reader starts at visible_to
    serializer_class = AssetSerializer
    filterset_class = AssetFilterSet
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]

    def get_queryset(self) -> Any:
        return Asset.objects.visible_to(self.request.user).for_display()

    def filter_queryset(self, queryset: Any) -> Any:
        """Query parameters filter lists only; one asset is named by its id."""
        return super().filter_queryset(queryset) if self.action == "list" else queryset

    def get_parsers(self) -> list[Any]:
        if self.request is not None and self.request.method == "POST":
            return [parsers.MultiPartParser()]
        return super().get_parsers()

    @extend_schema(
        request={"multipart/form-data": UploadSerializer},
        responses={
            201: AssetSerializer,
            409: OpenApiResponse(description="The library holds these bytes already; `existing` is their asset."),
            413: OpenApiResponse(description="The file is larger than the limit."),
            415: OpenApiResponse(description="The bytes are of no picture format that can be kept."),
        },
    )
    def create(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        upload = UploadSerializer(data=request.data)
        upload.is_valid(raise_exception=True)
        fields = dict(upload.validated_data)
        file = fields.pop("file")
        try:
            asset = ingest(file, name=file.name, user=request.user, **fields)
        except Duplicate as error:
            url = reverse("api:asset-detail", args=[error.existing.pk], request=request)
            raise Conflict(str(error), existing=url, existing_id=error.existing.pk) from error
        except TooLarge as error:
            raise ContentTooLarge(str(error)) from error
        except UnsupportedType as error:
            raise UnsupportedFormat(str(error)) from error
        except Rejected as error:
            raise exceptions.ValidationError({"file": str(error)}) from error
        shown = self.get_serializer(asset).data
        return Response(shown, status=status.HTTP_201_CREATED, headers={"Location": shown["url"]})


class VocabularyViewSet(viewsets.ModelViewSet):
    """What names assets by a unique slug. Two requests may want the same name at once: the later one is refused."""

    http_method_names = ["get", "post", "patch", "delete", "head", "options"]

    def perform_create(self, serializer: Any) -> None:
        with _one_change():
            super().perform_create(serializer)

    def perform_update(self, serializer: Any) -> None:
        with _one_change():
            super().perform_update(serializer)


class CollectionViewSet(VocabularyViewSet):
    queryset = Collection.objects.all()
    serializer_class = CollectionSerializer

    def perform_create(self, serializer: Any) -> None:
        with _one_change():
            serializer.save(created_by=self.request.user)


class TagViewSet(VocabularyViewSet):
    queryset = Tag.objects.all()
    serializer_class = TagSerializer

    def update(self, *args: Any, **kwargs: Any) -> Response:
        """Check the place in the tree and move there as one step: two moves that cross could close a circle."""
        with only_one(TAG_TREE):
            return super().update(*args, **kwargs)

    def perform_destroy(self, tag: Tag) -> None:
        with only_one(TAG_TREE):
            if tag.children.exists():
                raise Conflict(f"The tag {tag.slug!r} has tags below it. Move or delete these first.")
            tag.delete()


@contextmanager
def _one_change() -> Iterator[None]:
    """All of a change or nothing; a conflict when another request has just taken the name."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        raise Conflict("Another request has just changed the same thing. Look again.") from error
