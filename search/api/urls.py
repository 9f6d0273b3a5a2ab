from django.urls import path, re_path
from rest_framework.routers import SimpleRouter

from search.api.ask import AskView, DescribeView
from search.api.rpc import EmbeddingsView, MatchImagesView
from search.api.saved import JudgmentView, SavedSearchViewSet
from search.api.sql import SqlView
from search.api.views import SearchView

router = SimpleRouter()
router.register("saved-searches", SavedSearchViewSet, basename="saved-search")

urlpatterns = [
    path("ask/", AskView.as_view(), name="ask"),
    path("assets/<int:pk>/describe/", DescribeView.as_view(), name="describe"),
    path("search/", SearchView.as_view(), name="search"),
    path("sql/", SqlView.as_view(), name="sql"),
    path("judgments/", JudgmentView.as_view(), name="judgments"),
    path("embeddings/", EmbeddingsView.as_view(), name="embeddings"),
    re_path("^rpc/match_images/?$", MatchImagesView.as_view(), name="match-images"),
    *router.urls,
]
