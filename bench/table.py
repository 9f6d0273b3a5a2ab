"""One line of a table of ratios: ours, the naive way and the limit side by side, the goal and whether it is met."""

import time
from collections.abc import Callable
from dataclasses import dataclass

HEAD = f"{'':58}{'ours':>13}{'naive':>13}{'limit':>13}{'ratio':>9}{'goal':>10}"


@dataclass(frozen=True)
class Line:
    name: str
    ours: float
    ratio: float
    goal: float
    at_least: bool = True
    naive: float | None = None
    limit: float | None = None
    form: str = "{:.1f}"

    def __str__(self) -> str:
        sides = ("—" if value is None else self.form.format(value) for value in (self.ours, self.naive, self.limit))
        met = self.ratio >= self.goal if self.at_least else self.ratio <= self.goal
        goal = f"{'≥' if self.at_least else '≤'} {self.goal:g}"
        ratio = f"{self.ratio:.5f}" if self.goal > 0.999 and self.goal < 1 else f"{self.ratio:.3f}"
        columns = "".join(f"{side:>13}" for side in sides)
        return f"{self.name:58}{columns}{ratio:>9}{goal:>10}  {'met' if met else 'MISSED'}"


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
