from django.urls import path

from search import views

urlpatterns = [
    path("", views.search, name="search"),
    path("assets/<int:pk>/", views.asset, name="asset"),
]
