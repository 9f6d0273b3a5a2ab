"""What a browser would not send, or what nobody could mean: named or refused, and never an error of the server."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from assets.models import Asset, Collection, Tag
from tests.admin.conftest import LIST

TAG, COLLECTION = "/admin/assets/tag/", "/admin/assets/collection/"
NO_KEYS = ["abc", "1\0", "9" * 30, "-", "1.5", ""]


@pytest.mark.parametrize("url", [TAG, COLLECTION])
def test_a_name_that_makes_no_slug_is_named_at_its_field(url: str, editing: Client) -> None:
    response = editing.post(f"{url}add/", {"name": "!!!", "slug": ""})
    assert response.status_code == 200
    assert "letter or a digit" in str(response.context["errors"])
    assert list(response.context["adminform"].form.errors) == ["name"]


@pytest.mark.parametrize(("url", "model"), [(TAG, Tag), (COLLECTION, Collection)])
def test_a_name_whose_slug_is_taken_is_named_at_its_field(
    url: str, model: type[Tag] | type[Collection], editing: Client
) -> None:
    model.named("Snow day")
    other = model.named("other")
    for page in ("add/", f"{other.pk}/change/"):
        response = editing.post(f"{url}{page}", {"name": "snow DAY", "slug": ""})
        assert response.status_code == 200
        assert list(response.context["adminform"].form.errors) == ["slug"]
    assert model._default_manager.count() == 2


def test_a_slug_may_be_made_anew_of_an_unchanged_name(editing: Client) -> None:
    truck = Tag.named("truck")
    assert editing.post(f"{TAG}{truck.pk}/change/", {"name": "truck", "slug": ""}).status_code == 302
    assert Tag.objects.get().slug == "truck"


def test_a_tag_cannot_be_put_below_itself_or_its_own_children(editing: Client) -> None:
    vehicle = Tag.named("vehicle")
    truck = Tag.objects.create(name="truck", parent=vehicle)
    for below in (vehicle, truck):
        response = editing.post(f"{TAG}{vehicle.pk}/change/", {"name": "vehicle", "slug": "", "parent": below.pk})
        assert response.status_code == 200
        assert "descendant of itself" in str(response.context["errors"])
    vehicle.refresh_from_db()
    assert vehicle.parent is None


@pytest.mark.parametrize("page", ["zz", "1.5", "-3", "999"])
def test_a_history_has_no_page_that_fails(page: str, editing: Client, make_asset: Callable[..., Asset]) -> None:
    assert editing.get(f"{LIST}{make_asset().pk}/history/", {"p": page}).status_code == 200


@pytest.mark.parametrize("key", NO_KEYS)
@pytest.mark.parametrize("model", sorted(admin.site._registry, key=lambda model: model._meta.label))
def test_no_action_takes_a_selection_that_is_no_key(model: Any, key: str, admin_client: Client) -> None:
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    actions = ["delete_selected", "tag", "prepare_again", "embed_again", "retry"]
    chosen = key if model._meta.pk.get_internal_type() != "CharField" else f"{key}\0"
    for action in actions:
        data = {"action": action, "index": 0, "_selected_action": [chosen]}
        assert admin_client.post(url, data).status_code in {200, 400}  # 200 where there are no actions


@pytest.mark.parametrize("key", NO_KEYS)
def test_a_parent_that_is_no_key_is_named_and_nothing_is_filled_in_for_it(key: str, editing: Client) -> None:
    assert editing.get(f"{TAG}add/", {"parent": key.replace("\0", "")}).status_code == 200
    response = editing.post(f"{TAG}add/", {"name": "truck", "parent": key or "0"})
    assert list(response.context["adminform"].form.errors) == ["parent"]
    assert not Tag.objects.exists()


@pytest.mark.parametrize("key", [key for key in NO_KEYS if key])
def test_a_tag_of_an_asset_that_is_no_key_is_named(key: str, editing: Client, make_asset: Callable[..., Asset]) -> None:
    response = editing.post(f"{LIST}{make_asset().pk}/change/", {"tags": [Tag.named("truck").pk, key]})
    assert "tags" in response.context["adminform"].form.errors
    assert ">truck</option>" in response.content.decode()


@pytest.mark.parametrize("page", ["change", "delete"])
def test_an_empty_name_of_a_field_means_the_key(page: str, editing: Client, make_asset: Callable[..., Asset]) -> None:
    assert editing.get(f"{LIST}{make_asset().pk}/{page}/", {"_to_field": ""}).status_code == 200
