"""SQL over REST, for superusers: reads a statement, has it run, writes the answer down."""

from typing import Any

from django.conf import settings
from django.http import Http404
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import BasePermission
from rest_framework.response import Response
from rest_framework.views import APIView

from assets.api.errors import Unavailable
from assets.api.parsers import JSONParser
from search.api.errors import answered
from search.sql import console, session
from search.sql.rules import SqlError


class IsSuperuser(BasePermission):
    def has_permission(self, request: Any, view: Any) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)


_ANSWER = inline_serializer(
    "SqlAnswer",
    {
        "columns": serializers.ListField(child=serializers.CharField()),
        "rows": serializers.ListField(child=serializers.ListField()),
        "row_count": serializers.IntegerField(),
        "truncated": serializers.BooleanField(),
        "took_ms": serializers.FloatField(),
    },
)


class SqlView(APIView):
    """Run one statement, read-only, over the views and functions of the schema ``dam_sql``.

    For superusers, where ``DAM_SQL_CONSOLE`` is set; the rows are those that the superuser may see.
    """

    permission_classes = [IsSuperuser]
    parser_classes = [JSONParser]

    def initial(self, request: Any, *args: Any, **kwargs: Any) -> None:
        if not settings.DAM_SQL_CONSOLE:
            raise Http404
        super().initial(request, *args, **kwargs)

    @extend_schema(request=inline_serializer("Sql", {"sql": serializers.CharField()}), responses=_ANSWER)
    def post(self, request: Any) -> Response:
        sql = request.data.get("sql") if isinstance(request.data, dict) else None
        if not isinstance(sql, str):
            raise ValidationError({"sql": 'Send a statement: {"sql": "SELECT ..."}.'})
        try:
            with answered():
                answer = console.run(sql, session.rights(request.user), f"user {request.user.pk} over the API")
        except SqlError as error:
            raise ValidationError({"sql": str(error)}) from error
        except session.NoSession as error:
            raise Unavailable(str(error)) from error
        return Response(answer.as_dict())
