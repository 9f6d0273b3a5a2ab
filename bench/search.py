"""What a search costs and finds, beside the naive query and the best that one strategy can do, from one run.

    python -m bench.search --rows 100000          (and 300000; the library is made on the first run and kept)
    python -m bench.search --rows 4000 --quick    does it run at all?

Every row prints ours, the naive query and the limit, the goal and whether it is met. The first table is about rankings
under filters: ``naive`` is ORDER BY embedding <-> q LIMIT k with the filter and stock settings, ``limit`` the fastest
single strategy (bench/strategies.py) that reaches recall 0.95 in every row. The second is about everything around a
ranking. Ratios compare medians of interleaved runs in one process:
milliseconds are this machine's, ratios are ours. On a machine that does other things as well, run it twice.
"""

from statistics import geometric_mean

from bench import around, strategies
from bench.corpus import arguments, ensure
from bench.table import HEAD

GOAL, GOAL_FEW, GOAL_AGAINST = 0.95, 0.99, 0.90
FEW = 20_000
SLOWER = 1.3
SINGLE = {
    "strict, ef 200": strategies.strict(200),
    "strict, ef 400": strategies.strict(400),
    "relaxed, ef 200": strategies.relaxed(200, 20),
    "relaxed, ef 400": strategies.relaxed(400, 20),
    "exact": strategies.exact,
}


def ours(assets: object, vector: object, k: int) -> strategies.Rows:
    from search import ranking

    return ranking.neighbours(assets, vector, k).rows


def filters(corpus: object, ks: tuple[int, ...]) -> list[bool]:
    """Print the table of rankings under filters; return whether each row meets its goals."""
    rows = []
    for case in strategies.cases(corpus, ks=ks):
        if "against" in case.name:  # by the index alone these take a second each
            case.assets, case.vectors, case.truth = case.assets[:6], case.vectors[:6], case.truth[:6]
        rows.append((case, strategies.compare(case, {"ours": ours, "naive": strategies.naive, **SINGLE})))
        print(".", end="", flush=True)
    best = single(rows)
    print(f"\nlimit: the best single strategy that reaches {GOAL} in every row, {best}\n")
    print(f"{'query  filter      k':28}{'ours':>26}{'naive':>26}{'limit':>20}{'time ÷':>8}")
    print(" " * 28 + f"{'recall  rows       p50':>26}" * 2 + f"{'recall       p50':>20}{'limit':>8}")
    met = []
    for case, found in rows:
        mine, naive, limit = found["ours"], found["naive"], found[best]
        goal = GOAL_FEW if case.matches <= FEW else GOAL
        goal = GOAL_AGAINST if case.name == "10 % against" else goal
        ratio = mine.p50 / limit.p50
        missed = [
            *([f"recall ≥ {goal}"] if mine.recall < goal else []),
            *(["every row"] if mine.rows < 1 else []),
            *([f"≤ {SLOWER} × limit"] if ratio > SLOWER else []),
        ]
        met.append(not missed)
        sides = "".join(f"{o.recall:8.3f}{o.rows:7.3f}{o.p50:9.1f}ms" for o in (mine, naive))
        print(
            f"{case.kind:7}{case.name:14}{case.k:<7}{sides}{limit.recall:9.3f}{limit.p50:9.1f}ms{ratio:8.2f}"
            f"  {'met' if not missed else 'MISSED: ' + ', '.join(missed)}"
        )
    return met


def single(rows: list[tuple[strategies.Case, dict[str, strategies.Outcome]]]) -> str:
    """Return the strategy to settle on: of those that reach the goal in all rows, the fastest on average."""
    good = [name for name in SINGLE if all(found[name].recall >= GOAL for _case, found in rows)]
    return min(good, key=lambda name: geometric_mean(found[name].p50 for _case, found in rows))


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--quick", action="store_true", help="few queries, k = 10, no comparison with other sizes")
    options = parser.parse_args()
    corpus = ensure(options.rows, options.data, 2000 if options.quick else 8000)
    if options.quick:
        corpus.queries = {kind: asked[:8] for kind, asked in corpus.queries.items()}
    model = corpus.model
    print(f"{options.rows} assets; exact up to {model.exact_rows or 'the default'} rows\n")
    met = filters(corpus, (10,) if options.quick else (10, 50))
    print(f"\n{sum(met)} of {len(met)} rows meet their goals\n")
    print(HEAD)
    for row in around.rows(corpus, quick=options.quick):
        print(row, flush=True)
    print("\n" + (__doc__ or "").split("\n\n")[-1])


if __name__ == "__main__":
    main()
