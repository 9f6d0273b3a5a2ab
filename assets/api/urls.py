from rest_framework.routers import DefaultRouter

from assets.api import views

app_name = "api"

router = DefaultRouter()
router.register("assets", views.AssetViewSet, basename="asset")
router.register("collections", views.CollectionViewSet)
router.register("tags", views.TagViewSet)

urlpatterns = router.urls
