"""The storage is down, slow or hung: work waits and goes on by itself, requests are answered, nothing is lost."""

import time

import pytest

from tests.faults.conftest import LONG, Stored, print_table
from tests.faults.library import accepted
from tests.faults.pictures import picture
from tests.support.processes import wait_until

pytestmark = pytest.mark.timeout(900 if LONG else 240)
UPLOADS = 20 if LONG else 3
ANSWERED_SECONDS = 25  # that an upload may take to be refused while the storage hangs


@pytest.mark.parametrize("kind", ["down", "hung", "slow"] if LONG else ["hung"])
def test_the_storage_fails_and_nothing_is_lost(stored: Stored, kind: str):
    library = stored.library
    library.settle()
    taken: dict[int, str] = {}
    with library.hung("worker"):  # so that what was taken before is to be read meanwhile
        for _ in range(UPLOADS):
            data = picture((640, 480))
            taken.update([accepted(library.upload(data), data)])
        match kind:
            case "down":
                stored.way.close()
            case "hung":
                stored.way.hang()
            case "slow":
                stored.way.pause = 0.2
    refused = picture((640, 480))
    started = time.monotonic()
    answer = library.upload(refused)
    seconds = time.monotonic() - started
    if kind == "slow":
        taken.update([accepted(answer, refused)])
    else:
        assert answer.status_code == 503, answer.text
        assert int(answer.headers["Retry-After"]) > 0
        assert library.owed() >= UPLOADS
    assert seconds < ANSWERED_SECONDS
    started = time.monotonic()
    assert library.ask("GET", "assets/", timeout=10).status_code == 200  # rows need no storage
    listed = time.monotonic() - started
    if kind != "slow":
        wait_until(lambda: "did not answer" in library.log.read_text(), "the worker to notice", seconds=120)
        stored.way.cut()
        stored.way.open()
    started = time.monotonic()
    library.settle(seconds=240)
    resumed = time.monotonic() - started
    stored.way.open()
    if kind != "slow":
        taken.update([accepted(library.upload(refused), refused)])  # it was not kept, and may come again
        library.settle()
    library.assert_whole(taken)
    assert not library.count(
        "assets_asset WHERE id = ANY(%s) AND attempts > 1", list(taken)
    )  # waiting costs no attempt
    rows = [
        ("an upload meanwhile", f"{answer.status_code} after {seconds:.1f} s"),
        ("the list of assets meanwhile", f"{listed:.2f} s"),
        (f"{UPLOADS} assets that waited are done", f"{resumed:.1f} s after its end" if kind != "slow" else resumed),
    ]
    print_table(f"Storage {kind}", rows)
