from django.urls import path

from assets import views

urlpatterns = [
    path("assets/<int:pk>/original/", views.original, name="original"),
    path("assets/<int:pk>/<slug:preset>.webp", views.rendition, name="rendition"),
]
