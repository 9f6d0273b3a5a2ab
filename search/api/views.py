"""The search endpoint: reads a query, asks for the answer, writes it down."""

from typing import Any

from django.core.paginator import Paginator
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.response import Response
from rest_framework.reverse import reverse

from assets.api.pagination import Pagination
from assets.api.parsers import JSONParser
from assets.api.permissions import MayRead
from assets.api.representation import Representation, rows
from assets.models import Asset
from search import query_pictures
from search.api.errors import answered
from search.api.parameters import pictures, query_params
from search.api.serializers import ResultSerializer, answer_serializer
from search.facets import facets
from search.hits import Hit, segments_of
from search.language import Kind
from search.query import MOST_PARTS, SearchQuery
from search.results import Results, search
from search.throttles import TooManyPictures, count_pictures


class SearchPagination(Pagination):
    """Pages whose links name the query as it was understood: a POST's results go on in a GET."""

    def paginator_of(self, results: Results, size: int) -> Paginator:
        self.results = results
        return results.paginator(size, results.hits)

    def get_next_link(self) -> str | None:
        return self._link(self.page.next_page_number()) if self.page.has_next() else None

    def get_previous_link(self) -> str | None:
        return self._link(self.page.previous_page_number()) if self.page.has_previous() else None

    def _link(self, number: int) -> str:
        params = self.results.query.params()
        params["page"] = str(number)
        if self.page.paginator.per_page != self.page_size:
            params["page_size"] = str(self.page.paginator.per_page)
        return f"{reverse('api:search', request=self.request)}?{params.urlencode()}"


_TEXT = {"type": "array", "items": {"type": "string"}}


@extend_schema(
    parameters=[
        OpenApiParameter("q", _TEXT, description='Texts, in the language of the box: `red car -night "exact words"`.'),
        OpenApiParameter("like", _TEXT, description="Assets to be near to, by id; `-456` to be far from; `123^0.5`."),
        OpenApiParameter("picture", _TEXT, description="Tokens of uploaded pictures, as an answer names them."),
        OpenApiParameter("url", _TEXT, description="Addresses of pictures on the web."),
        OpenApiParameter("mode", str, enum=["hybrid", "semantic", "keyword"]),
        OpenApiParameter("sort", str, description="relevance, or a field: orders the matches only."),
        OpenApiParameter("space", str, description="The space that answers alone, by its name or a unique ending."),
        OpenApiParameter("facets", bool, description="Count the matches by tag, kind, collection, year, uploader."),
        OpenApiParameter("page", int),
        OpenApiParameter("page_size", int),
    ],
    responses=answer_serializer(),
)
class SearchView(GenericAPIView):
    """Find assets by texts, pictures and filters together.

    Every filter of the asset list may be given too. A POST takes the same as JSON, or as multipart with a ``picture``.
    """

    queryset = Asset.objects.none()
    serializer_class = ResultSerializer
    pagination_class = SearchPagination
    filter_backends: list[Any] = []
    permission_classes = [MayRead]
    parser_classes = [JSONParser, FormParser, MultiPartParser]

    def get(self, request: Any) -> Response:
        return self._answer(query_params(request))

    @extend_schema(request={"application/json": dict[str, Any], "multipart/form-data": dict[str, Any]})
    def post(self, request: Any) -> Response:
        params = query_params(request)
        files = pictures(request)
        if len(files) > MOST_PARTS:
            raise ValidationError({"picture": f"A query has at most {MOST_PARTS} parts."})
        self._count_pictures(len(files))
        for picture in files:
            try:
                params.appendlist("picture", query_pictures.keep(picture))
            except query_pictures.UnusablePicture as error:
                raise ValidationError({"picture": str(error)}) from error
        return self._answer(params)

    def _answer(self, params: Any) -> Response:
        if "q" in params and not any(text.strip() for text in params.getlist("q")):
            raise ValidationError({"q": "Say what to look for."})
        with answered():
            query = SearchQuery.parse(params)
            if not query:
                raise ValidationError({"q": "Say what to look for: q, like, picture, url, or a filter."})
            self._count_pictures(len(query.of_kind(Kind.URL)))
            results = search(query, self.request.user)
            page: Any = self.paginate_queryset(results)  # type: ignore[arg-type]
        response = self.get_paginated_response(self._shown(page))
        answer = {"search": {"query": results.query.params().urlencode(), **results.info()}, **response.data}
        if self.request.query_params.get("facets") in {"1", "true"}:
            answer["facets"] = facets(results.matches, self.request.user)
        return Response(answer)

    def _shown(self, page: list[tuple[int, Hit]]) -> list[dict[str, Any]]:
        visible = Asset.objects.visible_to(self.request.user)
        found = {row["id"]: row for row in rows(visible.filter(pk__in=[pk for pk, _hit in page]))}
        segments, shown = segments_of(page), Representation(self.request)
        return [
            shown(found[pk]) | hit.as_dict() | {"segment": shown.segment(segments.get(pk))}
            for pk, hit in page
            if pk in found  # it may have been deleted since
        ]

    def _count_pictures(self, pictures: int) -> None:
        try:
            count_pictures(self.request, pictures)
        except TooManyPictures as error:
            self.throttled(self.request, error.seconds)
