from django.urls import path
from rest_framework.routers import SimpleRouter

from search.api.saved import JudgmentView, SavedSearchViewSet
from search.api.views import SearchView

router = SimpleRouter()
router.register("saved-searches", SavedSearchViewSet, basename="saved-search")

urlpatterns = [
    path("search/", SearchView.as_view(), name="search"),
    path("judgments/", JudgmentView.as_view(), name="judgments"),
    *router.urls,
]
