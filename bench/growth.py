"""How a ranking's time at fixed recall grows with the library: `python -m bench.growth --rows 30000` prints one size.

For each kind of query the smallest ef_search at which the index reaches recall@10 0.95 over the whole library, and its
median time; beside it the naive query's and the exact one's. ``bench.search`` runs this in a process of its own for a
tenth of its rows, and prints the exponents.
"""

import json
import subprocess
import sys
from typing import Any

from bench import strategies
from bench.corpus import Corpus, arguments, ensure

STEPS = (20, 30, 40, 60, 80, 120, 160, 240, 320, 400, 600, 800, 1000)
RECALL = 0.95


def at_fixed_recall(corpus: Corpus) -> dict[str, Any]:
    """Return for ``text`` and ``image``: ef_search, and milliseconds of ours, naive and exact (the limit)."""
    found = {}
    for case in strategies.cases(corpus, ks=(10,), filtered=False):
        for ef_search in STEPS:
            ours = strategies.relaxed(ef_search, 0)
            if strategies.compare(case, {"ours": ours})["ours"].recall >= RECALL:
                break
        sides = strategies.compare(case, {"ours": ours, "naive": strategies.naive, "limit": strategies.exact}, 3)
        found[case.kind] = {"ef": ef_search, **{name: outcome.p50 for name, outcome in sides.items()}}
    return found


def of_another_size(rows: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.growth", "--rows", str(rows)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


if __name__ == "__main__":
    options = arguments(__doc__).parse_args()
    print(json.dumps(at_fixed_recall(ensure(options.rows, options.data))))
