"""Where time goes: stages of a batch, what a step loses, the knob to turn; and the progress bar."""

import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lamella.data import DataLoader, ParquetDataset, StallReport, TableDataset, write_parquet
from lamella.data._loader._stall import STAGES, StallClock, knob
from lamella.data._workers._clock import measuring, stage
from lamella.data._workers._task import Timings


class Ticking:
    """A clock that a test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr("lamella.data._workers._clock.perf_counter", lambda: self.now)

    def pass_(self, seconds: float) -> None:
        self.now += seconds

    def fail_after(self, seconds: float) -> None:
        with stage("collate"):
            self.now += seconds
            raise OSError("no")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Ticking:
    return Ticking(monkeypatch)


def test_a_stage_is_charged_for_what_no_inner_stage_took(clock: Ticking) -> None:
    timings, other = Timings(), Timings()
    with measuring(timings):
        clock.pass_(1)
        with stage("transform"):
            clock.pass_(2)
            with stage("decode"):
                clock.pass_(4)
            clock.pass_(8)
            with measuring(other):  # a loader inside a dataset
                clock.pass_(16)
                with stage("collate"):
                    clock.pass_(32)
            clock.pass_(64)
        with pytest.raises(OSError, match="no"):
            clock.fail_after(128)
        clock.pass_(256)
    clock.pass_(512)
    assert timings == Timings(read=257, transform=74, decode=4, collate=128)
    assert other == Timings(read=16, collate=32)


def test_stages_outside_of_a_loader_cost_nothing_and_say_nothing(clock: Ticking) -> None:
    timings = Timings()
    with stage("decode"):
        clock.pass_(1)
        with measuring(timings):
            clock.pass_(2)
    assert timings == Timings(read=2)


def test_threads_have_clocks_of_their_own(clock: Ticking) -> None:
    mine, theirs = Timings(), Timings()

    def run() -> None:
        with measuring(theirs), stage("decode"):
            clock.pass_(1)

    with measuring(mine), stage("transform"):
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    assert (mine, theirs) == (Timings(transform=1), Timings(decode=1))


def test_the_wait_is_charged_to_the_stages_in_proportion() -> None:
    sums = StallClock()
    for _ in range(4):
        sums.add(wait=0.03, whole=0.1, timings=Timings(read=0.04, decode=0.02))
    report = sums.report("thread", 2, pinned=False)
    assert report.steps == 4
    assert [report.busy, report.step_ms, report.wait_ms] == pytest.approx([0.3, 100, 30])
    assert report.lost_ms == pytest.approx(dict.fromkeys(STAGES, 0.0) | {"read": 20, "decode": 10})
    assert report.work_ms == pytest.approx(dict.fromkeys(STAGES, 0.0) | {"read": 40, "decode": 20})
    assert str(report).splitlines()[:4] == [
        "4 steps of 100.000 ms, 30.000 ms of it (30%) waiting for data",
        "            lost ms   work ms",
        "read         20.000    40.000",
        "decode       10.000    20.000",
    ]
    assert str(report).splitlines()[4] == report.knob


KNOBS: list[tuple[float, dict[str, float], float, str, int, bool, str]] = [
    (0.04, {"read": 1.0}, 1.0, "thread", 2, False, "nothing to turn"),
    (0.5, {"decode": 1.0}, 1.0, "thread", 0, False, "num_workers up from 0: decode then runs beside"),
    (0.5, {"transform": 1.0, "read": 0.5}, 0.9, "thread", 2, False, "workers='process'"),
    (0.5, {"transform": 1.0, "read": 0.5}, 0.9, "process", 2, False, "num_workers up from 2"),
    (0.5, {"read": 1.0}, 0.9, "thread", 2, False, "num_workers up from 2: all of them read all the time"),
    (0.5, {"read": 1.0}, 0.4, "thread", 2, False, "prefetch_factor up: 2 workers are idle 60%"),
    (0.5, {"collate": 1.0}, 0.9, "thread", 2, False, "give the dataset gather"),
    (0.5, {"transfer": 1.0}, 0.9, "process", 2, False, "workers='thread'"),
    (0.5, {"copy": 1.0}, 0.9, "thread", 2, False, "pin_memory=True"),
    (0.5, {"copy": 1.0}, 0.9, "thread", 2, True, "prefetch_to_device"),
]


@pytest.mark.parametrize(("waiting", "work", "busy", "workers", "count", "pinned", "words"), KNOBS)
def test_there_is_one_knob_to_turn(
    waiting: float, work: dict[str, float], busy: float, workers: str, count: int, pinned: bool, words: str
) -> None:
    assert words in knob(waiting, dict.fromkeys(STAGES, 0.0) | work, busy, workers, count, pinned)


class Slow:
    """Takes its time in a stage."""

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> int:
        with stage("transform"):
            time.sleep(0.002)
        return index


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_says_where_its_last_pass_waited(workers: int) -> None:
    loader = DataLoader(Slow(), 2, num_workers=workers)
    assert isinstance(loader.stall_report(), StallReport)
    assert "no step yet" in str(loader.stall_report())
    for _ in range(2):
        for _ in loader:
            pass
        report = loader.stall_report()
        assert report.steps == 3
        assert max(report.work_ms, key=lambda name: report.work_ms[name]) == "transform"
        assert report.work_ms["transform"] >= 4
        assert sum(report.lost_ms.values()) == pytest.approx(report.wait_ms)
        assert report.wait_ms <= report.step_ms
    if not workers:
        assert "num_workers up from 0" in report.knob


def test_files_decode_and_functions_transform(tmp_path: Path) -> None:
    write_parquet({"id": np.arange(64)}, tmp_path / "t.parquet", row_group_rows=8)

    def slowly(record: dict[str, Any]) -> dict[str, Any]:
        time.sleep(0.001)
        return record

    data = ParquetDataset(tmp_path / "t.parquet").map(slowly)
    for source in (data, data.stream()):
        loader = DataLoader(source, 16)
        for _ in loader:
            pass
        work = loader.stall_report().work_ms
        assert work["transform"] >= 16
        assert work["decode"] > 0


def test_every_stage_is_summed() -> None:
    sums, one = Timings(), Timings(**{name: float(at) for at, name in enumerate(STAGES, 1)})
    sums.add(one)
    sums.add(one)
    assert sums == Timings(**{name: 2.0 * at for at, name in enumerate(STAGES, 1)})


# -- progress ---------------------------------------------------------------------------------------------------------


def test_progress_draws_a_bar_over_the_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    loader = DataLoader(TableDataset({"id": np.arange(20)}), 4, progress=True)
    assert capsys.readouterr().err == ""
    assert len(list(loader)) == 5
    drawn = capsys.readouterr().err
    assert "epoch 0: 100%" in drawn
    assert "5/5" in drawn
    batches = iter(loader)
    next(batches)
    state = loader.state_dict()
    del batches
    resumed = DataLoader(TableDataset({"id": np.arange(20)}), 4, progress=True)
    resumed.load_state_dict(state)
    capsys.readouterr()
    assert len(list(resumed)) == 4
    drawn = capsys.readouterr().err
    assert "epoch 1:  20%" in drawn
    assert "5/5" in drawn


def test_progress_of_an_unknown_length_counts(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(list(DataLoader(iter(range(10)), 4, progress=True))) == 3
    assert "3batch" in capsys.readouterr().err


def test_progress_without_tqdm_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.raises(ImportError, match="progress=True draws with tqdm, which is not installed: pip install tqdm"):
        DataLoader([1], progress=True)
    assert len(DataLoader([1], progress=False)) == 1


def test_bars_are_closed_when_a_pass_is_left() -> None:
    closed: list[Any] = []

    class Bar:
        def __init__(self, **options: Any) -> None:
            assert options["total"] == 5

        def update(self, steps: int) -> None:
            assert steps == 1

        def close(self) -> None:
            closed.append(self)

    module = type(sys)("tqdm.auto")
    module.tqdm = Bar  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "tqdm.auto", module)
        for _ in DataLoader(range(20), 4, progress=True):
            break
    assert len(closed) >= 1
