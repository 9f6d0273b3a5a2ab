"""Worker, encoder, database and the broker's connections are killed at random while pictures come in."""

import random
import time

import pytest

from tests.faults.conftest import LONG, percentile, print_table
from tests.faults.library import Library, Uploads
from tests.faults.pictures import pictures
from tests.support.processes import wait_until

KILLS = 30 if LONG else 4
SEED = 20
SIZE = (1600, 1200) if LONG else (640, 480)
LEASED = """
    SELECT 'assets_asset', id FROM assets_asset WHERE state = 'pending' AND leased_until > now()
    UNION ALL SELECT 'search_embedding', id FROM search_embedding WHERE state = 'pending' AND leased_until > now()
"""
pytestmark = pytest.mark.timeout(1800 if LONG else 240)


def test_whatever_is_killed_every_accepted_picture_ends_ready_or_quarantined_once(library: Library):
    rng = random.Random(SEED)
    names = [
        name for name in ("worker", "database", "broker", "encoder") if name == "broker" or _is_there(library, name)
    ]
    plan = (names * KILLS)[:KILLS]
    rng.shuffle(plan)
    kills: list[tuple[str, float, list[tuple]]] = []
    with Uploads(library, pictures(SIZE), backlog=60 if LONG else 20) as uploads:
        for name in plan:
            wait_until(lambda: library.owed() > (20 if LONG else 5), "work to interrupt", seconds=60)
            time.sleep(rng.uniform(0, 1.5))
            held, at = library.sql(LEASED), time.time()
            hit = library.cut_broker() if name == "broker" else library.kill(name)
            if not hit:
                continue
            kills.append((name, at, held))
            wait_until(lambda at=at: _finished_after(library, at), f"work to go on after {name}", seconds=120)
            time.sleep(rng.uniform(0, 8 if LONG else 1))
    library.settle(seconds=300)
    library.assert_whole(uploads.accepted)
    _report(library, kills, uploads)


def _is_there(library: Library, name: str) -> bool:
    return name == "database" or library.has(name)


def _finished_after(library: Library, at: float) -> bool:
    """Whether anything was finished since; attempts that fail are finished too."""
    tables = ("assets_asset", "search_embedding")
    return any(library.count(f"{table} WHERE finished_at > to_timestamp(%s)", at) for table in tables)


def _resumed(library: Library, at: float) -> float:
    """Seconds until the first asset or vector was finished."""
    query = (
        "SELECT min(finished_at) FROM (SELECT finished_at FROM assets_asset UNION ALL"
        " SELECT finished_at FROM search_embedding) f WHERE finished_at > to_timestamp(%s)"
    )
    return library.sql(query, at)[0][0].timestamp() - at


def _taken_up(library: Library, at: float, held: list[tuple]) -> float:
    """Seconds until the last of the rows that were worked on was ended, whoever ended it."""
    ends = [
        end.timestamp()
        for table in ("assets_asset", "search_embedding")
        for (end,) in library.sql(
            f"SELECT finished_at FROM {table} WHERE id = ANY(%s)", [pk for name, pk in held if name == table]
        )
    ]
    return max([at, *ends]) - at


def _report(library: Library, kills: list[tuple[str, float, list[tuple]]], uploads: Uploads) -> None:
    resumed = [(name, _resumed(library, at)) for name, at, _held in kills]
    rows = [("kills", ", ".join(f"{name} {seconds:.1f} s" for name, seconds in resumed))]
    seconds = [value for _name, value in resumed]
    done = [_taken_up(library, at, held) for _name, at, held in kills if held]
    rows += [
        ("pictures accepted", len(uploads.accepted)),
        ("tries of an upload that were refused (503, no answer)", len(uploads.refused)),
        ("work goes on after: median", f"{percentile(seconds, 50):.1f} s"),
        ("work goes on after: 95th percentile (goal: 45 s)", f"{percentile(seconds, 95):.1f} s"),
        ("all that was worked on is done after: median", f"{percentile(done, 50):.1f} s"),
        ("all that was worked on is done after: 95th percentile", f"{percentile(done, 95):.1f} s"),
        ("quarantined", library.count("assets_asset WHERE state = 'quarantined'")),
        ("attempts beyond the first", library.sql("SELECT sum(greatest(attempts - 1, 0)) FROM assets_asset")[0][0]),
    ]
    print_table("Kills during ingest", rows)
