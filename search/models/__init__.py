from search.models.api_key import ApiKey
from search.models.ask import Ask
from search.models.asset_text import AssetText
from search.models.embedding import (
    Embedding,
    EmbeddingModel,
    EmbeddingModelQuerySet,
    EmbeddingQuerySet,
    NoActiveModel,
    register_model,
)
from search.models.measurement import Calibration, Judgment, RecallProbe
from search.models.mirror import Mirror, MirrorChange
from search.models.policy import Policy, PolicyFlag
from search.models.query_picture import QueryPicture
from search.models.query_vector import QueryVector
from search.models.remote_model import RemoteModel, count_request
from search.models.saved_search import SavedSearch
from search.models.tag_rejection import TagRejection

__all__ = [
    "ApiKey",
    "Ask",
    "AssetText",
    "Calibration",
    "Embedding",
    "EmbeddingModel",
    "EmbeddingModelQuerySet",
    "EmbeddingQuerySet",
    "Judgment",
    "Mirror",
    "MirrorChange",
    "NoActiveModel",
    "Policy",
    "PolicyFlag",
    "QueryPicture",
    "QueryVector",
    "RecallProbe",
    "RemoteModel",
    "SavedSearch",
    "TagRejection",
    "count_request",
    "register_model",
]
