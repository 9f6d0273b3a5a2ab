import pytest
from django.contrib.auth.models import User
from django.http import QueryDict

from search import evaluation
from search.judgments import judge, of_user, wanted
from search.models import Judgment
from search.query import InvalidQuery, SearchQuery


def query(address):
    return SearchQuery.parse(QueryDict(address))


def test_judgments_are_off_by_default(settings):
    assert not wanted()


def test_the_same_question_in_another_mode_and_order_is_the_same_question(make_asset, user):
    asset = make_asset()
    assert judge(query("q=red+car&mode=keyword&sort=title"), asset, user, True) == "q=red+car"
    judge(query("q=red+car"), asset, user, False)
    assert of_user(query("q=red+car&mode=semantic"), user) == {asset.pk: False}
    assert Judgment.objects.count() == 1


def test_everybody_judges_for_themselves(make_asset, user, editor):
    asset = make_asset()
    judge(query("q=car"), asset, user, True)
    judge(query("q=car"), asset, editor, False)
    assert of_user(query("q=car"), user) == {asset.pk: True}
    judge(query("q=car"), asset, user, None)
    assert of_user(query("q=car"), user) == {}
    assert of_user(query("q=car"), editor) == {asset.pk: False}


@pytest.mark.parametrize("address", ["picture=abc", "url=https://example.com/a.jpg", "sort=title"])
def test_what_nobody_could_ask_again_is_not_judged(make_asset, user, address):
    with pytest.raises(InvalidQuery):
        judge(query(address), make_asset(), user, True)


def test_right_is_what_more_people_call_relevant_than_not(make_asset, user, editor):
    agreed, disputed, wrong = make_asset(), make_asset(), make_asset()
    third = User.objects.create_user("third")
    for who, asset, relevant in [
        (user, agreed, True), (editor, agreed, True), (third, agreed, False),
        (user, disputed, True), (editor, disputed, False), (user, wrong, False),
    ]:  # fmt: skip
        judge(query("q=car"), asset, who, relevant)
    judge(query("q=nothing"), wrong, user, False)
    (question,) = evaluation.judged()
    assert (question.query, question.relevant) == (query("q=car"), {agreed.pk})
