"""A DAM_ENCODER_URL that no client can use stops the start."""

import pytest

from search.checks import encoder_url_is_an_address


@pytest.mark.parametrize("url", ["", "unix:/run/dam/encoder.sock", "http://127.0.0.1:8001", "https://gpu.example"])
def test_an_address_is_accepted(settings, url):
    settings.DAM_ENCODER_URL = url
    assert encoder_url_is_an_address() == []


@pytest.mark.parametrize("url", ["127.0.0.1:8001", "unix:encoder.sock", "unix:", "unix:/" + "x" * 110, "ftp://x"])
def test_what_is_none_is_named_with_a_hint(settings, url):
    settings.DAM_ENCODER_URL = url
    (error,) = encoder_url_is_an_address()
    assert error.id == "search.E003"
    assert url in error.msg
