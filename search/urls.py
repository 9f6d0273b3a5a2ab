from django.urls import path

from search.page import saved, views

urlpatterns = [
    path("", views.search, name="search"),
    path("facets/", views.counts, name="facets"),
    path("saved/", saved.save, name="save-search"),
    path("saved/<int:pk>/delete/", saved.forget, name="forget-search"),
    path("assets/<int:pk>/", views.asset, name="asset"),
]
