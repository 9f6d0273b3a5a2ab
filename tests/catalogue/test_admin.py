"""The rows of catalogues in the admin: what each became, and what is wrong with it."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from assets.models import Asset, CatalogueRow
from tests.catalogue.conftest import run

pytestmark = pytest.mark.django_db
LIST = "/admin/assets/cataloguerow/"


@pytest.fixture
def editing(editor):
    client = Client()
    client.force_login(editor)
    return client


@pytest.fixture
def imported(put, write):
    run(write({"id": "a", "file": put("a.png"), "title": "Green dress"}, {"id": "<b>", "file": "missing.png"}))
    return Asset.objects.get()


def test_a_row_leads_to_its_asset_and_a_problem_is_told_as_it_is(editing, imported):
    page = editing.get(LIST).content.decode()
    assert f'href="/admin/assets/asset/{imported.pk}/change/">Green dress</a>' in page
    assert "missing.png is not there." in page
    assert "shop, &lt;b&gt;" in page


def test_the_rows_with_a_problem_can_be_asked_for(editing, imported):
    keys = {
        value: [row.key for row in editing.get(LIST, {"problem": value}).context["cl"].result_list]
        for value in ("yes", "no", "nonsense")
    }
    assert keys == {"yes": ["<b>"], "no": ["a"], "nonsense": ["a", "<b>"]}


def test_the_list_costs_the_same_whatever_its_length(editing, put, write, django_assert_max_num_queries):
    run(write(*({"id": i, "file": put(f"{i}.png")} for i in range(30))))
    with django_assert_max_num_queries(12):
        assert editing.get(LIST).status_code == 200


def test_rows_are_neither_made_nor_changed_nor_deleted_by_hand(editing, imported):
    row = CatalogueRow.objects.get(key="a")
    assert editing.get(f"{LIST}add/").status_code == 403
    assert editing.post(f"{LIST}{row.pk}/change/", {"key": "z"}).status_code == 403
    answer = editing.post(LIST, {"action": "delete_selected", "_selected_action": row.pk, "post": "yes"})
    assert answer.status_code in (200, 302)
    assert CatalogueRow.objects.filter(key="a").exists()


def test_who_may_delete_an_asset_may_delete_one_of_a_catalogue(user, imported):
    user.is_staff = True
    user.save()
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_asset", "delete_asset", "change_asset"]))
    client = Client()
    client.force_login(user)
    url = f"/admin/assets/asset/{imported.pk}/delete/"
    assert "requires deleting" not in client.get(url).content.decode()
    assert client.post(url, {"post": "yes"}).status_code == 302
    assert not Asset.objects.exists()
    assert list(CatalogueRow.objects.values_list("key", flat=True)) == ["<b>"]
