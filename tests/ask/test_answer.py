import contextlib
import json
import time

import pytest

from search.ask.answer import Reader, draft
from search.ask.errors import Unreadable
from search.ask.prompt import plain


def read(text: str, size: int = 1, *, whole: bool = True) -> list[tuple[str, tuple[int, ...]]]:
    reader = Reader([1, 2, 3])
    for start in range(0, len(text), size):
        list(reader.feed(text[start : start + size]))
    list(reader.finish(whole=whole))
    return [(one.text, one.numbers) for one in reader.statements]


ANSWER = {
    "statements": [{"text": "Ein „Zug“ }],[{", "pictures": [2, 1, 2]}, {"text": "枯藤老樹\n昏鴉", "pictures": []}]
}
SAID = [("Ein „Zug“ }],[{", (2, 1)), ("枯藤老樹\n昏鴉", ())]


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_an_answer_is_read_the_same_in_whatever_pieces_it_comes(
    size: int, indent: int | None, ascii_only: bool
) -> None:
    assert read(json.dumps(ANSWER, indent=indent, ensure_ascii=ascii_only), size) == SAID


def test_a_statement_is_there_before_the_next_has_come() -> None:
    reader = Reader([1])
    assert not list(reader.feed('{"statements": [{"text": "One."'))
    assert [one.text for one in reader.feed(', "pictures": [1]}, {"text')] == ["One."]


def test_members_in_another_order_are_read_at_the_end() -> None:
    assert read(json.dumps({"note": "x", **ANSWER})) == SAID


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("A truck [1].", "A truck."),
        ("A truck [1, 2] and [#99]", "A truck and"),
        ("In 1999 [nineteen]", "In 1999 [nineteen]"),
        ("Two 【7】 trucks", "Two trucks"),
        ("Nested [[1]1] [2[3]]", "Nested 1 2"),
        ("Joined [\u200c1] [2\u200d] [\ufe0f3]", "Joined"),
        ("Alike [\u00a01] [1.] [①] [²] [1\u0301] ⟦2⟧〚3〛", "Alike"),
        ("tab\there\x07", "tab here"),
        (
            "❤\ufe0f a" + "".join(map(chr, range(0xFE00, 0xFE10))) + "".join(map(chr, range(0xE0100, 0xE01F0))),
            "❤\ufe0f a\ufe00",
        ),
        ("a\u115f\u3164\uffa0\u034f\U000e0fffb", "ab"),
        ("a\u202eb\u2066c\U000e0041d", "abcd"),
        ("👩\u200d🚀 می\u200cخواهم", "👩\u200d🚀 می\u200cخواهم"),
    ],
)
def test_texts_are_shown_without_what_looks_like_a_citation_or_is_not_seen(text: str, shown: str) -> None:
    assert read(json.dumps({"statements": [{"text": text, "pictures": []}]}), 50) == [(shown, ())]


def test_an_answer_of_which_nothing_can_be_seen_is_none() -> None:
    with pytest.raises(Unreadable):
        read(json.dumps({"statements": [{"text": "\u202e [1] ", "pictures": [1]}]}))


@pytest.mark.parametrize("filling", [" ", "\n", "[", "[1", "`", "{", "\u202e", "\\", '"'])
def test_no_answer_takes_long_to_read(filling: str) -> None:
    began = time.process_time()
    for text in (
        json.dumps({"statements": [{"text": "a" + filling * 20_000 + "b", "pictures": []}]}),
        "```" + filling * 30_000,
        filling * 39_000,
        '{"statements": [' + filling * 39_000,
    ):
        with contextlib.suppress(Unreadable):
            read(text, 800)
    assert time.process_time() - began < 3


@pytest.mark.parametrize(
    "text", ["", "x", "[]", "{}", '{"alt": 1, "caption": "x"}', '{"alt": "", "caption": " "}', "null"]
)
def test_drafts_of_another_form_are_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        draft(text)


def test_drafts_fit_their_fields_and_a_language_is_a_tag() -> None:
    found = draft(json.dumps({"alt": "x" * 5000, "caption": "y\n" * 500, "language": "<b>en</b>"}))
    assert (len(found.alt), len(found.caption), found.language) == (1000, 255, "")
    assert draft('{"alt": "a", "caption": "", "language": "zh-Hans"}').language == "zh-Hans"


def test_plain_keeps_lines() -> None:
    assert plain(" a\nb\r\n ") == "a\nb"
