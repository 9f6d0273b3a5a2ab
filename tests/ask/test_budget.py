from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models.functions import Now
from django.test import Client

from assets.models import Asset
from demo.llm import Server
from search.ask import budget
from search.ask.errors import BudgetSpent
from search.models import Ask


@pytest.fixture
def library(shown: Callable[..., Asset], serve: Any, ask_at: Any) -> Server:
    server = serve(Server())
    ask_at(server.url)
    shown(title="Truck")
    return server


@pytest.mark.django_db
def test_a_user_has_so_many_requests_in_a_day(library: Server, post: Any, settings: Any) -> None:
    settings.DAM_LLM_USER_REQUESTS = 2
    assert [post().status_code for _ in range(3)] == [200, 200, 429]
    refused = post()
    assert "Your 2 questions of a day are asked." in refused.json()["detail"]
    assert 0 < int(refused["Retry-After"]) <= 86400
    assert len(library.requests) == Ask.objects.count() == 2
    Ask.objects.update(asked_at=Now() - timedelta(days=1))
    assert post().status_code == 200


@pytest.mark.django_db
def test_all_users_together_have_so_many(library: Server, post: Any, editor: User, settings: Any) -> None:
    settings.DAM_LLM_REQUESTS = 1
    other = Client()
    other.force_login(editor)
    body = {"question": "truck", "mode": "keyword"}
    assert other.post("/api/v1/ask/", body, content_type="application/json").status_code == 200
    assert "library's 1 questions" in post().json()["detail"]


@pytest.mark.django_db
def test_tokens_that_a_request_may_cost_are_reserved_before_it_is_made(
    library: Server, post: Any, settings: Any
) -> None:
    settings.DAM_LLM_USER_TOKENS = 100
    refused = post()
    assert refused.status_code == 429
    assert "Your 100 tokens of a day" in refused.json()["detail"]
    assert library.requests == []


@pytest.mark.django_db
def test_tokens_are_counted_as_the_service_says(library: Server, post: Any) -> None:
    tokens = post().json()["tokens"]
    row = Ask.objects.get()
    assert (row.tokens_in, row.tokens_out) == (tokens["in"], tokens["out"])
    assert 0 < row.tokens_in + row.tokens_out < row.reserved
    assert Ask.objects.all().spent() == {"requests": 1, "tokens": row.tokens_in + row.tokens_out}


@pytest.mark.django_db
def test_zero_is_any_number(library: Server, post: Any, settings: Any) -> None:
    for name in ("USER_REQUESTS", "USER_TOKENS", "REQUESTS", "TOKENS"):
        setattr(settings, f"DAM_LLM_{name}", 0)
    assert post().status_code == 200


@pytest.mark.django_db(transaction=True)
def test_requests_at_once_reserve_no_more_than_there_is(user: User, settings: Any) -> None:
    settings.DAM_LLM_USER_TOKENS = 3500

    def reserve(_: int) -> bool:
        try:
            budget.reserve(user, 1000, question="?", model="m")
        except BudgetSpent:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(reserve, range(16))) == 3
    assert Ask.objects.all().spent() == {"requests": 3, "tokens": 3000}


@pytest.mark.django_db
def test_the_row_says_who_asked_what_of_which_assets(library: Server, post: Any, user: User) -> None:
    post("Is it red?")
    row = Ask.objects.get()
    assert (row.user, row.question, row.search) == (user, "Is it red?", "q=truck&mode=keyword")
    assert row.assets == [Asset.objects.get().pk]
    assert (row.model, row.outcome) == ("anthropic:test-model", Ask.Outcome.ANSWERED)
    assert row.answer[0]["text"]
    assert row.ended_at >= row.asked_at
    user.delete()
    row.refresh_from_db()
    assert row.user is None
