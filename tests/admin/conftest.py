from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

LIST = "/admin/assets/asset/"


@pytest.fixture
def editing(editor: User) -> Client:
    """A browser in which somebody with every permission on the library is signed in."""
    client = Client()
    client.force_login(editor)
    return client


@pytest.fixture
def looking(db: None) -> Client:
    """A browser in which somebody is signed in who may look at everything and change nothing."""
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.set(
        Permission.objects.filter(content_type__app_label__in=["assets", "search"], codename__startswith="view_")
    )
    client = Client()
    client.force_login(viewer)
    return client


@pytest.fixture
def listed(editing: Client) -> Callable[..., list[int]]:
    """The ids that the asset list shows for a query string, in its order."""

    def ids(**parameters: Any) -> list[int]:
        response = editing.get(LIST, parameters)
        assert response.status_code == 200
        return [asset.pk for asset in response.context["cl"].result_list]

    return ids


def told(response: Any) -> str:
    """All messages that a page shows to its user."""
    return " ".join(str(message) for message in response.context["messages"])
