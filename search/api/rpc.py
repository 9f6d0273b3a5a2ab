"""What a client of Supabase calls: ``match_images`` as its REST interface has it, and vectors to call it with."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import orjson
from django.core.files.uploadedfile import UploadedFile
from django.db import DataError, connection, transaction
from drf_spectacular.utils import extend_schema, extend_schema_field, inline_serializer
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response

from assets.api.parsers import JSONParser
from assets.api.permissions import MayRead
from assets.models import Asset
from search import query_pictures, vectors
from search.api.errors import answered
from search.language import MOST_CHARACTERS, Kind, Part
from search.models import EmbeddingModel
from search.query import InvalidQuery
from search.sql.session import rights
from search.throttles import TooManyPictures, count_pictures

MOST_IMAGES = 10_000
LONGEST_TEXT = 1024 * 1024


@extend_schema_field(serializers.ListField(child=serializers.FloatField()))
class VectorField(serializers.Field):
    """A list of numbers, or the same as text, as pgvector writes it; float32 of shape (n,)."""

    def to_internal_value(self, data: Any) -> np.ndarray:
        if isinstance(data, str):
            try:
                data = orjson.loads(data[:LONGEST_TEXT])
            except orjson.JSONDecodeError as error:
                raise serializers.ValidationError("No list of numbers, as [0.1, -0.2].") from error
        if not isinstance(data, list) or not data:
            raise serializers.ValidationError("No list of numbers, as [0.1, -0.2].")
        if not all(type(value) in (int, float) for value in data):
            raise serializers.ValidationError("A value of this list is no number.")
        with np.errstate(over="ignore"):
            try:
                array = np.array(data, dtype=np.float64).astype(np.float32)
            except OverflowError as error:
                raise serializers.ValidationError("A value of this list is too large.") from error
        if not np.isfinite(array).all():
            raise serializers.ValidationError("A value of this list is not finite, or too large.")
        if not array.any():
            raise serializers.ValidationError("A vector of zeros is near to nothing.")
        return array

    def to_representation(self, value: np.ndarray) -> list[float]:
        return value.tolist()


class MatchImagesSerializer(serializers.Serializer):
    query_embedding = VectorField(
        help_text="in the space of the active model, of any length: [0.1, …] or the same as text"
    )
    match_threshold = serializers.FloatField(min_value=-1, max_value=1, help_text="the least similarity, a cosine")
    match_count = serializers.IntegerField(min_value=1, max_value=MOST_IMAGES)

    def validate_match_threshold(self, value: float) -> float:
        if value != value:
            raise serializers.ValidationError("A valid number is required.")
        return value


class MatchedImage(serializers.Serializer):
    id = serializers.IntegerField()
    image = serializers.CharField(help_text="where its original is downloaded, with the same key")
    similarity = serializers.FloatField()


class ReadingView(GenericAPIView):
    """What is asked by POST and changes nothing."""

    permission_classes = [MayRead]
    queryset = Asset.objects.none()  # for the schema
    pagination_class = None
    filter_backends: list[Any] = []


class MatchImagesView(ReadingView):
    """The assets most similar to a vector, most similar first: those of at least ``match_threshold``.

    The SQL function `dam_sql.match_images`, for who asks over HTTP.
    """

    serializer_class = MatchImagesSerializer
    parser_classes = [JSONParser]

    @extend_schema(responses=MatchedImage(many=True))
    def post(self, request: Any) -> Response:
        with answered():
            model = EmbeddingModel.objects.active()
        asked = self.get_serializer(data=request.data)
        asked.is_valid(raise_exception=True)
        wanted = asked.validated_data
        vector = wanted["query_embedding"]
        if len(vector) != model.dimensions:
            message = f"Has {len(vector)} dimensions; the model {model.label} has {model.dimensions}."
            raise ValidationError({"query_embedding": message})
        session = rights(request.user) | {"dam.url": request.build_absolute_uri("/").rstrip("/")}
        return Response(list(match_images(vector, wanted["match_threshold"], wanted["match_count"], session)))


def match_images(vector: np.ndarray, threshold: float, count: int, session: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Call the SQL function with the rights of ``session`` (``sql.session.rights``); raise ValidationError."""
    with transaction.atomic(), connection.cursor() as cursor:
        for name, value in session.items():
            cursor.execute("SELECT set_config(%s, %s, true)", [name, value])
        text = orjson.dumps(np.ascontiguousarray(vector), option=orjson.OPT_SERIALIZE_NUMPY).decode()
        try:
            with transaction.atomic():
                cursor.execute("SELECT * FROM dam_sql.match_images(%s::vector, %s, %s)", [text, threshold, count])
        except DataError as error:  # another model answers since the vector was checked
            raise ValidationError(str(error).splitlines()[0]) from error
        rows = cursor.fetchall()
        for name in session:
            cursor.execute("SELECT set_config(%s, '', true)", [name])
    return ({"id": pk, "image": image, "similarity": similarity} for pk, image, similarity in rows)


class EmbeddingSerializer(serializers.Serializer):
    """Exactly one of these."""

    text = serializers.CharField(max_length=MOST_CHARACTERS, required=False)
    asset = serializers.IntegerField(min_value=0, max_value=2**63 - 1, required=False, help_text="its id")
    picture = serializers.FileField(required=False, help_text="a file (multipart/form-data)")

    def validate(self, fields: dict[str, Any]) -> dict[str, Any]:
        if len(fields) != 1:
            raise serializers.ValidationError("Send one of text, asset and picture.")
        return fields


class EmbeddingsView(ReadingView):
    """The vector of a text, an asset or a picture in the space of the active model, of length 1.

    What `query_embedding` of `match_images` takes. A picture is not added to the library. The vector of an asset that
    was just uploaded is there once it is embedded; until then the answer is 400 and says so.
    """

    serializer_class = EmbeddingSerializer
    parser_classes = [JSONParser, MultiPartParser]

    @extend_schema(
        responses=inline_serializer(
            "Vector",
            {
                "model": serializers.CharField(),
                "dimensions": serializers.IntegerField(),
                "embedding": serializers.ListField(child=serializers.FloatField()),
            },
        )
    )
    def post(self, request: Any) -> Response:
        asked = self.get_serializer(data=request.data)
        asked.is_valid(raise_exception=True)
        with answered(), _named_as_here():
            model = EmbeddingModel.objects.active()
            part = self._part(asked.validated_data)
            _kind, vector = vectors.of_part(part, Asset.objects.visible_to(request.user), model)
        return Response({"model": model.label, "dimensions": model.dimensions, "embedding": vector.tolist()})

    def _part(self, asked: dict[str, Any]) -> Part:
        match asked:
            case {"text": text}:
                return Part(Kind.TEXT, text)
            case {"asset": pk}:
                return Part(Kind.LIKE, str(pk))
            case _:
                return Part(Kind.PICTURE, self._kept(asked["picture"]))

    def _kept(self, picture: UploadedFile) -> str:
        try:
            count_pictures(self.request, 1)
            return query_pictures.keep(picture)
        except TooManyPictures as error:
            self.throttled(self.request, error.seconds)
        except query_pictures.UnusablePicture as error:
            raise ValidationError({"picture": str(error)}) from error


@contextmanager
def _named_as_here() -> Iterator[None]:
    """What the search calls ``like`` is called ``asset`` here."""
    try:
        yield
    except InvalidQuery as error:
        raise ValidationError(
            {"asset" if name == "like" else name: texts for name, texts in error.errors.items()}
        ) from error
