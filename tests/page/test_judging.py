"""Where the library collects it, those who have signed in can say of each result whether it is what they looked for."""

import pytest

from search.models import Judgment
from tests.page.conftest import Seen

PART = {"HX-Request": "true"}


@pytest.fixture
def results(client, user, settings, make_asset, give_vector):
    settings.DAM_JUDGMENTS = True
    settings.DAM_PUBLIC_READ = True
    assets = [make_asset(title="one"), make_asset(title="two")]
    for asset in assets:
        give_vector(asset, [1, asset.pk])
    client.force_login(user)
    return assets


def pressed(seen):
    return [button.text for button in seen.all("button") if button.attributes.get("aria-pressed") == "true"]


def say(client, asset, answer, query, **options):
    return client.post(f"/assets/{asset.pk}/judgment/", {"query": query, "relevant": answer}, **options)


def test_what_was_said_is_kept_shown_and_taken_back(client, results):
    query = f"like={results[0].pk}"
    seen = Seen(client.get(f"/?{query}"))
    assert pressed(seen) == []
    button = next(b for b in seen.all("button") if b.text == "Not relevant: two")
    fields = {e.attributes["name"]: e.attributes["value"] for e in seen.all("input", type="hidden")}
    answered = client.post(
        button.attributes["formaction"], {"query": fields["query"], "relevant": "no", "next": f"/?{query}"}
    )
    assert answered["Location"] == f"/?{query}"
    assert Judgment.objects.get().relevant is False
    again = Seen(client.get(f"/?{query}"))
    assert pressed(again) == ["Not relevant: two"]
    (back,) = [b for b in again.all("button") if b.text == "Not relevant: two"]
    assert back.attributes["value"] == ""
    say(client, results[1], "", query)
    assert not Judgment.objects.exists()


def test_a_part_is_the_two_buttons_as_they_now_are(client, results):
    seen = Seen(say(client, results[1], "yes", f"like={results[0].pk}", headers=PART))
    assert pressed(seen) == ["Relevant: two"]
    assert seen.all("html") == []


def test_nothing_is_asked_of_visitors_nor_where_it_is_not_collected(client, results, settings):
    query = f"like={results[0].pk}"
    settings.DAM_JUDGMENTS = False
    assert "Not relevant" not in client.get(f"/?{query}").content.decode()
    assert say(client, results[1], "yes", query).status_code == 404
    settings.DAM_JUDGMENTS = True
    client.logout()
    assert "Not relevant" not in client.get(f"/?{query}").content.decode()
    assert say(client, results[1], "yes", query)["Location"].startswith("/login/")
    assert not Judgment.objects.exists()


@pytest.mark.parametrize(
    "query", ["", "q=a^1e9", "nothing=1", "url=https://example.com/", f"q={'x' * 400}&q={'%20y' * 400}"]
)
def test_what_cannot_be_judged_is_a_400(client, results, query):
    assert say(client, results[0], "yes", query).status_code == 400
    assert not Judgment.objects.exists()


def test_only_what_is_there_is_judged(client, results):
    assert client.post("/assets/999999/judgment/", {"query": "q=a", "relevant": "yes"}).status_code == 404
    assert client.get(f"/assets/{results[0].pk}/judgment/").status_code == 405
