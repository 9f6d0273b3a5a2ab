"""Pages of the API, by number."""

from typing import Any

from django.core.paginator import InvalidPage, Page, Paginator
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import PageNumberPagination
from rest_framework.response import Response

from assets.paginator import DEEPEST, paginator_for


class Pagination(PageNumberPagination):
    """``page`` and ``page_size`` (≤ 200); ``{count, next, previous, results}``.

    A ranking is not counted (``count`` is null): every asset with a vector is in it, near or far.
    """

    page_size = 50
    max_page_size = 200
    page_size_query_param = "page_size"

    def get_page_size(self, request: Any) -> int:
        return self._whole_number(request, "page_size", default=self.page_size, most=self.max_page_size)

    def paginate_queryset(self, queryset: Any, request: Any, view: Any = None) -> list[Any]:
        self.request = request
        size = self.get_page_size(request)
        number = self._whole_number(request, "page", default=1, most=max(1, DEEPEST // size))
        try:
            self.page: Page = self.paginator_of(queryset, size).page(number)
        except InvalidPage as error:
            raise ValidationError({"page": str(error)}) from error
        return list(self.page)

    def paginator_of(self, results: Any, size: int) -> Paginator:
        return paginator_for(results, size)

    def get_paginated_response(self, data: Any) -> Response:
        return Response(
            {
                "count": self.page.paginator.count,
                "next": self.get_next_link(),
                "previous": self.get_previous_link(),
                "results": data,
            }
        )

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        response = super().get_paginated_response_schema(schema)
        response["properties"]["count"]["nullable"] = True
        return response

    @staticmethod
    def _whole_number(request: Any, name: str, *, default: int, most: int) -> int:
        text = request.query_params.get(name, str(default))
        if not (text.isascii() and text.isdecimal() and len(text) <= 10 and 1 <= int(text) <= most):
            raise ValidationError({name: f"must be a whole number from 1 to {most}"})
        return int(text)
