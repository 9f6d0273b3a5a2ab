"""Saved searches and judgments in the API."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, viewsets
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.reverse import reverse

from assets.api.filters import StrictFilterBackend
from assets.models import Asset
from search import judgments, saved
from search.models import SavedSearch
from search.query import InvalidQuery, SearchQuery


class QueryField(serializers.CharField):
    """A query as the parameters of an address; what is wrong with one of them is told as ``query.NAME``."""

    def to_internal_value(self, data: Any) -> SearchQuery:  # type: ignore[override]  # the query that the text names
        try:
            return saved.read(super().to_internal_value(data))
        except InvalidQuery as error:
            whole = {"query": "non_field_errors"}
            raise ValidationError({whole.get(name, name): texts for name, texts in error.errors.items()}) from error

    def to_representation(self, value: Any) -> str:
        return str(value)


class SavedSearchSerializer(serializers.ModelSerializer):
    query = QueryField(help_text="as in the address of the search page: `q=red+car&tag=truck`")
    smart = serializers.BooleanField(required=False, help_text="its matches are the members of a collection of its own")
    collection: Any = serializers.SlugRelatedField("slug", read_only=True)
    owner = serializers.CharField(source="owner.username", read_only=True)
    results = serializers.SerializerMethodField()

    class Meta:
        model = SavedSearch
        fields = [
            "id", "name", "query", "shared", "smart", "collection", "owner", "results", "problem", "created_at",
            "refreshed_at",
        ]  # fmt: skip
        read_only_fields = ["problem", "created_at", "refreshed_at"]

    @extend_schema_field(OpenApiTypes.URI)
    def get_results(self, row: SavedSearch) -> str:
        return f"{reverse('api:search', request=self.context['request'])}?{row.query}"

    def to_representation(self, row: SavedSearch) -> dict[str, Any]:
        return super().to_representation(row) | {"smart": row.collection_id is not None}

    def create(self, fields: dict[str, Any]) -> SavedSearch:
        with refusals():
            return saved.save(self.context["request"].user, **fields)

    def update(self, row: SavedSearch, fields: dict[str, Any]) -> SavedSearch:
        with refusals():
            saved.update(row, self.context["request"].user, **fields)
        return row


class SavedSearchViewSet(viewsets.ModelViewSet):
    """Saved searches: one's own, and those that others share, which only their owners change.

    With `smart` (which takes the permission to add collections) the matches, as the owner sees them, are the members of
    a new collection. Without it again, or when the search is deleted, the collection stays as an ordinary one.
    """

    queryset = SavedSearch.objects.none()  # for the schema
    serializer_class = SavedSearchSerializer
    permission_classes = [IsAuthenticated]
    filter_backends = [StrictFilterBackend]
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]

    def get_queryset(self) -> Any:
        return SavedSearch.objects.visible_to(self.request.user).select_related("owner", "collection")

    def perform_destroy(self, row: SavedSearch) -> None:
        with refusals():
            saved.delete(row, self.request.user)


class JudgmentSerializer(serializers.Serializer):
    query = QueryField()
    asset = serializers.IntegerField(min_value=0, max_value=2**63 - 1)
    relevant = serializers.BooleanField(allow_null=True, help_text="null takes the judgment back")


class JudgmentView(GenericAPIView):
    """Say whether an asset is what a query asked for. There only when the library collects judgments."""

    serializer_class = JudgmentSerializer
    permission_classes = [IsAuthenticated]
    queryset = Asset.objects.none()  # for the schema

    @extend_schema(responses=JudgmentSerializer)
    def post(self, request: Any) -> Response:
        if not judgments.wanted():
            raise NotFound
        judgment = self.get_serializer(data=request.data)
        judgment.is_valid(raise_exception=True)
        query, pk, relevant = (judgment.validated_data[name] for name in ("query", "asset", "relevant"))
        asset = Asset.objects.visible_to(request.user).filter(pk=pk).first()
        if asset is None:
            raise NotFound(f"There is no asset {pk}.")
        with refusals():
            stored = judgments.judge(query, asset, request.user, relevant)
        return Response({"query": stored, "asset": pk, "relevant": relevant})


@contextmanager
def refusals() -> Iterator[None]:
    """Tell what is wrong with a query as errors of the field ``query``; a search that has just gone, as a 404."""
    try:
        yield
    except InvalidQuery as error:
        own = {"name", "query"}
        raise ValidationError(
            {name if name in own else f"query.{name}": messages for name, messages in error.errors.items()}
        ) from error
    except SavedSearch.DoesNotExist as error:
        raise NotFound from error
