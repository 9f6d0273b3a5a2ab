"""An asset's page in the admin suggests tags; a person accepts or rejects them, without JavaScript."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client

from assets.models import Asset, Tag
from search.models import TagRejection
from tests.admin.conftest import told
from tests.search.test_suggestions import encoder, truck  # noqa: F401


def page_of(asset: Asset) -> str:
    return f"/admin/assets/asset/{asset.pk}/change/"


def view_of(asset: Asset) -> str:
    return f"/admin/assets/asset/{asset.pk}/suggested-tags/"


@pytest.fixture
def decide(editing: Client, truck: Asset) -> Callable[..., Any]:  # noqa: F811
    """Post what an editor decided about the truck; returns the page that follows."""

    def post(**decision: Any) -> Any:
        response = editing.post(view_of(truck), decision, follow=True)
        assert response.redirect_chain == [(page_of(truck), 302)]
        assert response.status_code == 200
        return response

    return post


def tags_of(asset: Asset) -> list[str]:
    return list(asset.tags.order_by("name").values_list("name", flat=True))


def test_the_page_shows_tags_with_confidence_and_applies_none(editing: Client, truck: Asset):  # noqa: F811
    page = editing.get(page_of(truck)).content.decode()
    assert "Suggested tags" in page
    for name in ["truck", "vehicle", "snow"]:
        assert f'aria-label="Accept {name}"' in page
        assert f'aria-label="Reject {name}"' in page
    assert "Accept fish" not in page
    assert tags_of(truck) == []


def test_one_tag_is_accepted_and_the_history_says_by_whom(
    decide: Callable[..., Any],
    truck: Asset,  # noqa: F811
    editor: User,
):
    response = decide(accept=Tag.named("truck").pk)
    assert tags_of(truck) == ["truck"]
    assert "truck" in told(response)
    assert "Accept truck" not in response.content.decode()
    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_id) == (editor, str(truck.pk))
    assert "truck" in str(entry)


def test_one_tag_is_rejected_and_does_not_come_again(decide: Callable[..., Any], truck: Asset):  # noqa: F811
    response = decide(reject=Tag.named("vehicle").pk)
    assert tags_of(truck) == []
    assert TagRejection.objects.filter(asset=truck, tag=Tag.named("vehicle")).exists()
    assert "Accept vehicle" not in response.content.decode()


def test_all_from_a_confidence_on_are_accepted(decide: Callable[..., Any], truck: Asset):  # noqa: F811
    shown = [Tag.named(name).pk for name in ("truck", "vehicle", "snow")]
    assert "No suggested tag" in told(decide(threshold=100, shown=shown))
    assert tags_of(truck) == []
    decide(threshold=50, shown=shown)
    assert tags_of(truck) == ["truck", "vehicle"]


def test_what_was_not_on_the_page_is_not_accepted_with_it(decide: Callable[..., Any], truck: Asset):  # noqa: F811
    decide(threshold=50, shown=[Tag.named("truck").pk])
    assert tags_of(truck) == ["truck"]


@pytest.mark.parametrize(
    "decision",
    [
        {},
        {"accept": "x"},
        {"accept": "9" * 30},
        {"reject": "\0"},
        {"threshold": "-1"},
        {"threshold": "101", "shown": "1"},
        {"threshold": "5", "shown": ["1", "x"]},
    ],
)
def test_a_malformed_decision_is_named_and_changes_nothing(
    decide: Callable[..., Any],
    truck: Asset,  # noqa: F811
    decision: dict[str, Any],
):
    assert told(decide(**decision))
    assert tags_of(truck) == []
    assert not TagRejection.objects.exists()


def test_it_takes_the_permission_to_change_assets(
    looking: Client,
    truck: Asset,  # noqa: F811
):
    assert "Suggested tags" not in looking.get(page_of(truck)).content.decode()
    assert looking.post(view_of(truck), {"accept": Tag.named("truck").pk}).status_code == 403
    assert tags_of(truck) == []


def test_an_asset_that_is_not_visible_is_not_there(
    editing: Client,
    truck: Asset,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
):
    from assets.querysets import AssetQuerySet

    monkeypatch.setattr(AssetQuerySet, "visible_to", lambda assets, user: assets.none())
    assert editing.post(view_of(truck), {"accept": Tag.named("truck").pk}).status_code == 404
    assert tags_of(truck) == []


def test_only_a_form_of_ours_can_decide(editing: Client, editor: User, truck: Asset):  # noqa: F811
    assert editing.get(view_of(truck), {"accept": Tag.named("truck").pk}).status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(editor)
    assert strict.post(view_of(truck), {"accept": Tag.named("truck").pk}).status_code == 403
    assert Client().post(view_of(truck), {"accept": Tag.named("truck").pk}).status_code == 302  # to the sign-in
    assert tags_of(truck) == []
