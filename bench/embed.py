"""What embedding costs, beside the naive way and the limit of this machine, from one run.

    python -m bench.embed                     every row (some ten minutes on two cores)
    python -m bench.embed forward text        the rows of these names
    python -m bench.embed --quick pipeline    does it run at all?

Every row prints ours, the naive way and the limit, the ratio that its name says, its goal and whether it is met. What
is compared takes turns within one process, so that whatever else the machine does slows both; milliseconds are this
machine's, ratios are ours. ViT-B/32 has random weights here, made on the spot: neither speed nor rounding minds. The
bundled model, which has real ones, is beside it where vectors are compared. Threads are as in production: torch's own
choice, unless OMP_NUM_THREADS says otherwise.
"""

import argparse
import os
import platform
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from bench import bf16, forward, models, pipeline
from bench.database import connect
from bench.table import HEAD, Line

DATA = Path(".cache/bench/embed")


def web(quick: bool) -> Iterator[Line]:
    """The web process beside one with nothing but Django and Django REST framework."""
    from bench.memory import measure

    held = measure()
    ours, bare = held.web / 2**20, held.bare / 2**20
    yield Line("web process's MB ÷ bare Django + DRF", ours, held.ratio, 2, at_least=False, limit=bare)


ROWS = {
    "forward": forward.forward,
    "gemm": forward.gemm,
    "pipeline": pipeline.whole,
    "ingest": pipeline.ingest,
    "text": forward.text,
    "cached": forward.cached,
    "concurrent": forward.concurrent,
    "writing": pipeline.writing,
    "cosine": forward.cosine,
    "worker": pipeline.worker_memory,
    "web": web,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(ROWS)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="fewer pictures and rounds")
    options = parser.parse_args()
    if unknown := set(options.rows) - set(ROWS):
        parser.error(f"no rows are named {', '.join(sorted(unknown))}; there are {', '.join(ROWS)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started ends with this process
    os.environ.setdefault("OMP_NUM_THREADS", str(pipeline.CORES))
    os.environ["DAM_ENCODER_URL"] = models.address(DATA)
    connect(DATA)
    units = ", ".join(bf16.units()) or "none"
    print(f"{platform.machine()}, {pipeline.CORES} cores; units for bf16: {units}\n")
    print(HEAD)
    for name in options.rows or ROWS:
        for line in ROWS[name](options.quick):
            print(line, flush=True)
    print("\n" + (__doc__ or "").split("\n\n")[-1])


if __name__ == "__main__":
    main()
