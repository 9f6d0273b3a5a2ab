"""The box for questions about pictures, and its answers: as a page of their own, or in lines for the page's script."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from search.ask.asking import MOST_QUESTION, Event, Question, ask
from search.ask.errors import AskFailed
from search.ask.setup import missing
from search.ask.wire import Wire
from search.encoders import ModelUnavailable
from search.language import Kind
from search.models import NoActiveModel
from search.page.guard import for_members
from search.query import InvalidQuery, SearchQuery
from search.throttles import count_pictures

LINES = "application/x-ndjson"


@require_http_methods(["GET", "HEAD", "POST"])
@for_members
def page(request: HttpRequest) -> Any:
    """Take a question about what a search finds; the address has the search, or the form of the box."""
    if request.method != "POST":
        return _page(request, request.GET)
    searched = QueryDict(request.POST.get("search", ""))
    params = searched.copy()
    for name in ("question", "pictures", "page"):
        params.pop(name, None)
    params.setlist("question", request.POST.getlist("question"))
    try:
        question = Question.parse(params)
        count_pictures(request, len(question.query.of_kind(Kind.URL)))
        wire = Wire(question)
        events = ask(question, request.user)
        first = next(events)
        if _wants_lines(request):
            return _streamed(wire, first, events)
        return _page(request, searched, said=wire.whole(chain([first], events)))
    except InvalidQuery as error:
        return _failed(request, searched, " ".join(error.all_messages), 400)
    except (NoActiveModel, ModelUnavailable) as error:
        return _failed(request, searched, str(error), 503)
    except AskFailed as error:
        response = _failed(request, searched, str(error), error.status)
        if error.seconds is not None:
            response["Retry-After"] = str(error.seconds)
        return response


def box(query: SearchQuery) -> dict[str, Any]:
    """Context of ``search/ask_box.html`` for the results of a query; what is asked is about them."""
    return {"ask_search": query.params().urlencode(), "ask_off": missing(), "ask_most": MOST_QUESTION}


def _page(request: HttpRequest, searched: QueryDict, status: int = 200, **more: Any) -> HttpResponse:
    context = {
        "ask_search": searched.urlencode(),
        "ask_off": missing(),
        "ask_most": MOST_QUESTION,
        "ask_question": request.POST.get("question", ""),
        "ask_back": f"{reverse('search')}?{searched.urlencode()}" if searched else reverse("search"),
        **more,
    }
    return render(request, "search/ask.html", context, status=status)


def _failed(request: HttpRequest, searched: QueryDict, problem: str, status: int) -> HttpResponse:
    if _wants_lines(request):
        return JsonResponse({"detail": problem}, status=status)
    return _page(request, searched, status, problem=problem)


def _wants_lines(request: HttpRequest) -> bool:
    return request.headers.get("Accept", "") == LINES


def _streamed(wire: Wire, first: Event, events: Iterator[Event]) -> StreamingHttpResponse:
    def lines() -> Iterator[bytes]:
        try:
            for name, value in wire.events(chain([first], events)):
                yield orjson.dumps({"event": name, **value}) + b"\n"
        except AskFailed as error:
            yield orjson.dumps({"event": "error", "detail": str(error)}) + b"\n"
        finally:
            events.close()  # type: ignore[attr-defined]  # a generator

    response = StreamingHttpResponse(lines(), content_type=LINES)
    response["X-Accel-Buffering"] = "no"
    return response
