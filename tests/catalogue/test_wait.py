"""`--wait` waits for everything that the catalogue's assets owe; a bar is drawn for people and for nobody else."""

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from assets.models import Asset, CatalogueRow
from assets.preparation import prepare_batch
from search.models import Embedding, EmbeddingModel
from tests.catalogue.conftest import counts, problems, run

pytestmark = pytest.mark.django_db


def wait(path):
    return run(path, "--wait", "--timeout", "0.3")


def test_it_waits_for_pictures_and_for_the_vectors_of_all_active_spaces(put, write, bundled_model):
    path = write({"file": put("a.png"), "descriptions": ["Green"]})
    with pytest.raises(CommandError, match="1 assets are still not ready"):
        wait(path)
    prepare_batch()
    assert counts(wait(path)) == {"unchanged": 1}
    model = EmbeddingModel.objects.create(
        name="texts", dimensions=8, state=EmbeddingModel.State.ACTIVE, embeds="description", asked_by_picture=False
    )
    with pytest.raises(CommandError, match="still not ready"):
        wait(path)  # also for what somebody wrote before there was such a space
    assert Embedding.objects.pending().get().model == model
    EmbeddingModel.objects.filter(pk=model.pk).update(state=EmbeddingModel.State.BUILDING)
    assert counts(wait(path)) == {"unchanged": 1}  # a space that is built is not searched yet


def test_a_picture_that_cannot_be_decoded_counts_as_failed(put, write, shop):
    put("good.png")
    (shop / "bad.png").write_bytes((shop / "good.png").read_bytes()[:60])
    path = write({"id": "good", "file": "good.png"}, {"id": "bad", "file": "bad.png"})
    assert counts(run(path)) == {"new": 2}
    prepare_batch()
    outcome = wait(path)
    assert (outcome["failed"], outcome["exit"]) == (1, 1)
    bad = CatalogueRow.objects.get(key="bad").asset
    assert problems(outcome)[2].startswith(f"asset {bad.pk} is quarantined: ")


def test_other_assets_are_not_waited_for(put, write, make_asset):
    path = write({"file": put("a.png")})
    run(path)
    prepare_batch()
    make_asset()
    assert Asset.objects.pending().exists()
    assert counts(wait(path)) == {"unchanged": 1}


def test_a_bar_is_drawn_on_a_terminal_alone(put, write, capsys, monkeypatch):
    path = write({"file": put("a.png")}, {"file": put("b.png")})
    call_command("import_catalogue", path)
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("FORCE_COLOR", "1")  # a terminal, to rich
    call_command("import_catalogue", path)
    assert "100 %" in capsys.readouterr().err
    call_command("import_catalogue", path, "--json")
    assert capsys.readouterr().err == ""
