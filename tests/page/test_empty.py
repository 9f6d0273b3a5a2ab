"""When there is nothing to show, the page says why."""

from search.models import EmbeddingModel


def test_an_empty_library_says_how_to_put_pictures_in(see, db):
    seen = see("/")
    assert "Nothing is in the library yet." in seen.html
    assert "manage.py ingest" in seen.html
    assert "No results" in seen.one("h2").text
    assert seen.links("white truck") == []


def test_filters_that_match_nothing_say_so(see, make_asset):
    make_asset()
    seen = see("/?id__gte=999999")
    assert seen.status == 200
    assert "Nothing matches." in seen.html
    assert "/" in seen.links("see the whole library")


def test_a_ranking_before_anything_is_embedded_says_so(see, make_asset, bundled_model):
    make_asset()
    seen = see("/?q=truck")
    assert seen.status == 200
    assert "None of the assets that match is embedded yet." in seen.html


def test_an_asset_that_is_not_prepared_shows_its_state_instead_of_a_picture(see, make_asset):
    make_asset()
    seen = see("/")
    assert seen.one("span", "placeholder").text == "pending"
    assert seen.all("img", loading="lazy") == []


def test_without_an_embedding_model_filters_work_and_words_are_answered_with_503(see, make_asset):
    make_asset()
    assert not EmbeddingModel.objects.exists()
    assert see("/").status == 200
    seen = see("/?q=truck")
    assert seen.status == 503
    assert "not available" in seen.html


def test_more_like_this_without_an_embedding_model_is_answered_with_503(see, make_asset):
    assert see(f"/?like={make_asset().pk}").status == 503
