"""What the search box understands, and that what it writes reads the same again."""

import random

import pytest
from django.http import QueryDict

from search.language import BadPart, Kind, Part, Phrase, merged, parse, reference_to, write
from search.query import InvalidQuery, Mode, SearchQuery, Sort


def texts(box):
    return [(part.value, part.weight) for part in parse(box).parts if part.kind is Kind.TEXT]


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ("red car", [("red car", 1)]),
        ("red car -night", [("red car", 1), ("night", -1)]),
        ("red -night car", [("red car", 1), ("night", -1)]),
        ("(old town) harbour", [("harbour", 1), ("old town", 1)]),
        ("(old town)^2 -(rainy day)^0.5", [("old town", 2), ("rainy day", -0.5)]),
        ("snow^0.25", [("snow", 0.25)]),
        ("+car", [("car", 1)]),
        ("t-shirt 4:3 a^b", [("t-shirt 4:3 a^b", 1)]),
        ("雪地里的卡车 -夜晚", [("雪地里的卡车", 1), ("夜晚", -1)]),
        ('27" screen :)', [("27 screen :", 1)]),
        ("- -- + ()", []),
        ('""', []),
        ("lıke:5 pİcture:x", [("lıke:5 pİcture:x", 1)]),
        ("-- ---- -(", []),
        ("-" * 3000 + " " + "+-" * 400, []),
        ("", []),
    ],
)
def test_texts_and_their_weights(box, expected):
    assert sorted(texts(box)) == sorted(expected)


def test_phrases_must_or_must_not_be_there():
    assert parse('car "exact words" -"not these" “curly”').phrases == [
        Phrase("exact words"), Phrase("not these", excluded=True), Phrase("curly"),
    ]  # fmt: skip


def test_assets_pictures_addresses_and_settings():
    box = parse("like:12 -like:7^0.5 picture:abc:1x:def url:https://example.org/a(1).jpg mode:keyword sort:-created_at")
    assert box.parts[:3] == [
        Part(Kind.LIKE, "12"), Part(Kind.LIKE, "7", -0.5), Part(Kind.PICTURE, "abc:1x:def"),
    ]  # fmt: skip
    assert box.settings == {"mode": "keyword", "sort": "-created_at"}


@pytest.mark.parametrize(
    "box",
    ["car^1e308", "car^0", "car^1e-9", "(car)^nan", "(car)^inf", "like:1^1e308", "like:abc", "like:" + "9" * 30,
     "x" * 513, '"' + "雪" * 513 + '"', "-" * 4001, "a " * 2001, "car^1e999", "(car)^0x1", "like:12^-3"],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(box):
    with pytest.raises(BadPart):
        parse(box)


@pytest.mark.parametrize("text", ["-456^0.5", "456", "+456^2"])
def test_references_stand_alone_too(text):
    part = reference_to(Kind.LIKE, text)
    assert part.value == "456"
    assert part.weight == {"-": -0.5, "4": 1, "+": 2}[text[0]]


def test_what_stands_there_twice_counts_twice_and_what_cancels_out_goes():
    parts = parse("car^2 like:3 -like:3").parts + parse("car").parts
    assert merged(parts) == [Part(Kind.TEXT, "car", 3)]


ALPHABET = ["red", "car", "-", "+", '"', "(", ")", "^", "2", "0.5", " ", " ", "like:", "7", "雪", "“", "”",
            "mode:keyword", ":", "url:", "https://a.example/", "\\", "'", "picture:", "\u202e", "🚗"]  # fmt: skip


def test_what_is_written_reads_the_same():
    rng = random.Random(1)
    read = 0
    for _attempt in range(5000):
        box = "".join(rng.choices(ALPHABET, k=rng.randrange(12)))
        try:
            found = parse(box)
        except BadPart:
            continue
        again = parse(write(found.parts, found.phrases))
        assert (again.parts, again.phrases) == (found.parts, found.phrases), box
        read += 1
    assert read > 3000


def query(address):
    return SearchQuery.parse(QueryDict(address))


def test_a_query_reads_the_same_from_its_own_address():
    rng = random.Random(2)
    pieces = ["q=red+car", "q=-night", "q=(old+town)^2", "q=%22words%22", "like=3", "like=-4^0.5", "mode=semantic",
              "sort=-created_at", "id__gt=5", "kind=image", "id__in=1,2", "q=sort:title", "picture=a:b:c"]  # fmt: skip
    for _attempt in range(300):
        try:
            found = query("&".join(rng.sample(pieces, rng.randrange(1, 7))))
        except InvalidQuery:
            continue
        assert SearchQuery.parse(found.params()) == found
        assert query(found.params().urlencode()) == found


def test_an_asset_is_the_same_however_its_number_is_written():
    assert query("q=like:007+a") == query("like=7&q=a")
    assert query("like=7&q=a").params().urlencode() == "q=a&like=7"


def test_the_box_and_the_parameters_say_the_same():
    assert query("q=sunset&q=-people&like=123&like=-456") == query("q=sunset+-people+like:123+-like:456")
    assert query("q=mode:semantic+sort:title+a") == query("q=a&mode=semantic&sort=title")
    assert query("q=a").mode is Mode.HYBRID
    assert query("q=a").sort is Sort.RELEVANCE


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("q=-people", "q"),
        ("like=-3", "q"),
        ("q=" + "+".join(f"-a{n}" for n in range(50)) + "+b", "q"),
        ("q=car^1e308", "q"),
        ("like=abc", "like"),
        ("mode=psychic", "mode"),
        ("mode=keyword&like=3", "mode"),
        ("sort=password", "sort"),
        ("ordering=password", "ordering"),
        ("semantic=x", "semantic"),
        ("q=red^100&q=red^100", "q"),
        ("like=5^100&like=05^100", "q"),
        ("id__in=5&id__in=6", "id__in"),
        ("q=" + "a+" * 1500 + "&q=" + "b+" * 1500, "q"),
        ("url=http://a.example/1&url=http://a.example/2&url=http://a.example/3", "url"),
        ("id__gt=x", "id__gt"),
        ("q=a%00b", "q"),
        ("tag=nowhere", "tag"),
        ("created_after=never", "created_after"),
        ("&".join(f"tag=t{n}" for n in range(50)), "tag"),
    ],
)
def test_a_mistake_is_named_by_its_parameter(address, name):
    with pytest.raises(InvalidQuery) as refused:
        query(address)
    assert name in refused.value.errors
