from tests.api import conftest as of_api
from tests.search import conftest as of_search

client_of, many_assets = of_api.client_of, of_search.many_assets
