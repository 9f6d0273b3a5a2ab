"""Embedding models in the admin: added, compared, switched, rolled back and deleted, by who may."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.test import Client

from assets.ledger import State
from assets.models import Asset
from search import saved
from search.encoders import ModelUnavailable
from search.models import Embedding, EmbeddingModel, Judgment
from tests.admin.conftest import told
from tests.search.test_switching import Reader, embed, like, states

LIST = "/admin/search/embeddingmodel/"
Phase = EmbeddingModel.State


def page(model: EmbeddingModel, rest: str = "change/") -> str:
    return f"{LIST}{model.pk}/{rest}"


@pytest.fixture
def old(small_space: EmbeddingModel) -> EmbeddingModel:
    EmbeddingModel.objects.filter(pk=small_space.pk).update(activated_at=Now())
    return small_space


@pytest.fixture
def new(old: EmbeddingModel) -> EmbeddingModel:
    return EmbeddingModel.objects.create(name="new-space", dimensions=8, switch_when_complete=False)


@pytest.fixture
def assets(old: EmbeddingModel, new: EmbeddingModel, make_asset: Callable[..., Asset]) -> list[Asset]:
    """Four prepared assets, of which the new model has three; they lie apart in the one and near in the other."""
    made = [make_asset(f"{number}.png") for number in range(4)]
    Asset.objects.update(state=State.READY)
    embed(old, made, seed=1)
    embed(new, made[:3], seed=2)
    return made


def test_the_list_and_the_page_show_coverage(assets, old, new, looking):
    rows = {model.name: model.panel for model in looking.get(LIST).context["cl"].result_list}
    assert (rows["test-space"].coverage.percent, rows["new-space"].coverage.percent) == (100, 75)
    content = looking.get(page(new)).content.decode()
    assert "75.0 %" in content
    assert f'hx-get="{page(new, "progress/")}"' in content
    assert "75.0 %" in looking.get(page(new, "progress/")).content.decode()


def test_what_is_not_on_its_way_is_not_asked_for_again(assets, old, looking):
    assert "hx-trigger" not in looking.get(page(old, "progress/")).content.decode()


def test_the_list_costs_as_many_queries_for_many_models(assets, looking, django_assert_max_num_queries):
    for number in range(5):
        EmbeddingModel.objects.create(name=f"other-{number}", dimensions=8, state=Phase.RETIRED)
    with django_assert_max_num_queries(40):
        looking.get(LIST)


def test_a_switch_asks_first_and_says_what_is_missing(assets, new, editing, editor):
    url = page(new, "step/switch/")
    shown = editing.get(url).content.decode()
    assert "1 asset or segment has no vector of new-space yet" in shown
    assert editing.post(url).status_code == 400
    assert states() == {"test-space": Phase.ACTIVE, "new-space": Phase.BUILDING}
    answer = editing.post(url, {"whatever": "1"}, follow=True)
    assert "new-space answers queries now" in told(answer)
    assert states() == {"test-space": Phase.RETIRED, "new-space": Phase.ACTIVE}
    assert LogEntry.objects.get(user=editor).change_message == "new-space answers queries now."


def test_a_complete_model_is_switched_to_without_a_warning(assets, new, editing):
    embed(new, assets)
    assert editing.post(page(new, "step/switch/")).status_code == 302
    assert states()["new-space"] == Phase.ACTIVE


def test_rolling_back_offers_to_complete_the_model_before_first(assets, old, new, editing):
    editing.post(page(new, "step/switch/"), {"whatever": "1"})
    Embedding.objects.filter(asset=assets[3]).delete()
    shown = editing.get(page(new, "step/rollback/")).content.decode()
    assert "1 asset or segment has come since" in shown
    assert page(old, "step/complete/") in shown
    editing.post(page(new, "step/rollback/"), {"whatever": "1"})
    assert states() == {"test-space": Phase.ACTIVE, "new-space": Phase.RETIRED}


def test_a_model_can_be_stopped_held_back_and_deleted(assets, new, editing):
    editing.post(page(new, "step/automatic/"))
    new.refresh_from_db()
    assert new.switch_when_complete
    editing.post(page(new, "step/wait/"))
    editing.post(page(new, "step/stop/"))
    assert states()["new-space"] == Phase.RETIRED
    editing.post(page(new, "step/prune/"))
    assert states()["new-space"] == Phase.PRUNING


def test_a_step_that_is_not_to_be_had_is_refused_in_words(assets, old, new, editing):
    for model, step in ((old, "switch"), (old, "rollback"), (old, "prune"), (new, "complete")):
        assert "is not to be had" in told(editing.post(page(model, f"step/{step}/"), follow=True))
    assert editing.get(page(old, "step/nonsense/")).status_code == 404
    assert editing.get("/admin/search/embeddingmodel/9999999/step/switch/").status_code == 404
    assert states() == {"test-space": Phase.ACTIVE, "new-space": Phase.BUILDING}


@pytest.mark.parametrize("step", ["switch", "rollback", "complete", "wait", "automatic", "stop", "prune"])
def test_steps_take_permission(step, assets, old, new, looking):
    for model in (old, new):
        assert looking.post(page(model, f"step/{step}/"), {"whatever": "1"}).status_code == 403
    assert "/step/" not in looking.get(page(new)).content.decode()
    assert looking.get(f"{LIST}add/").status_code == 403


def test_a_model_is_added_after_it_was_found_to_load(old, editing, settings, monkeypatch):
    settings.DAM_ENCODER_URL = "http://localhost:1"
    for module in ("search.admin.add_model", "search.models.embedding"):
        monkeypatch.setattr(f"{module}.get_encoder", lambda name: Reader(name, 16))
    answer = editing.post(f"{LIST}add/", {"name": "brand-new"}, follow=True)
    assert "brand-new is being built" in told(answer)
    added = EmbeddingModel.objects.get(name="brand-new")
    assert (added.state, added.dimensions, added.switch_when_complete) == (Phase.BUILDING, 16, False)


def test_a_model_that_cannot_be_had_is_not_added(old, editing, settings, monkeypatch):
    def fail(name: str) -> Any:
        raise ModelUnavailable(f"there are no weights called {name}")

    settings.DAM_ENCODER_URL = "http://localhost:1"
    monkeypatch.setattr("search.admin.add_model.get_encoder", fail)
    answer = editing.post(f"{LIST}add/", {"name": "brand-new"})
    assert "there are no weights called brand-new" in answer.content.decode()
    assert EmbeddingModel.objects.count() == 1


def test_without_an_encoder_process_the_page_says_what_to_do(old, editing, settings):
    settings.DAM_ENCODER_URL = ""
    assert "manage.py models add brand-new" in editing.post(f"{LIST}add/", {"name": "brand-new"}).content.decode()
    assert "is there already" in editing.post(f"{LIST}add/", {"name": "test-space"}).content.decode()
    assert "This field is required" in editing.post(f"{LIST}add/", {"name": " "}).content.decode()


def test_two_models_are_compared_over_saved_searches_and_judgments(assets, old, new, looking, editor):
    viewer = User.objects.get(username="viewer")
    saved.save(viewer, "near the first", like(assets[0].pk))
    Judgment.objects.create(query=f"like={assets[1].pk}", asset=assets[2], user=editor, relevant=True)
    answer = looking.get(page(new, "compare/"), {"format": "json"}).json()
    assert answer["models"] == ["test-space", "new-space"]
    rows = {row["origin"]: row for row in answer["rows"]}
    assert set(rows) == {"saved search near the first", "judgments"}
    # Three others are in the one space and two in the other.
    assert rows["saved search near the first"]["overlap"] == pytest.approx(2 / 3)
    ranks = [side["ranks"][str(assets[2].pk)] for side in rows["judgments"]["sides"]]
    assert all(1 <= rank <= 3 for rank in ranks)
    assert answer["means"]["judged"] == 1
    assert answer["means"]["recall"] == [1, 1]
    content = looking.get(page(new, "compare/")).content.decode()
    assert "near the first" in content


def test_what_one_model_cannot_be_asked_is_named(assets, old, new, looking):
    saved.save(User.objects.get(username="viewer"), "near the last", like(assets[3].pk))
    [row] = looking.get(page(new, "compare/"), {"format": "json"}).json()["rows"]
    assert "has no vector yet" in row["problem"]


def test_a_typed_query_shows_the_pictures_of_both(assets, old, new, looking):
    response = looking.get(page(new, "compare/"), {"q": f"like:{assets[0].pk}"})
    [(_old, before), (_new, after)] = response.context["sides"]
    assert [len(before), len(after)] == [4, 3]
    assert [asset for asset, both in before if not both] == [assets[3]]
    assert "only here" in response.content.decode()
    refused = looking.get(page(new, "compare/"), {"q": "like:999999"})
    assert refused.status_code == 200
    assert "no asset 999999" in refused.content.decode()


def test_the_comparison_shows_what_its_viewer_may_see(assets, new, user):
    user.is_staff = True
    user.save()
    client = Client()
    client.force_login(user)
    assert client.get(page(new, "compare/")).status_code == 403


def test_one_model_alone_is_compared_with_nothing(old, looking):
    assert "no other model" in looking.get(page(old, "compare/")).content.decode()


def test_the_command_compares_too(assets, new, capsys, editor):
    from django.core.management import call_command

    saved.save(editor, "near", like(assets[0].pk))
    call_command("models", "compare", "new-space", "--json")
    answer = json.loads(capsys.readouterr().out)
    assert answer["rows"][0]["overlap"] == pytest.approx(2 / 3)
    call_command("models", "compare", "new-space")
    assert "overlap@10 0.667" in capsys.readouterr().out
    assert np.isclose(answer["means"]["overlap"], 2 / 3, atol=1e-3)
