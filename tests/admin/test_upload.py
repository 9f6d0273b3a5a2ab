import errno
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from assets.models import Asset, Collection, Tag
from assets.storage import AtomicFileSystemStorage
from tests.admin.conftest import told

UPLOAD = "/admin/assets/asset/add/"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def send(client: Client, *files: tuple[str, bytes], **fields: Any) -> Any:
    uploads = [SimpleUploadedFile(name, data, "image/png") for name, data in files]
    return client.post(UPLOAD, {"pictures": uploads, **fields})


def test_the_add_button_leads_to_a_form_for_many_files(editing: Client) -> None:
    page = editing.get(UPLOAD).content.decode()
    assert 'type="file"' in page
    assert "multiple" in page


def test_many_files_are_stored_at_once_with_tags_and_collections(
    editing: Client, picture: Callable[..., bytes]
) -> None:
    tag, spring = Tag.named("truck"), Collection.named("Spring")
    response = send(editing, ("a.png", picture()), ("b.png", picture()), tags=[tag.pk], collections=[spring.pk])
    assert response.status_code == 302
    assert sorted(Asset.objects.values_list("filename", flat=True)) == ["a.png", "b.png"]
    for asset in Asset.objects.all():
        assert list(asset.tags.all()) == [tag]
        assert list(asset.collections.all()) == [spring]
        assert asset.uploaded_by is not None
        assert asset.uploaded_by.username == "editor"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("notes.png", b"just words"),
        ("empty.png", b""),
        ("script.svg", SVG),
        ("page.jpg", b"<html><body>hello</body></html>"),
    ],
)
def test_what_is_no_picture_is_named_with_its_reason_and_the_rest_is_stored(
    name: str, data: bytes, editing: Client, picture: Callable[..., bytes]
) -> None:
    response = send(editing, ("good.png", picture()), (name, data), ("fine.png", picture()))
    assert response.status_code == 200
    [(refused, reason, existing)] = response.context["outcome"].refused
    assert refused == name
    assert existing is None
    assert reason in response.content.decode()
    assert sorted(Asset.objects.values_list("filename", flat=True)) == ["fine.png", "good.png"]


def test_a_file_that_the_disk_has_no_room_for_is_named_and_the_rest_is_stored(
    editing: Client, picture: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    save = AtomicFileSystemStorage._save
    too_large = picture(size=(640, 480))

    def full(storage: Any, name: str, content: Any) -> str:
        if content.size == len(too_large):
            raise OSError(errno.ENOSPC, "No space left on device", "/srv/originals/ab")
        return save(storage, name, content)

    monkeypatch.setattr(AtomicFileSystemStorage, "_save", full)
    response = send(editing, ("good.png", picture()), ("large.png", too_large), ("fine.png", picture()))
    assert response.status_code == 200
    [(refused, reason, existing)] = response.context["outcome"].refused
    assert (refused, reason, existing) == ("large.png", "could not be stored: No space left on device.", None)
    assert told(response) == "2 files stored."
    assert sorted(Asset.objects.values_list("filename", flat=True)) == ["fine.png", "good.png"]


def test_a_duplicate_is_refused_with_a_link_to_the_first(
    editing: Client, make_asset: Callable[..., Asset], picture: Callable[..., bytes]
) -> None:
    data = picture()
    first = make_asset(data=data)
    response = send(editing, ("again.png", data))
    assert f"/admin/assets/asset/{first.pk}/change/" in response.content.decode()
    assert Asset.objects.count() == 1


def test_a_path_as_a_name_becomes_a_plain_file_name(editing: Client, picture: Callable[..., bytes]) -> None:
    send(editing, ("../../etc/passwd", picture()))
    assert Asset.objects.get().filename == "passwd"


def test_a_form_without_files_asks_for_them(editing: Client) -> None:
    response = send(editing)
    assert response.status_code == 200
    assert response.context["form"].errors["pictures"]


def test_who_may_not_add_cannot_upload(looking: Client, picture: Callable[..., bytes]) -> None:
    assert looking.get(UPLOAD).status_code == 403
    assert send(looking, ("a.png", picture())).status_code == 403
    assert not Asset.objects.exists()
