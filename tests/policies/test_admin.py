"""Policies and their flags in the admin: written, tried out, reviewed."""

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext

from assets.models import Asset
from search import tasks
from search.models import Calibration, Policy, PolicyFlag
from tests.admin.conftest import LIST, told

pytestmark = pytest.mark.django_db
POLICIES, FLAGS = "/admin/search/policy/", "/admin/search/policyflag/"
WANTED = {"name": "Knives", "text": "knife", "threshold": 50, "enabled": "on"}


@pytest.fixture
def flags(library, policy):
    knife = policy(name="Knives")
    tasks.check_policies()
    return {flag.asset_id: flag for flag in PolicyFlag.objects.filter(policy=knife)}


def act(client, action, chosen):
    data = {"action": action, "index": 0, "_selected_action": [flag.pk for flag in chosen]}
    return client.post(FLAGS, data, follow=True)


def test_a_policy_is_written_and_checked(library, editing):
    assert editing.post(f"{POLICIES}add/", WANTED).status_code == 302
    tasks.check_policies()
    page = editing.get(POLICIES).content.decode()
    pk = Policy.objects.get().pk
    assert f'href="/admin/search/policyflag/?policy__id__exact={pk}&amp;state__exact=open">8</a>' in page


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("text", ""),
        ("text", "   "),
        ("text", "like:5"),
        ("text", "-knife"),
        ("text", "a" * 5000),
        ("text", "knife\0"),
        ("threshold", 0),
        ("threshold", 100),
        ("threshold", -5),
        ("threshold", "many"),
        ("threshold", "NaN"),
        ("threshold", 10**30),
        ("name", ""),
        ("name", "a" * 101),
    ],
)
def test_a_mistake_is_named_at_its_field_and_nothing_is_saved(field, value, editing, calibrated):
    response = editing.post(f"{POLICIES}add/", WANTED | {field: value})
    assert response.status_code == 200
    assert list(response.context["adminform"].form.errors) == [field]
    assert not Policy.objects.exists()
    preview = editing.post(f"{POLICIES}preview/", WANTED | {field: value})
    assert preview.status_code == 200
    assert field == "name" or 'class="dam-refused"' in preview.content.decode()


def test_a_text_of_20_mb_is_not_read(editing, calibrated):
    assert editing.post(f"{POLICIES}add/", WANTED | {"text": "knife " * 3_500_000}).status_code == 413
    assert not Policy.objects.exists()


def test_two_policies_do_not_share_a_name(editing, policy, calibrated):
    policy(name="Knives")
    response = editing.post(f"{POLICIES}add/", WANTED)
    assert list(response.context["adminform"].form.errors) == ["name"]


def test_what_a_policy_would_flag_is_shown_before_it_is_saved(library, editing):
    assert "formaction" in editing.get(f"{POLICIES}add/").content.decode()
    page = editing.post(f"{POLICIES}preview/", WANTED | {"threshold": 99}).content.decode()
    assert "would flag 6 assets" in page
    assert page.count("· would be flagged") == 6
    assert page.index(f"/asset/{library[9].pk}/") < page.index(f"/asset/{library[8].pk}/")
    assert not Policy.objects.exists()
    assert not PolicyFlag.objects.exists()


def test_a_preview_says_why_there_is_none(library, editing, words):
    words.away = True
    assert "The model is away." in editing.post(f"{POLICIES}preview/", WANTED | {"text": "sword"}).content.decode()
    words.away = False
    Calibration.objects.all().delete()
    assert "20 pictures" in editing.post(f"{POLICIES}preview/", WANTED).content.decode()
    assert editing.get(f"{POLICIES}preview/").status_code == 405


def test_flags_are_reviewed_most_similar_first_and_filtered(flags, library, editing, policy):
    policy("gun")
    response = editing.get(FLAGS)
    assert [flag.asset_id for flag in response.context["cl"].result_list] == [a.pk for a in reversed(library[2:])]
    assert "92 %" not in response.content.decode()  # 0.92 is a cosine, and worth nearly all
    assert "99 %" in response.content.decode()
    act(editing, "confirm", [flags[library[9].pk], flags[library[8].pk]])
    act(editing, "dismiss", [flags[library[2].pk]])
    shown = {
        state: [flag.asset_id for flag in editing.get(FLAGS, {"state__exact": state}).context["cl"].result_list]
        for state in ("confirmed", "dismissed", "open")
    }
    assert shown["confirmed"] == [library[9].pk, library[8].pk]
    assert shown["dismissed"] == [library[2].pk]
    assert len(shown["open"]) == 5
    gun = Policy.objects.get(name="gun")
    assert not editing.get(FLAGS, {"policy__id__exact": gun.pk}).context["cl"].result_list


def test_a_decision_says_who_and_when_and_may_be_taken_back(flags, library, editing, editor):
    flag = flags[library[9].pk]
    assert "1 flag is confirmed now." in told(act(editing, "confirm", [flag]))
    flag.refresh_from_db()
    assert (flag.state, flag.decided_by) == ("confirmed", editor)
    assert flag.decided_at is not None
    assert editor.username in editing.get(FLAGS).content.decode()
    act(editing, "reopen", [flag])
    flag.refresh_from_db()
    assert (flag.state, flag.decided_by, flag.decided_at) == ("open", None, None)


def test_who_may_only_look_decides_nothing(flags, library, looking):
    assert looking.get(FLAGS).status_code == 200
    act(looking, "confirm", list(flags.values()))
    assert not PolicyFlag.objects.exclude(state="open").exists()
    assert looking.post(f"{POLICIES}add/", WANTED | {"name": "more"}).status_code == 403
    assert looking.post(f"{POLICIES}preview/", WANTED).status_code == 403


def test_assets_can_be_listed_by_what_was_said_of_them(flags, library, editing, listed):
    act(editing, "confirm", [flags[library[9].pk]])
    assert listed(flagged="confirmed") == [library[9].pk]
    assert len(listed(flagged="open")) == 7
    page = editing.get(LIST).content.decode()
    assert "confirmed (1)" in page
    assert "open (7)" in page
    assert editing.get(LIST, {"flagged": "nonsense"}).status_code == 302


def test_the_list_of_flags_costs_the_same_for_more_flags(flags, library, editing):
    editing.get(FLAGS)
    with CaptureQueriesContext(connection) as few:
        editing.get(FLAGS, {"state__exact": "confirmed"})
    with CaptureQueriesContext(connection) as many:
        editing.get(FLAGS)
    assert len(many) <= len(few) + 1  # renditions


def test_names_are_shown_as_they_are_and_never_as_html(library, editing, calibrated):
    name, text = "<script>alert(1)</script>", "<b>knife</b>"
    editing.post(f"{POLICIES}add/", WANTED | {"name": name, "text": text})
    tasks.check_policies()
    Policy.objects.update(text="knife", checked_at=None)
    tasks.check_policies()
    for url in (POLICIES, FLAGS):
        page = editing.get(url).content.decode()
        assert name not in page
        assert "&lt;script&gt;alert(1)" in page
    preview = editing.post(f"{POLICIES}preview/", WANTED | {"text": text}).content.decode()
    assert text not in preview
    assert "&lt;b&gt;knife" in preview


def test_an_asset_and_a_policy_take_their_flags_along(flags, library, editing):
    assert editing.post(f"{LIST}{library[9].pk}/delete/", {"post": "yes"}).status_code == 302
    assert not Asset.objects.filter(pk=library[9].pk).exists()
    assert PolicyFlag.objects.count() == 7
    pk = Policy.objects.get().pk
    data = {"action": "delete_selected", "index": 0, "_selected_action": [pk], "post": "yes"}
    assert editing.post(POLICIES, data).status_code == 302
    assert not PolicyFlag.objects.exists()
    assert not Policy.objects.exists()


def test_a_user_who_goes_leaves_the_decision(flags, library, editing, editor):
    act(editing, "confirm", [flags[library[9].pk]])
    editor.delete()
    flag = PolicyFlag.objects.get(asset=library[9])
    assert (flag.state, flag.decided_by) == ("confirmed", None)


def test_nobody_without_permission_sees_policies(client, user, flags):
    user.is_staff = True
    user.save()
    client.force_login(user)
    assert client.get(FLAGS).status_code == 403
    user.user_permissions.add(Permission.objects.get(codename="view_policyflag"))
    assert client.get(FLAGS).status_code == 200
    assert client.get(POLICIES).status_code == 403
