"""While one batch is finished, the next is under way; what may have ended a worker before goes by itself."""

from types import SimpleNamespace

import pytest

from assets.overlap import at_once, overlapped


def working_through(*attempts: list[int]) -> list[str]:
    """Work through batches whose rows have had so many attempts; return what happened, in order."""
    waiting = [[SimpleNamespace(attempts=number) for number in batch] for batch in (*attempts, [])]
    log: list[str] = []

    def batch():
        name = len(attempts) + 1 - len(waiting)
        rows = waiting.pop(0)
        log.append(f"begin {name}")
        yield rows
        log.append(f"finish {name}")

    overlapped(batch)
    return log


def test_others_have_their_turn_when_the_time_is_up():
    batches = [(rows for rows in [[SimpleNamespace(attempts=1)]]) for _ in range(5)]
    assert overlapped(lambda: batches.pop(), seconds=0)
    assert len(batches) == 4
    assert not overlapped(lambda: (rows for rows in [[]]))


def test_the_next_batch_is_begun_before_one_is_finished():
    assert working_through([1, 1], [1]) == ["begin 0", "begin 1", "finish 0", "begin 2", "finish 1", "finish 2"]


def test_rows_that_were_tried_before_have_no_other_batch_begun_beside_them():
    assert working_through([2], [3]) == ["begin 0", "finish 0", "begin 1", "finish 1", "begin 2", "finish 2"]


def test_nothing_to_do_is_begun_once():
    assert working_through() == ["begin 0", "finish 0"]


def test_what_goes_wrong_in_one_batch_reaches_the_caller():
    def broken():
        yield [SimpleNamespace(attempts=1)]
        raise RuntimeError("no database")

    with pytest.raises(RuntimeError, match="no database"):
        overlapped(broken)


def test_what_was_begun_is_let_go_when_the_batch_before_goes_wrong():
    log: list[str] = []

    def broken():
        try:
            yield [SimpleNamespace(attempts=1)]
            raise RuntimeError("no database")
        finally:
            log.append("let go")

    with pytest.raises(RuntimeError) as _held:  # as whoever logs the error holds it, with all its frames
        overlapped(broken)
    assert log == ["let go", "let go"]


def test_one_batch_says_how_many_rows_it_had():
    assert at_once(iter([["a", "b"]])) == 2
