from assets.models.asset import Asset, Kind, Rendition
from assets.models.catalogue import CatalogueRow
from assets.models.collection import Collection
from assets.models.segment import Segment
from assets.models.tag import Tag

__all__ = ["Asset", "CatalogueRow", "Collection", "Kind", "Rendition", "Segment", "Tag"]
