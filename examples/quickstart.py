"""Train a small convolutional network on the UCI handwritten digits; save it, reload it, compile it, and compare.

    python examples/quickstart.py [--seed 0] [--epochs 12] [--out runs/quickstart] [--resume]

The images come with scikit-learn; the first run writes them to parquet. Every epoch ends with a checkpoint that is
whole or not there: Ctrl-C loses at most one epoch, and --resume continues exactly as if nothing had happened. The last
line is `test_accuracy=0.xxxx seconds=nn`, and the exit status is 1 below an accuracy of 0.98.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import lamella.tensor as lt
from lamella import nn, optim
from lamella.data import DataLoader, ParquetDataset, Subset, TableDataset, stratified_split, write_parquet

WANTED = 0.98
BATCH = 64
NEEDED = {"sklearn": "scikit-learn", "matplotlib": "matplotlib", "tqdm": "tqdm"}


def missing_packages() -> list[str]:
    """What pip would have to install."""
    return [package for module, package in NEEDED.items() if importlib.util.find_spec(module) is None]


def digits(path: Path) -> TableDataset:
    """1797 images [1, 8, 8] in [0, 1] with their labels, from the parquet file, which the first call writes."""
    if not path.exists():
        from sklearn import __version__ as version
        from sklearn.datasets import load_digits

        found = load_digits()
        images = (found.images / 16).astype(np.float32).reshape(-1, 1, 8, 8)
        source = (
            "E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998, "
            f"doi 10.24432/C50P49, its test part, as load_digits() of scikit-learn {version} returns it"
        )
        metadata = {"source": source, "license": "CC BY 4.0", "change": "pixels divided by 16"}
        write_parquet({"image": images, "label": found.target.astype(np.int64)}, path, metadata=metadata)
    return ParquetDataset(path).load()


def network() -> nn.Module:
    """Two convolutions and a dense layer: 10 logits for an image [N, 1, 8, 8]."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.25),
        nn.Linear(512, 10),
    )


class Training:
    """Everything that changes while training, so that a checkpoint holds all of it."""

    def __init__(self, table: TableDataset, seed: int, epochs: int) -> None:
        train, test = stratified_split(table.column("label"), (0.8, 0.2), seed=0)
        self.generator = lt.manual_seed(seed)
        self.loader = DataLoader(Subset(table, train), BATCH, shuffle=True, seed=seed)
        self.test = DataLoader(Subset(table, test), 256)
        self.model = network()
        self.optimizer = optim.AdamW(self.model.parameters(), lr=4e-3, weight_decay=1e-2)
        steps = epochs * len(self.loader)
        warmup = min(len(self.loader), steps - 1)
        schedule = optim.lr_scheduler
        self.schedule = schedule.SequentialLR(
            self.optimizer,
            [
                schedule.LinearLR(self.optimizer, 0.1, 1.0, warmup),
                schedule.CosineAnnealingLR(self.optimizer, steps - warmup, 1e-5),
            ],
            [warmup],
        )
        self.settings = {"seed": seed, "epochs": epochs}
        self.history: list[dict[str, float]] = []
        self.saved = False

    def epoch(self, bar: Any) -> tuple[float, float]:
        """One pass over the training data: mean loss and accuracy, as seen while training."""
        self.model.train()
        loss_sum, right, seen = 0.0, 0, 0
        for batch in self.loader:
            self.optimizer.zero_grad()
            logits = self.model(batch["image"])
            loss = nn.functional.cross_entropy(logits, batch["label"])
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            self.schedule.step()
            n = len(batch["label"])
            loss_sum += loss.item() * n
            right += int((logits.detach().argmax(1) == batch["label"]).sum().item())
            seen += n
            bar.update()
        return loss_sum / seen, right / seen

    def state(self) -> dict[str, Any]:
        """All of it as plain containers of tensors and numbers."""
        return {
            "settings": self.settings,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "generator": self.generator.get_state(),
            "loader": self.loader.state_dict(),
            "history": self.history,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue where `state` was taken; ValueError if it is no such state or the run had other settings."""
        if not isinstance(state, dict) or set(state) != set(self.state()):
            raise ValueError("it is not a checkpoint of this example")
        if state["settings"] != self.settings:
            raise ValueError(f"the checkpoint was made with {state['settings']}, this run has {self.settings}")
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.generator.set_state(state["generator"])
        self.loader.load_state_dict(state["loader"])
        self.history = list(state["history"])
        self.saved = True


def predictions(model: Any, loader: DataLoader) -> tuple[Any, Any]:
    """(logits [N, 10], labels [N]) as numpy arrays, outside training."""
    logits, labels = [], []
    with lt.no_grad():
        for batch in loader:
            logits.append(model(batch["image"]).numpy())
            labels.append(batch["label"].numpy())
    return np.concatenate(logits), np.concatenate(labels)


def accuracy(logits: Any, labels: Any) -> float:
    """The share of rows whose largest logit is at the label."""
    return float((logits.argmax(1) == labels).mean())


def draw(history: list[dict[str, float]], path: Path) -> None:
    """The learning curve as PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    epochs = range(1, len(history) + 1)
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
    left.plot(epochs, [h["loss"] for h in history], color="tab:blue")
    left.set(xlabel="epoch", ylabel="training loss", yscale="log")
    right.plot(epochs, [h["train"] for h in history], label="training", color="tab:blue")
    right.plot(epochs, [h["test"] for h in history], label="test", color="tab:orange")
    right.set(xlabel="epoch", ylabel="accuracy")
    right.legend(loc="lower right")
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def train(training: Training, checkpoint: Path) -> None:
    """The epochs that are left, with a checkpoint after each."""
    from tqdm import tqdm

    epochs = training.settings["epochs"]
    for number in range(len(training.history) + 1, epochs + 1):
        # disable=None: no bar where nobody looks, in a log file
        title = f"epoch {number}/{epochs}"
        with tqdm(total=len(training.loader), desc=title, unit="batch", leave=False, disable=None) as bar:
            loss, right = training.epoch(bar)
        training.model.eval()
        test = accuracy(*predictions(training.model, training.test))
        training.history.append({"loss": loss, "train": right, "test": test})
        print(f"epoch {number:2d}/{epochs}  loss {loss:.4f}  training accuracy {right:.4f}  test accuracy {test:.4f}")
        lt.save(training.state(), checkpoint)
        training.saved = True


def reload_and_compile(training: Training, checkpoint: Path) -> float:
    """A fresh network from the file predicts like the trained one, compiled too; returns its test accuracy."""
    from lamella.compiler import compile as compiled

    training.model.eval()
    trained, labels = predictions(training.model, training.test)
    model = network()
    model.load_state_dict(lt.load(checkpoint)["model"])
    model.eval()
    reloaded, _ = predictions(model, training.test)
    if not np.array_equal(trained, reloaded):
        raise RuntimeError("the reloaded network predicts something else than the trained one")
    print("reloaded from", checkpoint, "- predictions are equal bit for bit")
    fast, _ = predictions(compiled(model), training.test)
    difference = float(np.abs(fast - reloaded).max())
    same = int((fast.argmax(1) == reloaded.argmax(1)).sum())
    print(f"compiled - {same} of {len(labels)} predictions agree, largest difference of a logit {difference:.1e}")
    if same != len(labels) or difference > 1e-3:
        raise RuntimeError("the compiled network disagrees with the eager one")
    return accuracy(reloaded, labels)


def arguments(argv: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Train a small network on the UCI handwritten digits.")
    parser.add_argument("--seed", type=int, default=0, help="of initial weights, dropout and order (default 0)")
    parser.add_argument("--epochs", type=int, default=12, help="passes over the training data (default 12)")
    parser.add_argument("--out", type=Path, default=Path("runs/quickstart"), help="folder for all files it writes")
    parser.add_argument("--resume", action="store_true", help="continue from the checkpoint in that folder")
    args = parser.parse_args(argv)
    if args.epochs < 1:
        parser.error(f"--epochs must be at least 1, got {args.epochs}")
    return args


def main(argv: list[str] | None = None) -> int:
    """The exit status: 0, 1 below the wanted accuracy, 2 for what the user must mend, 130 after Ctrl-C."""
    args = arguments(argv)
    missing = missing_packages()
    if missing:
        print(f"this example needs {', '.join(missing)}: python -m pip install {' '.join(missing)}", file=sys.stderr)
        return 2
    try:
        return run(args)
    except KeyboardInterrupt:
        print("\ninterrupted before the training began", file=sys.stderr)
        return 130


def run(args: argparse.Namespace) -> int:
    """Train, save, reload, compile, report; the exit status."""
    started = time.perf_counter()
    args.out.mkdir(parents=True, exist_ok=True)
    checkpoint: Path = args.out / "checkpoint.safetensors"
    training = Training(digits(args.out / "digits.parquet"), args.seed, args.epochs)
    if args.resume:
        if not checkpoint.exists():
            print(f"there is no {checkpoint} to resume from; run without --resume first", file=sys.stderr)
            return 2
        try:
            training.restore(lt.load(checkpoint))
        except ValueError as error:
            print(f"cannot resume from {checkpoint}: {error}", file=sys.stderr)
            return 2
        print(f"resumed after epoch {len(training.history)}")
    try:
        train(training, checkpoint)
        draw(training.history, args.out / "learning-curve.png")
        print("learning curve:", args.out / "learning-curve.png")
        result = reload_and_compile(training, checkpoint)
    except KeyboardInterrupt:
        kept = f"{checkpoint} holds the last whole epoch; --resume continues" if training.saved else "nothing was saved"
        print(f"\ninterrupted: {kept}", file=sys.stderr)
        return 130
    print(f"test_accuracy={result:.4f} seconds={time.perf_counter() - started:.0f}")
    return 0 if result >= WANTED else 1


if __name__ == "__main__":
    sys.exit(main())
