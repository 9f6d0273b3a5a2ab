"""The broker is unreachable, hangs or loses its connections: nobody who uploads notices."""

import time
from contextlib import contextmanager

import pytest

from tests.faults.conftest import LONG, percentile, print_table
from tests.faults.library import Library, accepted
from tests.faults.pictures import picture

pytestmark = pytest.mark.timeout(900 if LONG else 120)
UPLOADS = 100 if LONG else 6  # in each outage, and in each quiet time before one
OUTAGES = ["unreachable", "hung", "cut"] * (2 if LONG else 1)


@contextmanager
def outage(library: Library, kind: str):
    match kind:
        case "unreachable":
            library.broker.close()
        case "hung":
            library.broker.hang()
        case "cut":
            library.cut_broker()
    try:
        yield
    finally:
        if kind == "hung":
            library.broker.cut()  # hung connections do not come back; new ones are to be made
        library.broker.open()


def test_uploads_are_taken_through_outages_of_the_broker_and_embedded_afterwards(library: Library):
    taken: dict[int, str] = {}
    seconds: dict[str, list[float]] = {"quiet": [], "outages": []}
    afterwards = []

    def upload(when: str, *, cut: bool = False) -> None:
        for _ in range(UPLOADS):
            data = picture((640, 480))
            if cut:
                library.cut_broker()
            started = time.monotonic()
            answer = library.upload(data)
            seconds[when].append(time.monotonic() - started)
            taken.update([accepted(answer, data)])

    for kind in OUTAGES:
        upload("quiet")
        library.settle()
        with outage(library, kind):
            upload("outages", cut=kind == "cut")
        started = time.monotonic()
        library.settle()
        afterwards.append(f"{kind} {time.monotonic() - started:.1f} s")
    library.assert_whole(taken)
    quiet, during = (percentile(seconds[when], 99) for when in ("quiet", "outages"))
    rows = [
        ("uploads in outages, all taken (201)", len(seconds["outages"])),
        ("99th percentile of an upload, quiet", f"{1000 * quiet:.0f} ms"),
        ("99th percentile of an upload, in outages", f"{1000 * during:.0f} ms"),
        ("ratio (goal: at most 1.5)", f"{during / quiet:.2f}"),
        ("all embedded after the end of the outage", ", ".join(afterwards)),
    ]
    print_table("Outages of the broker", rows)
