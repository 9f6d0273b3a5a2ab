"""The schema dam_sql: whose rights it has, which model's vectors, and by which index it is served."""

import numpy as np
import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.db import DatabaseError, connection, transaction
from django.urls import reverse

from assets.models import Asset, Tag
from search.models import Embedding, EmbeddingModel, QueryVector
from search.sql import session
from search.vectors import text_vector

pytestmark = pytest.mark.django_db


def rows(statement: str, asked_by: dict[str, str] | None = None) -> list:
    """What a statement gives on the library's own connection, in a session with these settings."""
    with transaction.atomic(), connection.cursor() as cursor:
        for name, value in (session.EVERYTHING if asked_by is None else asked_by).items():
            cursor.execute("SELECT set_config(%s, %s, true)", [name, value])
        cursor.execute(statement)
        return cursor.fetchall()


@pytest.mark.parametrize("public", [False, True])
def test_its_rights_are_those_of_the_library(make_asset, small_space, user, public, settings):
    settings.DAM_PUBLIC_READ = public
    make_asset()
    for somebody in (
        None,
        AnonymousUser(),
        user,
        User.objects.create_superuser("root"),
        User.objects.create_user("gone", is_active=False),
    ):
        visible = set(Asset.objects.visible_to(somebody or AnonymousUser()).values_list("pk", flat=True))
        for view in ("images", "visible_assets", "image_words"):
            found = rows(f"SELECT id FROM dam_sql.{view}", session.rights(somebody))
            assert {pk for (pk,) in found} == visible, (somebody, view)


def test_a_session_that_says_nothing_of_its_user_sees_nothing(make_asset, small_space):
    make_asset()
    assert rows("SELECT * FROM dam_sql.images", {}) == []
    assert rows("SELECT * FROM dam_sql.images", {"dam.user_id": "123456789"}) == []
    with pytest.raises(DatabaseError, match="invalid input syntax"):
        rows("SELECT * FROM dam_sql.images", {"dam.user_id": "1 OR true"})


def test_a_row_says_of_an_asset_what_the_library_says(make_asset, small_space, give_vector):
    titled = make_asset("a.png", title="A car", description="by the sea", tags=[Tag.named("Truck"), Tag.named("Red")])
    make_asset("b.png")
    give_vector(titled, [1, 0])
    first, second = rows(
        "SELECT id, url, title, description, tags, created_at, taken_at, embedding::text FROM dam_sql.images"
        " ORDER BY id",
        session.EVERYTHING | {"dam.url": "https://dam.example.com"},
    )
    url = f"https://dam.example.com{reverse('original', args=[titled.pk])}"
    assert first[:5] == (titled.pk, url, "A car", "by the sea", ["Red", "Truck"])
    assert first[5:] == (titled.created_at, None, "[1,0,0,0,0,0,0,0]")
    assert (second[2], second[4], second[7]) == ("b.png", [], None)


def test_the_segments_of_an_asset_are_no_rows(make_asset, small_space, give_vector):
    row = give_vector(make_asset(), [1])
    Embedding.objects.create(asset=row.asset, model=small_space, segment=1, vector=row.vector, state="ready")
    assert len(rows("SELECT * FROM dam_sql.images")) == 1


def test_it_follows_the_active_model_in_the_same_transaction(make_asset, small_space, give_vector):
    asset = make_asset()
    give_vector(asset, [1])
    other = EmbeddingModel.objects.create(name="other", dimensions=3)
    Embedding.objects.create(asset=asset, model=other, vector=[0, 1, 0], state="ready")

    def vector():
        return rows("SELECT embedding::text FROM dam_sql.images")

    with transaction.atomic():
        other.activate()
        assert vector() == [("[0,1,0]",)]
        transaction.set_rollback(True)
    assert vector() == [("[1,0,0,0,0,0,0,0]",)]
    other.activate()
    assert vector() == [("[0,1,0]",)]
    EmbeddingModel.objects.filter(pk=other.pk).update(state="retired")
    assert vector() == []
    small_space.activate()
    assert vector() == [("[1,0,0,0,0,0,0,0]",)]
    EmbeddingModel.objects.create(name="texts", dimensions=2, state="active", embeds="description")
    assert vector() == [("[1,0,0,0,0,0,0,0]",)]


def test_without_a_model_it_is_there_and_empty(make_asset):
    make_asset()
    assert rows("SELECT id, url, title, description, tags, created_at, taken_at, embedding FROM dam_sql.images") == []
    with pytest.raises(DatabaseError, match="no embedding model is active"):
        rows("SELECT dam_sql.clip_text_embedding('car')")


def known(model, text, vector):
    from hashlib import sha256

    QueryVector.objects.create(model=model, text=text, digest=sha256(text.encode()).digest(), vector=vector)


def test_a_text_is_found_however_it_is_written_around_it(small_space):
    spaces = "".join(character for character in map(chr, range(0x10000)) if character.isspace())
    assert len(spaces) > 20
    known(small_space, "old  tram 电车", [1] + [0] * 7)
    with connection.cursor() as cursor:
        for text in ("old  tram 电车", *(f"{space}old  tram 电车{space}" for space in spaces)):
            cursor.execute("SELECT dam_sql.clip_text_embedding(%s)::text", [text])
            assert cursor.fetchone() == ("[1,0,0,0,0,0,0,0]",), repr(text)


def test_it_is_the_vector_that_the_library_searches_with(bundled_model):
    vector = text_vector(" ein rotes Auto ", bundled_model)
    [(found,)] = rows("SELECT dam_sql.clip_text_embedding('ein rotes Auto')::text")
    assert np.allclose(np.fromstring(found[1:-1], sep=","), vector, atol=1e-6)


def test_a_text_without_a_vector_is_an_error_that_says_how_to_get_one(small_space):
    known(EmbeddingModel.objects.create(name="other", dimensions=8), "car", [1] + [0] * 7)
    for text in ("car", "it''s"):
        with pytest.raises(
            DatabaseError, match=r"(?s)has no vector yet.*manage.py sql.*api/v1/sql/.*install_sql --live"
        ):
            rows(f"SELECT dam_sql.clip_text_embedding('{text}')")
    with pytest.raises(DatabaseError, match="the text is empty"):
        rows("SELECT dam_sql.clip_text_embedding(E' \\u3000 ')")
    assert rows("SELECT dam_sql.clip_text_embedding(NULL)") == [(None,)]


def test_an_asset_is_named_by_id_key_or_address(make_asset, give_vector):
    asset = make_asset()
    give_vector(asset, [0, 1])
    key = asset.original.name
    for name in (
        asset.pk,
        f" {asset.pk}\n",
        key,
        f"originals/{key}",
        f"https://bucket.example.com/originals/{key}?X-Amz-Signature=1",
        f"/assets/{asset.pk}/",
        f"https://dam.example.com/assets/{asset.pk}/original/",
        f"https://dam.example.com/assets/{asset.pk}/thumbnail.webp?x=1",
    ):
        assert rows(f"SELECT dam_sql.clip_image_embedding('{name}')::text") == [("[0,1,0,0,0,0,0,0]",)], name


def test_an_asset_that_is_not_visible_is_not_there(make_asset, give_vector):
    asset = make_asset()
    nobody = session.rights(None)
    for name in (asset.pk, asset.original.name, 0, 9**20, "a.png", "", asset.original.name[3:]):
        with pytest.raises(DatabaseError, match="there is no asset"):
            rows(f"SELECT dam_sql.clip_image_embedding('{name}')", nobody)
    with pytest.raises(DatabaseError, match=r"(?s)no vector yet.*embed --missing"):
        rows(f"SELECT dam_sql.clip_image_embedding('{asset.pk}')")
