"""The database hangs: requests are told so within seconds, and what waited goes on when it does."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psutil
import pytest

from tests.faults.conftest import print_table
from tests.faults.library import Library, accepted
from tests.faults.pictures import picture
from tests.support.processes import wait_until

pytestmark = pytest.mark.timeout(180)
REQUESTS = 6  # more than the web server has threads
ANSWERED_SECONDS = 30


@contextmanager
def hung(library: Library) -> Iterator[None]:
    """Stop the database in its tracks."""
    first = library.postmaster()
    assert first is not None
    processes = [first, *first.children(recursive=True)]
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            try:
                process.resume()
            except psutil.NoSuchProcess:
                continue


def test_requests_are_answered_while_the_database_hangs_and_work_goes_on_afterwards(library: Library):
    datas = [picture((640, 480)) for _ in range(3)]
    taken = dict(accepted(library.upload(data), data) for data in datas)
    assert library.ask("GET", "assets/").status_code == 200

    def ask(_: int) -> tuple[int, float, str]:
        started = time.monotonic()
        answer = library.ask("GET", "assets/", timeout=90)
        return answer.status_code, time.monotonic() - started, answer.headers.get("Retry-After", "")

    with hung(library), ThreadPoolExecutor(REQUESTS) as threads:
        answers = list(threads.map(ask, range(REQUESTS)))
    assert {status for status, _seconds, _retry in answers} == {503}
    assert all(int(retry) > 0 for _status, _seconds, retry in answers)
    slowest = max(seconds for _status, seconds, _retry in answers)
    assert slowest < ANSWERED_SECONDS
    started = time.monotonic()
    wait_until(lambda: library.ask("GET", "assets/").status_code == 200, "the database")
    again = time.monotonic() - started
    library.settle()
    library.assert_whole(taken)
    rows = [
        ("slowest of six requests at once", f"503 after {slowest:.1f} s"),
        ("answers again", f"after {again:.1f} s"),
    ]
    print_table("Database hung", rows)
