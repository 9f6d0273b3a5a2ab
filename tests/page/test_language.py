"""The page says which language it is in, and is in it; a foreign phrase says which one that is."""

import ast
import gettext
import re
from ast import literal_eval
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = ROOT / "locale" / "zh_Hans" / "LC_MESSAGES"
ENTRY = re.compile(r'^(msgid|msgid_plural|msgstr|msgstr\[0\]) (".*"(?:\n".*")*)$', re.MULTILINE)


@pytest.mark.parametrize(
    ("asked", "declared"), [("en", "en"), ("zh-Hans", "zh-hans"), ("zh-CN,zh;q=0.9", "zh-hans"), ("fr", "en")]
)
def test_the_language_of_the_page_is_declared(see, db, asked, declared):
    root = see("/", headers={"Accept-Language": asked}).one("html")
    assert (root.attributes["lang"], root.attributes["dir"]) == (declared, "ltr")


def test_a_chinese_sample_search_is_marked_as_chinese(see, make_asset):
    make_asset()
    assert see("/").one("a", lang="zh-Hans").text == "雪地里的卡车"


def test_who_asks_for_chinese_gets_the_page_in_chinese(see, make_asset):
    make_asset()
    seen = see("/", headers={"Accept-Language": "zh-Hans"})
    assert seen.one("html").attributes["lang"] == "zh-hans"
    assert seen.one("title").text == "搜索 · DAM"
    assert seen.one("input", id="id_q").attributes["placeholder"] == "描述一张图片"
    assert "1 个素材" in seen.one("h2").text  # a plural
    assert seen.links("登录")
    assert see("/", headers={"Accept-Language": "en"}).one("title").text == "Search · DAM"


def source() -> dict[str, tuple[str, str]]:
    """The entries of the .po file: by ``msgid`` the text that a translation is of (the plural, if any), and that."""
    parts = [
        (name, "".join(literal_eval(line) for line in lines.splitlines()))
        for name, lines in ENTRY.findall((CATALOGUE / "django.po").read_text(encoding="utf-8"))
    ]
    entries: dict[str, tuple[str, str]] = {}
    for name, text in parts:
        match name:
            case "msgid":
                key = original = text
                assert key not in entries
            case "msgid_plural":
                original = text
            case _:
                entries[key] = (original, text)
    return entries


def placeholders(text: str) -> list[str]:
    return sorted(re.findall(r"%(?:\(\w+\))?[a-z]|</?\w+>|%%", text))


def test_every_text_is_translated_with_its_placeholders():
    entries = source()
    assert len(entries) > 200
    assert not [key for key, (_original, translation) in entries.items() if not translation.strip()]
    assert not [key for key, texts in entries.items() if key and len({str(placeholders(text)) for text in texts}) > 1]


def spoken(module: ast.Module) -> Iterator[str]:
    """The texts that a module has translated, by whatever name it calls the function."""
    imports = [
        node
        for node in ast.walk(module)
        if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation"
    ]
    names = {name.asname or name.name for node in imports for name in node.names if "gettext" in name.name}
    for node in ast.walk(module):
        match node:
            case ast.Call(func=ast.Name(id=name), args=[ast.Constant(value=str(text)), *_]) if name in names:
                yield text


def test_every_text_of_the_code_is_in_the_catalogue():
    """makemessages overlooks a function that was given a name of its own, as in ``gettext as _now``."""
    modules = [path for room in ("assets", "search", "dam") for path in (ROOT / room).rglob("*.py")]
    entries = source()
    missing = {text for path in modules for text in spoken(ast.parse(path.read_text())) if text not in entries}
    assert not missing


def test_the_compiled_catalogue_says_what_its_source_says():
    """After a change of the .po file: ``manage.py compilemessages --ignore .venv``. It leaves fuzzy entries out."""
    with (CATALOGUE / "django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)._catalog
    texts = {key if isinstance(key, str) else key[0]: text for key, text in compiled.items() if key}
    assert texts == {key: translation for key, (_original, translation) in source().items() if key}
