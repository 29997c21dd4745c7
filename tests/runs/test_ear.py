"""Is everything that a run speaks heard once, in order, by whatever way it comes, and by whoever comes again?"""

from contextlib import ExitStack
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daeri.runs.ear import RESTARTED, SPOKEN, Ear
from daeri.runs.journal import Lease
from daeri.runs.wakeups import Wakeups
from daeri.runs.work import Workbench

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def row(seq, text, at, kind=SPOKEN):
    data = {"text": text} if kind == RESTARTED else {"text": text, "at": at}
    return SimpleNamespace(run_id="run_1", seq=seq, at=NOW, type=kind, data=data)


def heard(ear, spoken):
    return "".join(event["text"] for event in ear.of_spoken(spoken, NOW))


@given(
    pieces=st.lists(st.text("가나다", min_size=1, max_size=3), min_size=1, max_size=12),
    kept=st.sets(st.integers(0, 11)),
    breaks=st.sets(st.integers(0, 11)),
    lost=st.sets(st.integers(0, 11)),
)
def test_whatever_is_kept_lost_or_cut_off_nothing_is_missing_or_told_twice(pieces, kept, breaks, lost) -> None:
    """A piece may reach the ear at once or not; after some the text so far is kept, after some the ear is new."""
    ear, told, seq, begun = Ear("run_1", 0, 0), "", 0, 0
    rows, said = [], ""
    for number, piece in enumerate(pieces):
        if number not in lost:
            told += heard(ear, [(len(said), piece)])
        said += piece
        if number in kept or number == len(pieces) - 1:
            seq += 1
            rows.append(row(seq, said[begun:], begun))
            begun = len(said)
            told += ear.of_row(rows[-1])["text"]
            assert told == said
        if number in breaks:
            ear = Ear("run_1", ear.after, ear.heard)
    assert told == said


def test_one_who_does_not_know_how_much_was_spoken_waits_for_the_sequence() -> None:
    ear = Ear("run_1", 7, None)
    assert heard(ear, [(3, "나다")]) == ""
    assert ear.of_row(row(8, "가나다", 2))["text"] == "가나다"
    assert heard(ear, [(5, "라")]) == "라"


def test_text_that_was_kept_before_places_were_noted_is_told_whole() -> None:
    ear = Ear("run_1", 0, 0)
    old = SimpleNamespace(run_id="run_1", seq=1, at=NOW, type=SPOKEN, data={"text": "가나"})
    assert ear.of_row(old)["text"] == "가나"
    assert ear.of_row(row(2, "다", 2))["text"] == "다"


def test_after_a_restart_the_text_begins_where_the_run_says() -> None:
    ear = Ear("run_1", 0, 0)
    assert heard(ear, [(0, "가나다라")]) == "가나다라"
    ear.of_row(row(1, "가", 0, RESTARTED))
    assert heard(ear, [(1, "바사")]) == "바사"


def test_a_piece_tells_where_to_go_on_after_it() -> None:
    ear = Ear("run_1", 4, 2)
    (event,) = ear.of_spoken([(2, "다라"), (4, "마")], NOW)
    assert (event["seq"], event["at"], event["text"], event["place"]) == (4, 2, "다라마", "4.5")


@pytest.mark.anyio
async def test_only_who_listens_to_the_run_is_spoken_to(world) -> None:
    wakeups = Wakeups()
    bench = Workbench(world.store, world.clock, wakeups)
    with wakeups.listening("run_1") as mine, wakeups.listening("run_2") as other:
        bench.speak(Lease("run_1", 1), 0, "가")
        assert (mine.take(), other.take()) == ([(0, "가")], [])


@pytest.mark.anyio
async def test_the_more_runs_speak_the_longer_text_is_gathered(world) -> None:
    bench = Workbench(world.store, world.clock, Wakeups())
    alone = bench.pause
    with ExitStack() as many:
        many.enter_context(bench.speaking())
        assert bench.pause == alone
        for _ in range(500):
            many.enter_context(bench.speaking())
        assert bench.pause > 2
    assert bench.pause == alone
