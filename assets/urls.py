from django.urls import path

from assets import views

urlpatterns = [
    path("assets/<int:pk>/original/", views.original, name="original"),
    path("assets/<int:pk>/view/", views.view, name="view"),
    path("assets/<int:pk>/<slug:preset>.webp", views.rendition, name="rendition"),
    path("assets/<int:pk>/<int:segment>/<slug:preset>.webp", views.rendition, name="segment-rendition"),
]
