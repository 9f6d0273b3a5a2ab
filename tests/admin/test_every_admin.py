from collections.abc import Callable

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from assets.admin.base import ModelAdmin
from assets.models import Asset, Collection, Tag
from assets.preparation import prepare_batch

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_every_list_and_form_answers_on_the_common_base(model: type, admin_client: Client, user: User) -> None:
    registered = admin.site._registry[model]  # type: ignore[index]
    assert isinstance(registered, ModelAdmin)
    name = f"admin:{registered.opts.app_label}_{registered.opts.model_name}"
    assert admin_client.get(reverse(f"{name}_changelist"), {"q": "a"}).status_code == 200
    assert admin_client.get(reverse(f"{name}_add")).status_code in {200, 403}


def test_tags_stand_as_a_tree(editing: Client) -> None:
    zoo = Tag.named("zoo")
    car = Tag.named("car")
    ape = Tag.objects.create(name="ape", parent=zoo)
    response = editing.get("/admin/assets/tag/")
    assert list(response.context["cl"].result_list) == [car, zoo, ape]
    assert '<span class="dam-term" style="--depth: 1">ape</span>' in response.content.decode()


def test_a_tag_can_be_put_below_another(editing: Client) -> None:
    parent = Tag.named("vehicle")
    editing.post("/admin/assets/tag/add/", {"name": "truck", "slug": "", "parent": parent.pk})
    assert Tag.objects.get(slug="truck").parent == parent


def test_a_collection_shows_its_size_and_the_newest_of_its_pictures(
    editing: Client, make_asset: Callable[..., Asset]
) -> None:
    spring = Collection.named("Spring")
    make_asset(collections=[spring])
    newest = make_asset(collections=[spring])
    prepare_batch()
    make_asset(collections=[spring])  # has no picture yet
    page = editing.get("/admin/assets/collection/").content.decode()
    assert f'href="/admin/assets/asset/?collection={spring.pk}">3</a>' in page
    assert f"/assets/{newest.pk}/thumbnail.webp" in page


def test_a_new_collection_remembers_who_made_it(editing: Client, editor: User) -> None:
    assert editing.post("/admin/assets/collection/add/", {"name": "Autumn"}).status_code == 302
    assert Collection.objects.get(name="Autumn").created_by == editor


def test_the_menu_offers_only_what_its_user_may_see(looking: Client, admin_client: Client) -> None:
    users = 'href="/admin/auth/user/"'
    assert users in admin_client.get("/admin/").content.decode()
    page = looking.get("/admin/").content.decode()
    assert users not in page
    assert 'href="/admin/assets/asset/add/"' not in page
    assert 'href="/admin/assets/asset/"' in page
