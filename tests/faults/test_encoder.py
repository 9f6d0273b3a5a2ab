"""The encoder is gone or hangs: what was asked before is answered, the rest is told to come again, work waits."""

import time

import pytest

from tests.faults.conftest import LONG, print_table
from tests.faults.library import Library, accepted
from tests.faults.pictures import picture
from tests.support.processes import wait_until

pytestmark = pytest.mark.timeout(240)
UPLOADS = 20 if LONG else 3
KNOWN = "red circle"


def test_searches_are_answered_or_refused_in_seconds_and_assets_are_embedded_later(library: Library):
    if not library.has("encoder"):
        pytest.skip("this library has no encoder process")
    library.settle()
    wait_until(lambda: library.search(KNOWN).status_code == 200, "the encoder")
    taken: dict[int, str] = {}
    rows = []
    with library.hung("encoder"):
        for number in range(UPLOADS):
            data = picture((640, 480))
            taken.update([accepted(library.upload(data), data)])
            started = time.monotonic()
            answer = library.search(f"a blue square, number {number}")
            seconds = time.monotonic() - started
            assert answer.status_code == 503, answer.text
            assert int(answer.headers["Retry-After"]) > 0
            assert seconds < 5
            rows.append((f"an unknown text, try {number + 1}", f"{answer.status_code} after {seconds:.2f} s"))
            started = time.monotonic()
            assert library.search(KNOWN).status_code == 200
            rows.append(("a known text", f"200 after {time.monotonic() - started:.2f} s"))
        ready = "assets_asset WHERE id = ANY(%s) AND state = 'ready'"
        wait_until(lambda: library.count(ready, list(taken)) == UPLOADS, "renditions, which need no encoder")
        assert library.owed() == UPLOADS
    started = time.monotonic()
    library.settle()
    rows.append((f"{UPLOADS} vectors are there", f"{time.monotonic() - started:.1f} s after its end"))
    library.assert_whole(taken)
    assert not library.count("search_embedding WHERE asset_id = ANY(%s) AND attempts > 1", list(taken))
    wait_until(lambda: library.search("a green triangle").status_code == 200, "the encoder")
    print_table("Encoder hung", rows[:4] + rows[-1:])


@pytest.mark.skipif(not LONG, reason="the other runs kill it too; this one waits for it: make faults")
def test_an_encoder_that_was_killed_is_there_again_and_known_texts_are_answered_meanwhile(library: Library):
    if not library.has("encoder"):
        pytest.skip("this library has no encoder process")
    wait_until(lambda: library.search(KNOWN).status_code == 200, "the encoder")
    assert library.kill("encoder")
    started = time.monotonic()
    slowest = 0.0
    number = 0
    while True:
        asked = time.monotonic()
        assert library.search(KNOWN).status_code == 200
        number += 1
        answer = library.search(f"an orange star, number {number}")
        slowest = max(slowest, time.monotonic() - asked)
        if answer.status_code == 200:
            break
        assert answer.status_code == 503, answer.text
        assert int(answer.headers["Retry-After"]) > 0
        assert time.monotonic() - started < 120
    rows = [("unknown texts are answered again", f"after {time.monotonic() - started:.1f} s"),
            ("slowest answer meanwhile", f"{slowest:.1f} s")]  # fmt: skip
    print_table("Encoder killed", rows)
