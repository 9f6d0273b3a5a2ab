import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from assets.ledger import State
from assets.models import Asset
from search.models import Embedding, EmbeddingModel
from tests.admin.conftest import LIST

STATUS = "/admin/search/embeddingmodel/status/"


@pytest.fixture
def library(
    small_space: EmbeddingModel, make_asset: Callable[..., Asset], give_vector: Callable[..., Embedding]
) -> dict[str, Asset]:
    """One asset in every state that the way to a vector has."""
    names = ["ready", "pending", "stuck", "broken"]
    assets = {name: make_asset(f"{name}.png") for name in names}
    give_vector(assets["ready"], [1, 0])
    rows = Embedding.objects.filter(asset=assets["stuck"])
    rows.update(state=State.QUARANTINED, attempts=3, problem="the encoder returned nonsense")
    Asset.objects.filter(pk=assets["broken"].pk).update(state=State.QUARANTINED, attempts=3, problem="truncated file")
    return assets


def test_the_status_page_counts_and_names_reasons(library: dict[str, Asset], looking: Client) -> None:
    response = looking.get(STATUS)
    numbers = response.context["numbers"]
    assert {name: numbers[name] for name in ("assets", "embedded", "pending", "quarantined")} == {
        "assets": 4,
        "embedded": 1,
        "pending": 1,
        "quarantined": 2,
    }
    [(_model, counts, coverage)] = response.context["models"]
    assert counts == {"assets": 4, "embedded": 1, "pending": 1, "quarantined": 2}
    assert coverage == 25
    page = response.content.decode()
    assert "the encoder returned nonsense" in page
    assert "truncated file" in page


def test_an_asset_that_is_embedded_again_is_pending_everywhere_on_the_status_page(
    library: dict[str, Asset], looking: Client
) -> None:
    Embedding.objects.filter(asset=library["ready"]).retry()
    response = looking.get(STATUS)
    [(_model, counts, _coverage)] = response.context["models"]
    assert counts == {"assets": 4, "embedded": 0, "pending": 2, "quarantined": 2}
    assert counts.items() <= response.context["numbers"].items()


def test_an_empty_library_has_a_status(editing: Client) -> None:
    assert "register_model" in editing.get(STATUS).content.decode()


def test_the_status_page_is_in_the_menu(looking: Client) -> None:
    assert f'href="{STATUS}"' in looking.get("/admin/").content.decode()


def test_quarantined_embeddings_are_retried_from_the_status_page(library: dict[str, Asset], editing: Client) -> None:
    assert editing.post(STATUS, {"retry": "embeddings"}).status_code == 302
    row = Embedding.objects.get(asset=library["stuck"])
    assert (row.state, row.attempts, row.problem) == (State.PENDING, 0, "")
    assert Asset.objects.get(pk=library["broken"].pk).state == State.QUARANTINED


def test_quarantined_assets_are_retried_from_the_status_page(library: dict[str, Asset], editing: Client) -> None:
    editing.post(STATUS, {"retry": "assets"})
    assert Asset.objects.get(pk=library["broken"].pk).state == State.PENDING
    assert Embedding.objects.get(asset=library["stuck"]).state == State.QUARANTINED


@pytest.mark.parametrize("what", ["assets", "embeddings", "everything", ""])
def test_a_retry_takes_permission(what: str, library: dict[str, Asset], looking: Client) -> None:
    assert "Retry all" not in looking.get(STATUS).content.decode()
    assert looking.post(STATUS, {"retry": what}).status_code == 403
    assert Embedding.objects.get(asset=library["stuck"]).state == State.QUARANTINED
    assert Asset.objects.get(pk=library["broken"].pk).state == State.QUARANTINED


def test_a_retry_from_another_site_is_refused_and_from_the_page_it_works(
    library: dict[str, Asset], editor: User
) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(editor)
    assert client.post(STATUS, {"retry": "embeddings"}).status_code == 403
    assert Embedding.objects.get(asset=library["stuck"]).state == State.QUARANTINED
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', client.get(STATUS).content.decode())
    assert token
    data = {"retry": "embeddings", "csrfmiddlewaretoken": token[1]}
    assert client.post(STATUS, data).status_code == 302
    assert Embedding.objects.get(asset=library["stuck"]).state == State.PENDING


def test_who_may_not_see_models_gets_no_status(user: User, client: Client) -> None:
    user.is_staff = True
    user.save()
    client.force_login(user)
    assert client.get(STATUS).status_code == 403


@pytest.mark.parametrize(
    ("state", "names"), [("ready", ["ready"]), ("pending", ["pending"]), ("quarantined", ["broken", "stuck"])]
)
def test_assets_are_filtered_by_where_they_are_on_their_way_to_a_vector(
    state: str, names: list[str], library: dict[str, Asset], listed: Any
) -> None:
    assert listed(embedding=state) == [library[name].pk for name in names]


def test_assets_can_be_embedded_again_and_stay_findable_meanwhile(library: dict[str, Asset], editing: Client) -> None:
    data = {"action": "embed_again", "index": 0, "_selected_action": [library["ready"].pk, library["stuck"].pk]}
    editing.post(LIST, data)
    for name in ("ready", "stuck"):
        assert Embedding.objects.get(asset=library[name]).state == State.PENDING
    assert Embedding.objects.get(asset=library["ready"]).vector is not None


def test_the_ledger_shows_state_attempts_and_problem_and_can_be_filtered(
    library: dict[str, Asset], looking: Client
) -> None:
    response = looking.get("/admin/search/embedding/", {"state__exact": "quarantined"})
    assert [row.asset for row in response.context["cl"].result_list] == [library["stuck"]]
    assert "the encoder returned nonsense" in response.content.decode()


def test_rows_of_the_ledger_are_retried_by_who_may(library: dict[str, Asset], editing: Client, looking: Client) -> None:
    row = Embedding.objects.get(asset=library["stuck"])
    data = {"action": "retry", "index": 0, "_selected_action": [row.pk]}
    looking.post("/admin/search/embedding/", data)
    row.refresh_from_db()
    assert row.state == State.QUARANTINED
    editing.post("/admin/search/embedding/", data)
    row.refresh_from_db()
    assert row.state == State.PENDING


def test_nobody_writes_vectors_or_models_by_hand(library: dict[str, Asset], admin_client: Client) -> None:
    row = Embedding.objects.get(asset=library["ready"])
    for model, pk in (("embedding", row.pk), ("embeddingmodel", row.model_id)):
        assert admin_client.get(f"/admin/search/{model}/{pk}/change/").status_code == 200
        assert admin_client.post(f"/admin/search/{model}/{pk}/change/", {}).status_code == 403
        assert admin_client.post(f"/admin/search/{model}/{pk}/delete/", {"post": "yes"}).status_code == 403
    assert admin_client.get("/admin/search/embedding/add/").status_code == 403
