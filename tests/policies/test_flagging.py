"""What flags: written vectors at once, changed policies by a task, and everything now and then."""

from datetime import timedelta

import numpy as np
import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from search import policies, tasks
from search.embedding import write
from search.models import Calibration, Embedding, EmbeddingModel, Policy, PolicyFlag, QueryVector
from search.relevance import Relevance
from tests.policies.conftest import GUN, at_cosine

pytestmark = pytest.mark.django_db


def flagged(policy, **filters):
    return set(PolicyFlag.objects.filter(policy=policy, **filters).values_list("asset_id", flat=True))


def ids(assets):
    return {asset.pk for asset in assets}


def written(assets, vectors, model):
    """Owe and write vectors as a worker does."""
    Embedding.objects.bulk_create([Embedding(asset=asset, model=model) for asset in assets], ignore_conflicts=True)
    Embedding.objects.filter(asset__in=assets, model=model).retry()
    with Embedding.objects.filter(asset__in=assets).claimed(100) as rows:
        return write(rows, np.stack([vectors[row.asset_id] for row in rows]).astype(np.float32))


def test_a_relevance_has_one_distance():
    worth = Relevance(centre=0.05, cut=0.23)
    for share in (0.01, 0.3, 0.5, 0.77, 0.99):
        assert worth.of(worth.distance_of(share)) == pytest.approx(share)
    assert worth.distance_of(0.9) < worth.farthest < worth.distance_of(0.1)
    assert worth.distance_of(0.5) == worth.farthest


def test_a_new_policy_flags_what_is_at_least_as_relevant_as_it_says(library, policy):
    knife = policy()
    tasks.check_policies()
    assert flagged(knife) == ids(library[2:])
    flag = PolicyFlag.objects.get(asset=library[8])
    assert flag.similarity == pytest.approx(0.82, abs=1e-3)
    assert (flag.state, flag.decided_by, flag.decided_at) == ("open", None, None)


def test_a_higher_threshold_drops_open_flags_and_keeps_what_was_decided(library, policy, user):
    knife = policy()
    tasks.check_policies()
    policies.decide(PolicyFlag.objects.filter(asset__in=library[2:4]), PolicyFlag.State.CONFIRMED, user)
    knife.threshold = 99
    knife.save()
    tasks.check_policies()
    assert flagged(knife, state="open") == ids(library[4:])  # 99 %: a cosine of 0.4
    assert flagged(knife, state="confirmed") == ids(library[2:4])


def test_a_lower_threshold_flags_more(library, policy):
    knife = policy(threshold=90)
    tasks.check_policies()
    before = flagged(knife)
    knife.threshold = 5
    knife.save()
    tasks.check_policies()
    assert flagged(knife) > before


def test_another_text_flags_others(library, policy, many_assets):
    guns = many_assets(np.stack([GUN]))
    subject = policy()
    tasks.check_policies()
    subject.text = "gun"
    subject.save()
    tasks.check_policies()
    assert flagged(subject) == ids(guns)


def test_weighted_texts_count_as_in_the_search_box(library, policy, many_assets):
    [both] = many_assets(np.stack([at_cosine(0.5) + 0.5 * GUN]))
    without = policy("knife -gun")
    tasks.check_policies()
    assert both.pk not in flagged(without)
    assert library[9].pk in flagged(without)


def test_a_dismissed_flag_does_not_come_back(library, policy, user, calibrated):
    knife = policy()
    tasks.check_policies()
    [flag] = PolicyFlag.objects.filter(asset=library[9])
    assert policies.decide(PolicyFlag.objects.filter(pk=flag.pk), PolicyFlag.State.DISMISSED, user) == 1
    knife.save()
    tasks.check_policies()
    written([library[9]], {library[9].pk: at_cosine(0.95)}, calibrated)
    flag.refresh_from_db()
    assert (flag.state, flag.decided_by) == ("dismissed", user)
    assert flag.decided_at is not None
    assert flag.similarity == pytest.approx(0.95, abs=1e-3)
    assert PolicyFlag.objects.filter(asset=library[9]).count() == 1


def test_a_decision_can_be_taken_back_and_is_not_made_twice(library, policy, user, editor):
    policy()
    tasks.check_policies()
    every = PolicyFlag.objects.all()
    assert policies.decide(every, PolicyFlag.State.CONFIRMED, user) == 8
    assert policies.decide(every, PolicyFlag.State.CONFIRMED, editor) == 0
    assert every.filter(decided_by=user).count() == 8
    assert policies.decide(every, PolicyFlag.State.OPEN, editor) == 8
    assert every.filter(decided_by=None, decided_at=None).count() == 8


def test_a_vector_is_flagged_as_it_is_written(library, policy, calibrated, many_assets):
    knife = policy()
    tasks.check_policies()
    near, far = many_assets(np.stack([GUN, GUN]))
    written([near, far], {near.pk: at_cosine(0.7), far.pk: at_cosine(0.1)}, calibrated)
    assert near.pk in flagged(knife)
    assert far.pk not in flagged(knife)


def test_a_segment_is_enough_and_counts_by_the_nearest(library, policy, calibrated, many_assets):
    knife = policy()
    tasks.check_policies()
    [film] = many_assets(np.stack([GUN]))
    for number, cosine in ((1, 0.3), (2, 0.6), (3, 0.1)):
        Embedding.objects.create(asset=film, model=calibrated, segment=number)
        with Embedding.objects.filter(asset=film, segment=number).claimed(10) as rows:
            write(rows, np.stack([at_cosine(cosine)]).astype(np.float32))
    assert PolicyFlag.objects.get(policy=knife, asset=film).similarity == pytest.approx(0.6, abs=1e-3)


def test_a_policy_that_is_off_flags_nothing_and_keeps_decisions(library, policy, calibrated, user, many_assets):
    knife = policy()
    tasks.check_policies()
    policies.decide(PolicyFlag.objects.filter(asset=library[9]), PolicyFlag.State.CONFIRMED, user)
    knife.enabled = False
    knife.save()
    tasks.check_policies()
    assert flagged(knife) == ids([library[9]])
    [near] = many_assets(np.stack([GUN]))
    written([near], {near.pk: at_cosine(0.9)}, calibrated)
    assert near.pk not in flagged(knife)


def test_the_check_makes_up_for_a_worker_that_was_killed_before_it_flagged(library, policy, many_assets):
    knife = policy()
    tasks.check_policies()
    [near] = many_assets(np.stack([at_cosine(0.9)]))  # written by nobody's code
    tasks.check_policies()
    assert near.pk not in flagged(knife)  # not due yet
    Policy.objects.update(checked_at=Now() - policies.RECHECK - timedelta(seconds=1))
    tasks.check_policies()
    assert near.pk in flagged(knife)


def test_a_switch_of_models_flags_by_the_new_one_with_the_same_percentage(library, policy, words, calibrated, user):
    knife = policy()
    tasks.check_policies()
    policies.decide(PolicyFlag.objects.filter(asset=library[9]), PolicyFlag.State.DISMISSED, user)
    other = EmbeddingModel.objects.create(name="other", dimensions=8)
    numbers = {"text": {"centre": 0.5, "spread": 0.2 / 2.878}, "picture": {"centre": 0.0, "spread": 0.05}}
    Calibration.objects.create(model=other, pictures=40, library=40, numbers=numbers)
    for asset in library:  # in this space the order is the other way round, and 50 % is at 0.7
        vector = at_cosine(0.98 - library.index(asset) / 10)
        Embedding.objects.create(asset=asset, model=other, vector=vector, state="ready")
    tasks.check_policies()
    assert flagged(knife) == ids(library[2:])  # not before the switch
    other.activate()
    assert list(policies.due()) == [knife]
    tasks.check_policies()
    assert flagged(knife, state="open") == ids(library[:3])
    assert flagged(knife, state="dismissed") == {library[9].pk}
    assert not policies.due().exists()


def test_vectors_of_a_model_that_is_built_flag_nothing_and_hurt_nothing(library, policy, calibrated):
    knife = policy()
    tasks.check_policies()
    before = flagged(knife)
    small = EmbeddingModel.objects.create(name="small", dimensions=2)
    written(library[:2], {asset.pk: np.array([1, 0]) for asset in library[:2]}, small)
    Policy.objects.update(checked_at=None)
    tasks.check_policies()
    assert flagged(knife) == before


def test_another_calibration_is_followed(library, policy, calibrated):
    knife = policy()
    tasks.check_policies()
    assert not policies.due().exists()
    calibration = calibrated.calibration
    calibration.numbers["text"]["spread"] = 0.45 / 2.878
    calibration.save()
    tasks.check_policies()
    assert flagged(knife) == ids(library[5:])


def test_before_the_library_is_measured_it_says_so_and_then_catches_up(library, policy, calibrated):
    Calibration.objects.all().delete()
    knife = policy()
    tasks.check_policies()
    knife.refresh_from_db()
    assert "20 pictures" in knife.problem
    assert not PolicyFlag.objects.exists()
    Calibration.objects.create(
        model=calibrated, pictures=40, library=40, numbers={"text": {"centre": 0, "spread": 0.1}}
    )
    tasks.check_policies()
    knife.refresh_from_db()
    assert knife.problem == ""
    assert flagged(knife)


def test_without_the_model_a_policy_waits_and_flags_stay(library, policy, words, calibrated):
    knife = policy()
    tasks.check_policies()
    before = flagged(knife)
    QueryVector.objects.all().delete()
    words.away = True
    gun = policy("gun")
    tasks.check_policies()
    gun.refresh_from_db()
    assert gun.problem == "The model is away."
    assert list(policies.due()) == [gun]
    assert flagged(knife) == before
    words.away = False
    tasks.check_policies()
    assert not policies.due().exists()


def test_an_edit_while_a_policy_is_checked_wins(library, policy, monkeypatch):
    knife = policy()
    meaning_of = policies.meaning_of

    def slowly(text):
        found = meaning_of(text)
        Policy.objects.filter(pk=knife.pk).update(text="gun")
        return found

    monkeypatch.setattr(policies, "meaning_of", slowly)
    tasks.check_policies()
    assert not PolicyFlag.objects.exists()
    assert list(policies.due()) == [knife]


def test_the_sweep_has_due_policies_checked(library, policy, monkeypatch):
    rung = []
    monkeypatch.setattr("assets.doorbell.ring", rung.append)
    policy()
    assert rung == ["search.tasks.check_policies"]
    rung.clear()
    tasks.sweep()
    assert "search.tasks.check_policies" in rung
    tasks.check_policies()
    rung.clear()
    tasks.sweep()
    assert "search.tasks.check_policies" not in rung


def test_a_policy_is_checked_in_as_many_statements_for_ten_assets_as_for_a_hundred(library, policy, many_assets):
    knife = policy()
    with CaptureQueriesContext(connection) as few:
        policies.check(knife.pk)
    many_assets(np.stack([at_cosine(0.9)] * 100))
    with CaptureQueriesContext(connection) as many:
        policies.check(knife.pk)
    assert len(many) <= len(few)
    assert PolicyFlag.objects.count() == 108


@pytest.mark.parametrize(
    "text", ["like:5", '"knife"', 'knife "gun"', "knife mode:keyword", "url:https://example.com/a.png", "-knife"]
)
def test_a_text_that_is_more_than_words_is_refused(text, calibrated):
    with pytest.raises(ValueError, match=r"words|something to look for"):
        policies.parts_of(text)


def test_many_policies_leave_the_worker_time_for_the_rest_and_none_is_forgotten(library, policy, words, monkeypatch):
    monkeypatch.setattr(policies, "TURN", -1.0)  # one has its turn
    policy(enabled=False, name="first")
    tasks.check_policies()
    made = [policy(enabled=False, name=str(number)) for number in range(2)]
    broken = policy("gun", name="of a model that is away")
    Policy.objects.filter(pk=broken.pk).update(problem="The model is away.")
    words.away = True
    for number in range(3):
        assert Policy.objects.filter(checked_at=None).count() == 3 - number
        tasks.check_policies()
    assert all(Policy.objects.get(pk=one.pk).checked_at for one in made)
    words.away = False
    tasks.check_policies()
    assert not policies.due().exists()
