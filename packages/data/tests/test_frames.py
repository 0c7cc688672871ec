"""Tables of other packages: Hugging Face datasets by their Arrow table and indices, frames by Arrow's C stream."""

import copy
import io
import json
import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from lamella.data import DataLoader, RandomAccess, Stream, TableDataset, from_huggingface, from_ray
from lamella.data._blocks import concat_blocks

datasets.disable_progress_bars()
ROWS = 40
COLUMNS: dict[str, Any] = {
    "n": list(range(ROWS)),
    "x": [[row / 2, row] for row in range(ROWS)],
    "text": [f"row {row}" if row % 3 else "" for row in range(ROWS)],
}
FEATURES = datasets.Features(
    {
        "n": datasets.Value("int32"),
        "x": datasets.Sequence(datasets.Value("float32"), length=2),
        "text": datasets.Value("string"),
    }
)


@pytest.fixture(scope="module")
def on_disk(tmp_path_factory: pytest.TempPathFactory) -> datasets.Dataset:
    """Three files, memory mapped, in batches of five rows."""
    folder = tmp_path_factory.mktemp("hf") / "saved"
    made = datasets.Dataset.from_dict(COLUMNS, features=FEATURES)
    made = datasets.concatenate_datasets([made.select(range(start, start + 5)) for start in range(0, ROWS, 5)])
    made.save_to_disk(str(folder), num_shards=3)
    return datasets.load_from_disk(str(folder))


VIEWS: dict[str, Callable[[datasets.Dataset], datasets.Dataset]] = {
    "all": lambda d: d,
    "select": lambda d: d.select([7, 3, 3, 39]),
    "slice": lambda d: d.select(range(11, 23)),
    "shuffle": lambda d: d.shuffle(seed=2),
    "shuffle of select": lambda d: d.select(range(20)).shuffle(seed=1).select(range(9)),
    "shard": lambda d: d.shard(4, 1),
    "filter": lambda d: d.filter(lambda row: row["n"] % 3 == 0),
    "none": lambda d: d.select([]),
}


@pytest.mark.parametrize("view", VIEWS)
def test_a_dataset_is_its_table_and_its_indices(on_disk: datasets.Dataset, view: str) -> None:
    theirs = VIEWS[view](on_disk)
    ours = from_huggingface(theirs)
    assert isinstance(ours, RandomAccess)
    assert len(ours) == len(theirs)
    batch = ours.read(np.arange(len(ours)), 0)
    expected = theirs.with_format(None)[:]
    assert {name: column.tolist() for name, column in batch.items()} == {name: expected[name] for name in FEATURES}
    assert batch["x"].shape == (len(theirs), 2)
    assert pickle.loads(pickle.dumps(ours)).fingerprint() == ours.fingerprint()
    if len(ours):
        assert ours[-1]["text"] == theirs[len(theirs) - 1]["text"]


def test_nothing_is_copied(on_disk: datasets.Dataset) -> None:
    before = pa.total_allocated_bytes()
    data = from_huggingface(on_disk, columns=["n", "x"])
    data.read(np.arange(ROWS), 0)
    assert pa.total_allocated_bytes() == before
    column = data._cache.get(1, False)["n"]
    assert column.ctypes.data == data._batches[1].column(0).buffers()[1].address + 4 * data._batches[1].column(0).offset


def test_a_loader_reads_them(on_disk: datasets.Dataset) -> None:
    data = from_huggingface(on_disk, columns=["n"])
    seen = [batch["n"].numpy() for batch in DataLoader(data, 7, shuffle=True, seed=1)]
    assert sorted(np.concatenate(seen).tolist()) == list(range(ROWS))


def test_formats_choose_columns(on_disk: datasets.Dataset) -> None:
    chosen = on_disk.with_format("numpy", columns=["text", "n"])
    assert from_huggingface(chosen).column_names == ("text", "n")
    with pytest.raises(ValueError, match=re.escape("has a transform (set_transform); use .map()")):
        from_huggingface(on_disk.with_transform(lambda batch: batch))


def test_their_kinds_of_columns() -> None:
    features = datasets.Features(
        {"label": datasets.ClassLabel(names=["no", "yes"]), "a": datasets.Array2D((2, 3), "float32")}
    )
    values = np.arange(12, dtype=np.float32).reshape(2, 2, 3)
    data = from_huggingface(datasets.Dataset.from_dict({"label": [1, 0], "a": values.tolist()}, features=features))
    batch = data.read(np.array([1, 0]), 0)
    assert batch["label"].tolist() == [0, 1]
    assert np.array_equal(batch["a"], values[::-1])


def test_images_are_their_bytes() -> None:
    from PIL import Image

    content = io.BytesIO()
    Image.new("RGB", (2, 2)).save(content, "PNG")
    made = datasets.Dataset.from_dict(
        {"image": [{"bytes": content.getvalue(), "path": None}] * 2},
        features=datasets.Features({"image": datasets.Image()}),
    )
    data = from_huggingface(made)
    assert isinstance(data, RandomAccess)
    assert data[1]["image"] == content.getvalue()
    elsewhere = datasets.Dataset.from_dict(
        {"image": ["/a.png", "/b.png"]}, features=datasets.Features({"image": datasets.Image()})
    )
    with pytest.raises(ValueError, match="column 'image' has 2 rows that are paths to files"):
        from_huggingface(elsewhere)


def test_an_iterable_dataset_is_a_stream_that_resumes(on_disk: datasets.Dataset) -> None:
    stream = from_huggingface(on_disk.to_iterable_dataset(num_shards=4), columns=["n", "text"], block_rows=3)
    assert isinstance(stream, Stream)
    whole = concat_blocks(list(stream.open(0)))
    assert whole["n"].tolist() == COLUMNS["n"]
    assert whole["text"].tolist() == COLUMNS["text"]
    iterator = stream.open(0)
    seen: list[int] = []
    for block in iterator:
        seen += block["n"].tolist()
        state = json.loads(json.dumps(iterator.state()))
        assert seen + [row for part in stream.open(0, state) for row in part["n"].tolist()] == COLUMNS["n"]
    assert copy.deepcopy(stream).fingerprint() == stream.fingerprint()


BAD: list[tuple[str, Callable[[datasets.Dataset], object], type[Exception], str]] = [
    (
        "splits",
        lambda d: from_huggingface(datasets.DatasetDict(train=d)),
        TypeError,
        r"choose one of its splits: \['train'\]",
    ),
    ("a list", lambda d: from_huggingface([1]), TypeError, "expected a datasets.Dataset .* got list"),
    ("columns", lambda d: from_huggingface(d, columns=["z"]), KeyError, "unknown column 'z'"),
    (
        "stream columns",
        lambda d: list(from_huggingface(d.to_iterable_dataset(), columns=["z"]).open(0)),
        KeyError,
        "'z'",
    ),
    ("fill", lambda d: from_huggingface(d, fill={"z": 0}), KeyError, "fill names unknown column 'z'"),
    (
        "structs",
        lambda d: from_huggingface(d.map(lambda r: {"s": {"a": 1}})),
        TypeError,
        "column 's' has Arrow type struct",
    ),
    ("range", lambda d: from_huggingface(d).read(np.array([ROWS]), 0), IndexError, r"records in \[0, 40\)"),
    ("selected range", lambda d: from_huggingface(d.select([1, 5])).read(np.array([2]), 0), IndexError, "out of range"),
]


@pytest.mark.parametrize(("make", "error", "message"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_input(
    on_disk: datasets.Dataset, make: Callable[[Any], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make(on_disk)


def test_pandas_frames() -> None:
    frame = pd.DataFrame(
        {"n": np.arange(3), "t": ["a", "", "ö"], "c": pd.Categorical(["x", "y", "x"]), "d": pd.to_datetime([0, 1, 2])}
    )
    table = TableDataset(frame)
    assert table.column("n").tolist() == [0, 1, 2]
    assert table.column("t").tolist() == ["a", "", "ö"]
    assert table.column("c").tolist() == [0, 1, 0]
    assert table.categories == {"c": ["x", "y"]}
    assert table.column("d").dtype == np.int64
    with pytest.raises(ValueError, match="column 'n' has 1 null"):
        TableDataset(pd.DataFrame({"n": pd.array([1, None], "Int64")}))


def test_polars_frames() -> None:
    """In a process of its own: importing polars takes over Ctrl-C, which other tests send."""
    program = Path(__file__).parent / "helpers" / "polars_frames.py"
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "polars read"


def test_an_fsspec_filesystem_is_taken(tmp_path: Path) -> None:
    import fsspec

    from lamella.data import ArrowDataset, write_parquet

    write_parquet({"n": np.arange(5)}, tmp_path / "t.parquet")
    data = ArrowDataset(str(tmp_path / "t.parquet"), filesystem=fsspec.filesystem("file"))
    assert data[3]["n"] == 3


def test_without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=r"from_ray: Ray is not installed: pip install 'lamella-data\[ray\]'"):
        from_ray(object())
