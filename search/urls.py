from django.urls import path

from search.page import views

urlpatterns = [
    path("", views.search, name="search"),
    path("facets/", views.counts, name="facets"),
    path("assets/<int:pk>/", views.asset, name="asset"),
]
