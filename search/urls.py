from django.urls import path

from search.page import ask, judging, saved, views

urlpatterns = [
    path("", views.search, name="search"),
    path("facets/", views.counts, name="facets"),
    path("ask/", ask.page, name="ask"),
    path("saved/", saved.save, name="save-search"),
    path("saved/<int:pk>/delete/", saved.forget, name="forget-search"),
    path("assets/<int:pk>/", views.asset, name="asset"),
    path("assets/<int:pk>/judgment/", judging.judgment, name="judge"),
]
