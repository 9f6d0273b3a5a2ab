"""A DAM_MILVUS_URI that no client can use stops the start, and what is said of one keeps its password."""

import pytest

from search.checks import index_is_known
from search.milvus import client


@pytest.mark.parametrize("uri", ["http://milvus:19530", "https://user:word@milvus", "unix:/run/milvus.sock", "m.db"])
def test_an_address_of_milvus_is_accepted(settings, uri):
    settings.DAM_INDEX, settings.DAM_MILVUS_URI = "milvus", uri
    assert index_is_known() == []


@pytest.mark.parametrize("uri", ["http://[bad", "https://milvus:99999", "http://", "foo://milvus", "unix:", "milvus"])
def test_what_is_no_address_of_milvus_is_refused(settings, uri):
    settings.DAM_INDEX, settings.DAM_MILVUS_URI = "milvus", uri
    (error,) = index_is_known()
    assert (error.id, uri in error.msg) == ("search.E008", True)


def test_a_password_in_the_address_of_milvus_is_not_told(settings):
    settings.DAM_INDEX, settings.DAM_MILVUS_URI = "milvus", "http://user:pass-word@127.0.0.1:1"
    client.forget()
    with pytest.raises(client.Unavailable) as caught, client.milvus():
        pass
    client.forget()
    assert "pass-word" not in str(caught.value)
    settings.DAM_MILVUS_URI = "foo://user:pass-word@milvus"
    assert "pass-word" not in index_is_known()[0].msg
