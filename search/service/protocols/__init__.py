"""Other people's protocols: whoever asked their services for vectors can ask the encoder process instead."""

from search.service.protocols import clip_as_service, feature_extraction, openai, roboflow

ROUTES = [*clip_as_service.ROUTES, *roboflow.ROUTES, *feature_extraction.ROUTES, *openai.ROUTES]
