from typing import Any

from drf_spectacular.utils import inline_serializer
from rest_framework import serializers

from assets.api.serializers import AssetSerializer, SegmentSerializer


class ResultSerializer(AssetSerializer):
    """An asset that was found, and why. ``relevance`` is from 0 to 1, a match from 0.5."""

    match = serializers.BooleanField(source="hit.match")
    relevance = serializers.FloatField(source="hit.relevance", allow_null=True)
    distance = serializers.FloatField(source="hit.distance", allow_null=True)
    similarity = serializers.FloatField(source="hit.similarity", allow_null=True)
    why = serializers.ListField(child=serializers.DictField(), source="hit.why")
    segment = SegmentSerializer(allow_null=True, help_text="The part that is nearest to the query; null: the whole.")
    segments: Any = None  # of one asset alone

    class Meta(AssetSerializer.Meta):
        fields = [name for name in AssetSerializer.Meta.fields if name != "segments"]
        fields += ["match", "relevance", "distance", "similarity", "why", "segment"]
        read_only_fields = fields


def answer_serializer() -> Any:
    """The shape of an answer, for the schema."""
    return inline_serializer(
        "SearchAnswer",
        {
            "search": inline_serializer(
                "SearchInfo",
                {
                    "query": serializers.CharField(help_text="the query, as the parameters of an address"),
                    "mode": serializers.ChoiceField(["exact", "index", "text", "filter"]),
                    "model": serializers.CharField(allow_null=True),
                    "descriptions": serializers.CharField(
                        allow_null=True, help_text="the model of descriptions that took part"
                    ),
                    "candidates": serializers.IntegerField(allow_null=True, help_text="rows that were ranked"),
                    "planned_rows": serializers.IntegerField(
                        allow_null=True, help_text="the planner's estimate of the rows that the filters keep"
                    ),
                    "took_ms": serializers.FloatField(),
                },
            ),
            "count": serializers.IntegerField(allow_null=True, help_text="null for a ranking, which is not counted"),
            "next": serializers.URLField(allow_null=True),
            "previous": serializers.URLField(allow_null=True),
            "results": ResultSerializer(many=True),
            "facets": serializers.DictField(required=False),
        },
    )
