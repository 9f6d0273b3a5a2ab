from tests.api.conftest import client_of  # noqa: F401
from tests.search.conftest import many_assets  # noqa: F401
