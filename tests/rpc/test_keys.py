"""Keys of the API: made in the admin with a name and a scope, shown once, used by pages of other origins."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from knox.models import AuthToken

from assets.models import Asset
from search.models import ApiKey

pytestmark = pytest.mark.django_db
KEYS = "/admin/knox/authtoken/"
SHOP = "http://shop.example.com"


@pytest.fixture
def key(editor):
    def make(read_only: bool, user=editor) -> str:
        token, text = AuthToken.objects.create(user)
        ApiKey.objects.create(token=token, name="shop", read_only=read_only)
        return text

    return make


def send(method: str, path: str, key: str, **options):
    headers = {"Authorization": f"Bearer {key}"} | options.pop("headers", {})
    return getattr(Client(), method)(path, headers=headers, **options)


def test_a_key_is_made_with_a_name_and_a_scope_and_shown_once(admin_client, admin_user):
    wanted = {"name": "<b>shop</b>", "read_only": "on", "user": admin_user.pk, "expiry_0": "", "expiry_1": ""}
    page = admin_client.post(f"{KEYS}add/", wanted, follow=True).content.decode()
    [key] = set(re.findall(r"\b[0-9a-f]{64}\b", page))
    assert key not in admin_client.get(KEYS).content.decode()
    assert "<b>shop" not in page
    assert "&lt;b&gt;shop" in admin_client.get(KEYS).content.decode()
    row = ApiKey.objects.get()
    assert (row.name, row.read_only, row.token.user) == ("<b>shop</b>", True, admin_user)
    assert send("get", "/api/v1/assets/", key).status_code == 200
    assert admin_client.get(f"{KEYS}{row.pk}/change/").status_code == 200


def test_a_key_is_revoked_by_deleting_it(admin_client, key):
    text = key(read_only=False)
    [token] = AuthToken.objects.all()
    assert admin_client.post(f"{KEYS}{token.pk}/delete/", {"post": "yes"}).status_code == 302
    assert send("get", "/api/v1/assets/", text).status_code == 401
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("wanted", [{"name": ""}, {"name": "a" * 101}, {"user": ""}, {"user": "x"}])
def test_a_mistake_is_named(wanted, admin_client, admin_user):
    fields = {"name": "shop", "user": admin_user.pk, "expiry_0": "", "expiry_1": ""} | wanted
    response = admin_client.post(f"{KEYS}add/", fields)
    assert response.status_code == 200
    assert list(response.context["adminform"].form.errors) == list(wanted)
    assert not AuthToken.objects.exists()


def test_only_superusers_make_keys_for_others(editing_keys, admin_user):
    client, editor = editing_keys
    fields = {"name": "shop", "expiry_0": "", "expiry_1": ""}
    assert client.post(f"{KEYS}add/", fields | {"user": admin_user.pk}).status_code == 200
    assert not AuthToken.objects.exists()
    assert client.post(f"{KEYS}add/", fields | {"user": editor.pk}).status_code == 302
    assert AuthToken.objects.get().user == editor


@pytest.fixture
def editing_keys(editor: User):
    editor.user_permissions.add(*Permission.objects.filter(content_type__app_label="knox"))
    client = Client()
    client.force_login(editor)
    return client, editor


def test_a_key_that_may_only_read_reads_whatever_way_it_is_asked(key, small_space, make_asset, give_vector):
    asset = make_asset()
    give_vector(asset, [1])
    reading = key(read_only=True)
    assert send("get", "/api/v1/assets/", reading).status_code == 200
    assert send("get", f"/assets/{asset.pk}/original/", reading).status_code == 200
    json = {"content_type": "application/json"}
    assert send("post", "/api/v1/search/", reading, data={"q": "picture", "mode": "keyword"}, **json).status_code == 200
    assert send("post", "/api/v1/embeddings/", reading, data={"asset": asset.pk}, **json).status_code == 200
    asked = {"query_embedding": [1] * 8, "match_threshold": 0, "match_count": 1}
    assert send("post", "/api/v1/rpc/match_images", reading, data=asked, **json).json()[0]["id"] == asset.pk


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("post", "/api/v1/assets/"),
        ("patch", "/api/v1/assets/{pk}/"),
        ("delete", "/api/v1/assets/{pk}/"),
        ("post", "/api/v1/tags/"),
        ("post", "/api/v1/saved-searches/"),
        ("post", "/api/v1/judgments/"),
        ("post", "/api/v1/sql/"),
        ("post", "/api/v1/assets/{pk}/describe/"),
    ],
)
def test_a_key_that_may_only_read_changes_nothing(method, path, key, make_asset, settings):
    settings.DAM_JUDGMENTS = settings.DAM_SQL_CONSOLE = True
    asset = make_asset()
    options = {} if path == "/api/v1/assets/" else {"data": {"title": "x"}, "content_type": "application/json"}
    response = send(method, path.format(pk=asset.pk), key(read_only=True), **options)
    assert response.status_code == 403
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json()["detail"] == "This API key may only read."
    assert Asset.objects.get().title == ""


def test_a_key_that_may_write_does_what_its_user_may_and_no_more(key, user, picture):
    def upload(text):
        return send("post", "/api/v1/assets/", text, data={"file": SimpleUploadedFile("a.png", picture())})

    assert upload(key(read_only=False)).status_code == 201
    assert upload(key(read_only=False, user=user)).status_code == 403  # has no permission to add


def test_a_token_got_by_signing_in_has_no_scope(editor, picture):
    _token, text = AuthToken.objects.create(editor)
    assert (
        send("post", "/api/v1/assets/", text, data={"file": SimpleUploadedFile("a.png", picture())}).status_code == 201
    )


def test_a_key_that_has_run_out_or_is_none_is_refused(editor):
    token, text = AuthToken.objects.create(editor)
    AuthToken.objects.filter(pk=token.pk).update(expiry=timezone.now() - timedelta(seconds=1))
    for wrong in (text, "x", "x" * 64, "é" * 10):
        assert send("get", "/api/v1/assets/", wrong).status_code in {400, 401}


# Pages of other origins


def asked_from(origin: str, path: str = "/api/v1/assets/", **headers: str):
    return Client().options(path, headers={"Origin": origin, "Access-Control-Request-Method": "POST", **headers})


def test_no_other_origin_is_let_in_unless_it_is_named(settings, key):
    assert "Access-Control-Allow-Origin" not in asked_from(SHOP)
    settings.CORS_ALLOWED_ORIGINS = [SHOP]
    answer = asked_from(SHOP, **{"Access-Control-Request-Headers": "authorization, content-type"})
    assert answer["Access-Control-Allow-Origin"] == SHOP
    assert "authorization" in answer["Access-Control-Allow-Headers"]
    for other in ("http://shop.example.com.evil.org", "https://shop.example.com", "null", "*"):
        assert "Access-Control-Allow-Origin" not in asked_from(other)


def test_cookies_are_never_part_of_it_and_pages_are_not_open(settings, key, make_asset):
    settings.CORS_ALLOWED_ORIGINS = [SHOP]
    asset = make_asset()
    for path in ("/api/v1/assets/", f"/assets/{asset.pk}/original/"):
        answer = send("get", path, key(read_only=True), headers={"Origin": SHOP})
        assert answer.status_code == 200
        assert answer["Access-Control-Allow-Origin"] == SHOP
        assert "Access-Control-Allow-Credentials" not in answer
        assert "origin" in answer["Vary"].lower()
    for path in ("/", "/admin/", "/login/", "/api/schema/"):
        assert "Access-Control-Allow-Origin" not in Client().get(path, headers={"Origin": SHOP})


def test_refusals_can_be_read_from_there_too(settings, key):
    settings.CORS_ALLOWED_ORIGINS = [SHOP]
    for answer in (
        send("get", "/api/v1/assets/", "wrong", headers={"Origin": SHOP}),
        Client().post("/api/v1/search/", "x" * 30_000_000, content_type="text/plain", headers={"Origin": SHOP}),
    ):
        assert answer.status_code in {401, 413}
        assert answer["Access-Control-Allow-Origin"] == SHOP
