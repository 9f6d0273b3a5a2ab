"""Questions about pictures, and drafts of what to write about one: asks, and writes down what comes."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

import orjson
from django.http import HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import APIException, PermissionDenied, ValidationError
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView

from assets.api.errors import problem_body
from assets.api.parsers import JSONParser
from assets.api.renderers import JSONRenderer
from assets.models import Asset
from search.api.errors import answered
from search.api.parameters import query_params
from search.ask.asking import Begun, Question, ask
from search.ask.describing import describe
from search.ask.errors import AskFailed
from search.ask.wire import Wire
from search.language import Kind
from search.throttles import TooManyPictures, count_pictures


class EventStream(JSONRenderer):
    """Server-Sent Events. What fails before the first of them is a problem object."""

    media_type = "text/event-stream"
    format = "event-stream"

    @staticmethod
    def line(name: str, value: dict[str, Any]) -> bytes:
        return b"event: %s\ndata: %s\n\n" % (name.encode(), orjson.dumps(value))


class JSONLines(JSONRenderer):
    media_type = "application/x-ndjson"
    format = "ndjson"

    @staticmethod
    def line(name: str, value: dict[str, Any]) -> bytes:
        return orjson.dumps({"event": name, **value}) + b"\n"


class _Citation(serializers.Serializer):
    number = serializers.IntegerField(help_text="Its number in this answer.")
    id = serializers.IntegerField()
    title = serializers.CharField()
    url = serializers.CharField(help_text="The asset's page.")
    thumbnail = serializers.CharField()


class _Statement(serializers.Serializer):
    text = serializers.CharField(help_text="Plain text, as the model wrote it: never markup.")
    citations = _Citation(many=True)


class _Tokens(serializers.Serializer):
    vars()["in"] = serializers.IntegerField(allow_null=True)
    out = serializers.IntegerField(allow_null=True)


class AnswerSerializer(serializers.Serializer):
    question = serializers.CharField()
    model = serializers.CharField()
    search = serializers.CharField(help_text="The search that found the pictures.")
    pictures = _Citation(many=True, help_text="What the model was shown.")
    statements = _Statement(many=True)
    answer = serializers.CharField(help_text="The statements in lines, with the numbers of their pictures.")
    complete = serializers.BooleanField(help_text="False where the model stopped at the most tokens.")
    removed = serializers.IntegerField(help_text="Citations taken away, because they named no picture that was sent.")
    tokens = _Tokens()


class DraftsSerializer(serializers.Serializer):
    alt = serializers.CharField(help_text="For the description, which pages show as the alternative text.")
    caption = serializers.CharField(help_text="For the title.")
    language = serializers.CharField(help_text="As a BCP 47 tag; empty where the model named none.")
    language_of = serializers.ChoiceField(["text", "user"], help_text="Where the language was taken from.")
    model = serializers.CharField()
    tokens = _Tokens()


class _Asking(APIView):
    permission_classes = [IsAuthenticated]
    parser_classes = [JSONParser]


class AskView(_Asking):
    """Ask about pictures: the best that a search finds are shown to a language model, which answers from them.

    The body is a JSON object: `question`, at most so many `pictures`, whether to `stream`, and the parameters of a
    search, by which the pictures are found; without any but filters, the question itself is searched for. Streamed
    (`stream`, or by the header Accept) come the events `pictures`, `statement` and `done`, or `error` with a problem.
    """

    renderer_classes = [JSONRenderer, EventStream, JSONLines]

    @extend_schema(request={"application/json": dict[str, Any]}, responses=AnswerSerializer)
    def post(self, request: Any) -> HttpResponseBase:
        streamed, question = self._read(request)
        wire = Wire(question, request.build_absolute_uri("/").rstrip("/"))
        with answered(), failing():
            self._count_pictures(question)
            events = ask(question, request.user)
            first = next(events)
            if streamed is None:
                return Response(wire.whole(chain([first], events)))
        return stream(streamed, wire, first, events)

    def _read(self, request: Any) -> tuple[Any, Question]:
        """Return how to stream (None: not at all), and the question."""
        if not isinstance(request.data, dict):
            raise ValidationError('Send a JSON object, for example {"question": "Which show snow?"}.')
        wished = request.data.pop("stream", False)
        if not isinstance(wished, bool):
            raise ValidationError({"stream": "must be true or false"})
        with answered():
            question = Question.parse(query_params(request))
        accepted = type(request.accepted_renderer)
        return (accepted if accepted in (EventStream, JSONLines) else EventStream if wished else None), question

    def _count_pictures(self, question: Question) -> None:
        try:
            count_pictures(self.request, len(question.query.of_kind(Kind.URL)))
        except TooManyPictures as error:
            self.throttled(self.request, error.seconds)


class DescribeView(_Asking):
    """Draft an alternative text and a caption for an asset. Nothing is saved; who likes a draft sends it in a PATCH."""

    @extend_schema(request=None, responses=DraftsSerializer)
    def post(self, request: Any, pk: int) -> Response:
        asset = get_object_or_404(Asset.objects.visible_to(request.user).prefetch_related("tags"), pk=pk)
        if not request.user.has_perm("assets.change_asset"):
            raise PermissionDenied
        with failing():
            drafts = describe(asset, request.user)
        return Response(vars(drafts))


class LanguageModelFailed(APIException):
    """AskFailed, as the API says it: with the member ``code``."""

    def __init__(self, error: AskFailed) -> None:
        super().__init__(str(error), code=error.code)
        self.status_code = error.status
        self.members = {"code": error.code}
        if error.seconds is not None:
            self.wait = error.seconds


@contextmanager
def failing() -> Iterator[None]:
    try:
        yield
    except AskFailed as error:
        raise LanguageModelFailed(error) from error


def stream(kind: Any, wire: Wire, first: Begun | Any, events: Any) -> StreamingHttpResponse:
    """Return the events as they come; an error after the first is the last event."""

    def lines() -> Iterator[bytes]:
        try:
            for name, value in wire.events(chain([first], events)):
                yield kind.line(name, value)
        except AskFailed as error:
            yield kind.line("error", problem_body(error.status, str(error)) | {"code": error.code})
        finally:
            events.close()

    response = StreamingHttpResponse(lines(), content_type=f"{kind.media_type}; charset=utf-8")
    response["X-Accel-Buffering"] = "no"  # a proxy hands on each event as it comes
    return response
