"""Assets are found by what is written about them."""

import random

import pytest
from django.db import connection

from assets.models import Asset, Tag
from search import fulltext


def found(*texts: str) -> set[str]:
    """The titles of the assets that have all these words."""
    assets = fulltext.matching(Asset.objects.all(), texts)
    assert assets is not None
    return {asset.title for asset in assets}


def with_phrase(phrase: str) -> set[str]:
    return {asset.title for asset in fulltext.containing(Asset.objects.all(), phrase)}


def test_english_words_are_found_in_all_their_forms(make_asset):
    make_asset(title="Running trucks", description="They carry wood")
    make_asset(title="A boat")
    for text in ("truck", "TRUCKS", "run carries", "the trucks are running"):
        assert found(text) == {"Running trucks"}
    assert found("truck", "wooden boat") == set()
    assert found("boats") == {"A boat"}


def test_every_word_of_every_text_must_be_there_in_whatever_field(make_asset):
    tag = Tag.objects.create(name="Winter", parent=Tag.objects.create(name="Season"))
    make_asset("pine.jpg", title="Forest", description="deep snow", tags=[tag])
    make_asset("pine2.jpg", title="Lake", description="deep water", tags=[tag])
    assert found("deep", "winter season") == {"Forest", "Lake"}
    assert found("deep snow", "season pine") == {"Forest"}
    assert found("snow", "lake") == set()


def test_chinese_is_found_by_any_part_of_it(make_asset):
    make_asset(title="雪地里的卡车")
    make_asset(title="红色 卡片")
    for text in ("卡车", "车", "雪", "里", "雪地里的卡车", "的卡", "卡车 雪地"):
        assert found(text) == {"雪地里的卡车"}
    assert found("卡") == {"雪地里的卡车", "红色 卡片"}
    assert found("色卡") == set()
    assert found("车卡") == set()
    assert found("雪车") == set()


def test_japanese_and_korean_are_found_by_any_part_of_them(make_asset):
    make_asset(title="赤いトラックがある")
    make_asset(title="눈 속의 트럭")
    for text in ("トラック", "赤い", "ﾄﾗｯｸ", "ト"):
        assert found(text) == {"赤いトラックがある"}
    for text in ("트럭", "눈", "속의 트럭", "럭"):
        assert found(text) == {"눈 속의 트럭"}


@pytest.mark.parametrize(
    "text", ["IMG_2041.jpg", "img_2041.JPG", "img 2041", "2041", "IMG_2041", "IMG2041", "img-2041"]
)
def test_a_file_name_is_found_by_its_parts(make_asset, text):
    make_asset("IMG_2041.jpg", title="this")
    make_asset("IMG_2042.jpg", title="other")
    assert found(text) == {"this"}


def test_a_single_letter_stays_with_its_number(make_asset):
    make_asset(title="A4 paper")
    make_asset(title="S4 paper")
    assert found("a4") == {"A4 paper"}


def test_a_hyphen_parts_words(make_asset):
    make_asset(title="Blue T-shirt")
    for text in ("t-shirt", "T shirt", "shirts"):
        assert found(text) == {"Blue T-shirt"}


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("Café crème", "cafe creme"),
        ("Cafe", "CAFÉ"),
        ("Café", "Cafe\u0301"),
        ("ＩＭＧ　２０４１", "img 2041"),
        ("ÅNGSTRÖM", "ångström"),
        ("ПРИВЕТ", "привет"),
        ("ΑΘΗΝΑ", "αθηνα"),
        ("مُحَمَّد", "محمد"),
        ("हिन्दी में", "हिन्दी"),
        ("soft\u00adware", "software"),
        ("ﬁnal", "final"),
    ],
)
def test_letters_are_found_however_they_are_written(make_asset, written, text):
    make_asset(title=written)
    make_asset(title="something else")
    assert found(text) == {written}


@pytest.mark.parametrize("texts", [[], [""], ["the", "of and"], ["?!", " "], ["🚗"], ["\x00", "\ud800"]])
def test_texts_without_a_word_ask_for_nothing(make_asset, texts):
    make_asset(title="the car 🚗")
    assert fulltext.matching(Asset.objects.all(), texts) is None


def test_stop_words_are_not_asked_for(make_asset):
    make_asset(title="Car")
    assert found("the car", "of") == {"Car"}


def test_a_word_in_the_title_counts_most_then_tags_then_the_file_name_then_the_description(make_asset):
    make_asset("a.jpg", title="other", description="snow")
    make_asset("b.jpg", title="snow")
    make_asset("snow.jpg", title="other")
    make_asset("c.jpg", title="other", tags=[Tag.objects.create(name="snow")])
    ranked = fulltext.matching(Asset.objects.all(), ["snow"]).order_by("-text_rank")
    assert [asset.filename for asset in ranked] == ["b.jpg", "c.jpg", "snow.jpg", "a.jpg"]


def test_a_search_by_words_stays_a_queryset_to_be_narrowed_and_asks_one_small_query(
    make_asset, django_assert_num_queries
):
    make_asset(title="snow")
    make_asset(title="snow")
    with django_assert_num_queries(1):
        assets = fulltext.matching(Asset.objects.all(), ["snow", "snows"])
    assert [asset.pk for asset in assets.filter(pk=Asset.objects.first().pk)[:5]] == [Asset.objects.first().pk]
    assert fulltext.matching(Asset.objects.none(), ["snow"]).count() == 0


# --- phrases --------------------------------------------------------------------------------------------------------


def test_a_phrase_is_found_in_its_order_only(make_asset):
    make_asset(title="red car on a road")
    make_asset(title="car, red")
    assert with_phrase("red car") == {"red car on a road"}
    assert with_phrase("Red-Cars") == {"red car on a road"}
    assert with_phrase("car on a road") == {"red car on a road"}
    assert with_phrase("car red") == {"car, red"}
    without = fulltext.not_containing(Asset.objects.all(), "red car")
    assert [asset.title for asset in without] == ["car, red"]


def test_a_phrase_of_chinese_is_found_with_and_without_spaces_in_it(make_asset):
    make_asset(title="红色卡车在雪地里")
    assert with_phrase("卡车在雪") == {"红色卡车在雪地里"}
    assert with_phrase("红色 卡车") == {"红色卡车在雪地里"}
    assert with_phrase("红 色卡 车") == {"红色卡车在雪地里"}
    assert with_phrase("红色 雪地") == set()
    assert with_phrase("卡车红色") == set()


def test_a_phrase_of_chinese_and_numbers_is_found(make_asset):
    make_asset(title="2024年夏天 IMG旅行")
    assert with_phrase("2024年夏") == {"2024年夏天 IMG旅行"}
    assert with_phrase("夏天 img旅行") == {"2024年夏天 IMG旅行"}


def test_a_phrase_does_not_reach_from_one_field_or_tag_into_the_next(make_asset):
    red, car = Tag.objects.create(name="red"), Tag.objects.create(name="car")
    make_asset("four.jpg", title="one", description="three", tags=[red, car])
    for phrase in ("one red", "red car", "car three", "three four"):
        assert with_phrase(phrase) == set()
    assert with_phrase("four jpg") == {"one"}


@pytest.mark.parametrize("phrase", ["", "the", "!?", "🚗", "\x00"])
def test_a_phrase_without_a_word_is_refused_by_name(db, phrase):
    for ask in (fulltext.containing, fulltext.not_containing):
        with pytest.raises(ValueError, match="has no word to look for"):
            ask(Asset.objects.all(), phrase)


# --- names ----------------------------------------------------------------------------------------------------------


def test_a_name_typed_exactly_finds_the_file_name_or_the_title(make_asset):
    make_asset("IMG_2041.jpg", title="a")
    make_asset("other.jpg", title="IMG_2041.JPG")
    make_asset("IMG_2041.jpg.jpg", title="c")
    make_asset("d.jpg")
    named = fulltext.exactly_named(Asset.objects.all(), " img_2041.jpg ")
    assert {asset.title for asset in named} == {"a", "IMG_2041.JPG"}
    assert not fulltext.exactly_named(Asset.objects.all(), "").exists()
    assert not fulltext.exactly_named(Asset.objects.all(), "img%").exists()


# --- why ------------------------------------------------------------------------------------------------------------


def test_reasons_name_the_fields_and_the_words_as_typed(make_asset, django_assert_num_queries):
    tag = Tag.objects.create(name="trucks")
    asset = make_asset("truck_7.jpg", title="A Truck", description="snowy roads", tags=[tag])
    other = make_asset(title="nothing")
    with django_assert_num_queries(1):
        why = fulltext.reasons([asset.pk, other.pk], ["the Trucks", "SNOW, road truck7"])
    assert why == {
        asset.pk: [
            {"signal": "text", "field": "title", "words": ["Trucks", "truck7"]},
            {"signal": "text", "field": "tags", "words": ["Trucks", "truck7"]},
            {"signal": "text", "field": "description", "words": ["road"]},
            {"signal": "text", "field": "filename", "words": ["Trucks", "truck7"]},
        ]
    }


def test_reasons_join_the_pairs_of_chinese_again(make_asset):
    asset = make_asset(title="雪地里的卡车", description="卡车停在 crème 旁")
    assert fulltext.reasons([asset.pk], ["雪地里 卡车crème", "车"])[asset.pk] == [
        {"signal": "text", "field": "title", "words": ["雪地里", "卡车", "车"]},
        {"signal": "text", "field": "description", "words": ["卡车", "crème", "车"]},
    ]
    parts = fulltext.reasons([asset.pk], ["红卡车雪地里"])[asset.pk]
    assert parts[0]["words"] == ["卡车", "雪地里"]


def test_there_are_no_reasons_without_words_or_assets(make_asset):
    assert fulltext.reasons([], ["snow"]) == {}
    assert fulltext.reasons([make_asset(title="the").pk], ["the ?"]) == {}


# --- plans ----------------------------------------------------------------------------------------------------------


def plan(queryset) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    return queryset.order_by().explain()


@pytest.fixture
def thousands(db: None) -> None:
    Asset.objects.bulk_create(
        Asset(
            original=f"originals/{n}", filename=f"IMG_{n}.jpg", sha256=f"{n:064}", size=1, kind="image",
            mime_type="image/jpeg", title=f"picture {n}", description="雪地里的卡车 " * (n % 100 == 0),
        )
        for n in range(3000)
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("SELECT gin_clean_pending_list('asset_text_document')")  # as autovacuum does
        cursor.execute("ANALYZE assets_asset; ANALYZE search_assettext")


def test_words_and_phrases_are_found_by_the_index(thousands):
    rows = Asset.objects.all()
    for text in ("img 2041", "卡车", "车"):
        assert "Bitmap Index Scan on asset_text_document" in plan(fulltext.matching(rows, [text]))
        assert "Bitmap Index Scan on asset_text_document" in plan(fulltext.containing(rows, text))
    assert fulltext.matching(rows, ["卡车"]).count() == 30


def test_exact_names_are_found_by_the_indexes(thousands):
    names = plan(fulltext.exactly_named(Asset.objects.all(), "img_2041.jpg"))
    for part in ("BitmapOr", "Bitmap Index Scan on asset_filename", "Bitmap Index Scan on asset_title"):
        assert part in names


# --- hostile input --------------------------------------------------------------------------------------------------

NASTY = [
    *"'\"\\&|!:*()<>-%_;$?{}[]^~`@#/.,\n\t\r\x00\x01\x7f\x85\xa0", "<->", "<2>", ":*", ":A", "''", "$$", "--", "/*",
    "E'", "%s", "%(words)s", "\\u0000", "tsquery", "a", "the", "truck", "IMG_2041", "1e5", "1.5", "-7", "½", "ß", "ǅ",
    "卡", "卡车", "トラ", "트럭", "\U00020000", "é", "e\u0301", "\u0301", "ﬃ", "שלום", "مُحَمَّد", "ﷺ", "हिन्दी", "ไทย", "İ",
    "\u200d", "\u200b", "\u202e", "\ufeff", "\u1680", "\u2028", "\u3000", "\u180e", "🚗", "👩\u200d🚀",
    "\ud800", "\udfff", "\U0010ffff",
]  # fmt: skip


def test_nothing_that_can_be_typed_breaks_a_query(make_asset):
    make_asset("IMG_2041.jpg", title="truck 卡车")
    ids = list(Asset.objects.values_list("pk", flat=True))
    dice = random.Random(7)
    for _ in range(400):
        texts = ["".join(dice.choices(NASTY, k=dice.randint(1, 12))) for _ in range(dice.randint(1, 3))]
        everything = Asset.objects.all()
        assets = fulltext.matching(everything, texts)
        assert assets is None or len(assets) <= 1
        fulltext.reasons(ids, texts)
        len(fulltext.exactly_named(everything, texts[0]))
        try:
            kept, left = (ask(everything, texts[0]) for ask in (fulltext.containing, fulltext.not_containing))
        except ValueError:
            continue
        assert len(kept) + len(left) == 1


@pytest.mark.parametrize("text", ["x", "word ", "卡", "卡 ", "ﷺ", "\U0001d400", "\U00010330", "ⅷ", "'", "a1", "!"])
def test_very_long_texts_are_answered(make_asset, text):
    make_asset(title="x")
    fulltext.reasons([1], [text * 10_000])
    assets = fulltext.matching(Asset.objects.all(), [text * 10_000])
    assert assets is None or len(assets) <= 1
    if assets is not None:
        assert len(fulltext.containing(Asset.objects.all(), text * 512)) <= 1


@pytest.mark.parametrize("text", ["𐌰" * 512, "雪地里的卡车" * 85, "word" * 128, "a1b2c3d4 " * 56])
def test_what_was_written_is_found_by_itself(make_asset, text):
    make_asset(title="this", description=text)
    make_asset(title="other")
    assert found(text) == {"this"}
    assert with_phrase(text) == {"this"}
