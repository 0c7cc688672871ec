"""The example that the README runs: it learns, survives Ctrl-C, resumes exactly, and says what is missing."""

import importlib.util
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import lamella.tensor as lt

PATH = Path(__file__).resolve().parents[1] / "examples" / "quickstart.py"


@pytest.fixture(scope="module")
def quickstart():
    spec = importlib.util.spec_from_file_location("quickstart", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def flat(value, path="state"):
    """(path, leaf) of everything in a checkpoint."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from flat(item, f"{path}[{key!r}]")
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            yield from flat(item, f"{path}[{i}]")
    else:
        yield path, value


def assert_same_checkpoint(a, b):
    left, right = dict(flat(lt.load(a))), dict(flat(lt.load(b)))
    assert list(left) == list(right)
    for path, value in left.items():
        other = right[path]
        if isinstance(value, lt.Tensor):
            assert value.dtype is other.dtype, path
            assert np.array_equal(value.numpy(), other.numpy()), path
        else:
            assert value == other, path


@pytest.mark.slow
def test_it_learns_saves_reloads_and_compiles(quickstart, tmp_path, capsys):
    assert quickstart.main(["--out", str(tmp_path), "--epochs", "8"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"test_accuracy=0\.\d{4} seconds=\d+", lines[-1])
    assert sum(line.startswith("epoch") for line in lines) == 8
    assert any("equal bit for bit" in line for line in lines)
    assert any("359 of 359 predictions agree" in line for line in lines)
    assert (tmp_path / "learning-curve.png").read_bytes().startswith(b"\x89PNG")
    import pyarrow.parquet

    metadata = pyarrow.parquet.read_schema(tmp_path / "digits.parquet").metadata
    assert b"UCI Machine Learning Repository" in metadata[b"source"]


def test_below_the_wanted_accuracy_the_status_is_one(quickstart, tmp_path, capsys):
    assert quickstart.main(["--out", str(tmp_path), "--epochs", "1"]) == 1
    assert re.fullmatch(r"test_accuracy=0\.\d{4} seconds=\d+", capsys.readouterr().out.splitlines()[-1])


@pytest.mark.parametrize("at", [30, 50])
def test_an_interrupted_run_resumes_to_the_same_bits(quickstart, tmp_path, capsys, monkeypatch, at):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert quickstart.main(["--out", str(whole), "--epochs", "3", "--seed", "5"]) in (0, 1)
    real = quickstart.nn.utils.clip_grad_norm_
    calls = iter(range(1000))

    def interrupted(*args):
        if next(calls) == at:
            raise KeyboardInterrupt
        return real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(quickstart.nn.utils, "clip_grad_norm_", interrupted)
        assert quickstart.main(["--out", str(cut), "--epochs", "3", "--seed", "5"]) == 130
    assert "--resume continues" in capsys.readouterr().err
    assert len(lt.load(cut / "checkpoint.safetensors")["history"]) == at // 23
    lt.manual_seed(999)
    assert quickstart.main(["--out", str(cut), "--epochs", "3", "--seed", "5", "--resume"]) in (0, 1)
    assert f"resumed after epoch {at // 23}" in capsys.readouterr().out
    assert_same_checkpoint(whole / "checkpoint.safetensors", cut / "checkpoint.safetensors")


def test_a_step_in_the_middle_of_an_epoch_can_be_saved_too(quickstart, tmp_path):
    class Bar:
        def __init__(self, stop):
            self.left = stop

        def update(self):
            self.left -= 1
            if self.left == 0:
                raise InterruptedError

    table = quickstart.digits(tmp_path / "digits.parquet")
    states = []
    for cut in (False, True):
        training = quickstart.Training(table, seed=1, epochs=2)
        if cut:
            with pytest.raises(InterruptedError):
                training.epoch(Bar(7))
            lt.save(training.state(), tmp_path / "middle.safetensors")
            training = quickstart.Training(table, seed=1, epochs=2)
            training.restore(lt.load(tmp_path / "middle.safetensors"))
            with pytest.raises(InterruptedError):
                training.epoch(Bar(5))
        else:
            with pytest.raises(InterruptedError):
                training.epoch(Bar(12))
        lt.save(training.state(), tmp_path / f"{cut}.safetensors")
        states.append(tmp_path / f"{cut}.safetensors")
    assert_same_checkpoint(*states)


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT cannot be sent to one process there")
def test_ctrl_c_leaves_a_whole_checkpoint(tmp_path):
    command = [sys.executable, str(PATH), "--out", str(tmp_path), "--epochs", "500"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 120
        while not (tmp_path / "checkpoint.safetensors").exists():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert "interrupted" in err
    assert "Traceback" not in err
    state = lt.load(tmp_path / "checkpoint.safetensors")
    assert len(state["history"]) >= 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["checkpoint.safetensors", "digits.parquet"]


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (["--resume"], "run without --resume first"),
    ],
)
def test_what_the_user_must_mend_is_said(quickstart, tmp_path, capsys, argv, text):
    assert quickstart.main(["--out", str(tmp_path), *argv]) == 2
    assert text in capsys.readouterr().err


def test_a_checkpoint_of_other_settings_or_damaged_is_refused(quickstart, tmp_path, capsys):
    table = quickstart.digits(tmp_path / "digits.parquet")
    file = tmp_path / "checkpoint.safetensors"
    lt.save(quickstart.Training(table, seed=1, epochs=2).state(), file)
    assert quickstart.main(["--out", str(tmp_path), "--seed", "2", "--epochs", "2", "--resume"]) == 2
    assert "'seed': 1" in capsys.readouterr().err
    damaged = file.read_bytes()[:-100]
    lt.save({"a": 1}, file)
    assert quickstart.main(["--out", str(tmp_path), "--seed", "1", "--epochs", "2", "--resume"]) == 2
    assert "not a checkpoint of this example" in capsys.readouterr().err
    file.write_bytes(damaged)
    assert quickstart.main(["--out", str(tmp_path), "--seed", "1", "--epochs", "2", "--resume"]) == 2
    assert "cannot resume from" in capsys.readouterr().err


def test_a_missing_package_is_named(quickstart, tmp_path, capsys, monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "sklearn" else real(name))
    assert quickstart.main(["--out", str(tmp_path)]) == 2
    assert "python -m pip install scikit-learn" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_no_epochs_is_refused(quickstart, capsys):
    with pytest.raises(SystemExit):
        quickstart.main(["--epochs", "0"])
    assert "at least 1" in capsys.readouterr().err
