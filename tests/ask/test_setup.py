import subprocess
import sys
from typing import Any

import pytest
from django.core.checks import run_checks
from django.test import Client

from search.ask.errors import NotConfigured
from search.ask.setup import setup

CODE = """
import os, sys, django
os.environ["DJANGO_SETTINGS_MODULE"] = "dam.settings"
django.setup()
from django.urls import get_resolver
get_resolver().url_patterns
import dam.wsgi
print(sorted({"anthropic", "openai"} & set(sys.modules)))
"""


@pytest.mark.parametrize("llm", ["", "anthropic:a-model"])
def test_the_web_process_imports_no_sdk_before_somebody_asks(llm: str, tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("DAM_LLM", llm)
    monkeypatch.setenv("DAM_DATA_DIR", str(tmp_path))
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({"DAM_LLM": "claude"}, "search.E040"),
        ({"DAM_LLM": "anthropic:"}, "search.E040"),
        ({"DAM_LLM": "gemini:x"}, "search.E040"),
        ({"DAM_LLM": "openai:x", "DAM_LLM_URL": "localhost:11434"}, "search.E040"),
        ({"DAM_LLM": "openai:x", "DAM_LLM_URL": "http://[::1"}, "search.E040"),
        ({"DAM_LLM": "openai:x", "DAM_LLM_URL": "http://h:99999"}, "search.E040"),
        ({"DAM_LLM_SECONDS": 0}, "search.E041"),
        ({"DAM_LLM_PICTURES": 0}, "search.E041"),
        ({"DAM_LLM_TOKENS": -1}, "search.E041"),
        ({"DAM_LLM_AT_ONCE": 16}, "search.E041"),
        ({"DAM_LLM_MAX_TOKENS": 10**10}, "search.E041"),
        ({"DAM_LLM_API_KEY": "a\nkey"}, "search.E042"),
        ({"DAM_LLM_API_KEY": "schlüssel"}, "search.E042"),
    ],
)
def test_a_setting_that_means_nothing_fails_at_start(values: dict[str, Any], found: str, settings: Any) -> None:
    for name, value in values.items():
        setattr(settings, name, value)
    assert found in [error.id for error in run_checks()]


def test_what_is_in_order_passes(settings: Any) -> None:
    settings.DAM_LLM, settings.DAM_LLM_URL = "openai:qwen2.5vl:7b", "http://localhost:11434/v1/"
    assert not [error for error in run_checks() if error.id in ("search.E040", "search.E041")]
    found = setup()
    assert (found.model, found.url, found.key) == ("qwen2.5vl:7b", "http://localhost:11434/v1", "none")


def test_a_key_of_the_providers_tools_goes_to_the_provider_alone(settings: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "for-anthropic")
    settings.DAM_LLM = "anthropic:a-model"
    assert setup().key == "for-anthropic"
    settings.DAM_LLM_URL = "http://localhost:9"
    assert setup().key == "none"
    settings.DAM_LLM_API_KEY = "given"
    assert setup().key == "given"


def test_a_missing_key_is_named(settings: Any, monkeypatch: Any) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    settings.DAM_LLM = "openai:a-model"
    with pytest.raises(NotConfigured, match="DAM_LLM_API_KEY or OPENAI_API_KEY"):
        setup()


@pytest.mark.django_db
def test_without_a_model_the_api_says_what_to_set(reader: Client) -> None:
    response = reader.post("/api/v1/ask/", {"question": "Truck?"}, content_type="application/json")
    assert response.status_code == 503
    assert response.json()["code"] == "not_configured"
    assert "DAM_LLM" in response.json()["detail"]


@pytest.mark.django_db
@pytest.mark.parametrize("provider", ["anthropic", "openai"])
def test_a_missing_sdk_names_the_extra(provider: str, post: Any, ask_at: Any, monkeypatch: Any) -> None:
    ask_at("http://127.0.0.1:9", provider)
    monkeypatch.setitem(sys.modules, provider, None)
    response = post()
    assert response.status_code == 503
    assert "pip install 'django-dam[llm]'" in response.json()["detail"]
