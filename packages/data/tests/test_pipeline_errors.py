"""Bad input to pipelines: an error where the user called, with what was given, what was expected and what to do."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pytest

from lamella.data import (
    ChainDataset,
    ConcatDataset,
    DataLoader,
    IterableDataset,
    PadCollate,
    Ragged,
    RandomAccess,
    RecordDataset,
    StackDataset,
    Stream,
    Subset,
    TableDataset,
    interleave,
    mix,
    random_split,
)
from lamella.tensor import Generator


def table(rows: int = 6) -> TableDataset:
    return TableDataset({"id": np.arange(rows), "t": Ragged.from_rows([np.arange(n % 3) for n in range(rows)])})


def stream(rows: int = 6) -> Stream:
    return table(rows).stream()


def everything(source: Any) -> Any:
    return source.gather(np.arange(len(source))) if isinstance(source, RandomAccess) else list(source)


class Nothing(RandomAccess):
    def __len__(self) -> int:
        return 3


class Once(IterableDataset):
    def __init__(self) -> None:
        self.rows = iter(range(40))

    def __iter__(self) -> Any:
        return self.rows


class Stopping(Nothing):
    def __getitem__(self, index: Any) -> Any:
        raise StopIteration


def stops(record: Any) -> Any:
    return next(iter(()))


def half(record: Any) -> Any:
    return 0.5


SHORT = {"source": {"position": 6}, "gone": 1}

BAD: list[tuple[str, Callable[[], Any], type[Exception], str]] = [
    # sources
    ("no records", lambda: Nothing()[0], TypeError, "Nothing gives no records: define __getitem__ or read"),
    ("mapping", lambda: ConcatDataset([{0: 1}]), TypeError, "got dict; wrap a mapping of columns in TableDataset"),
    ("record mapping", lambda: RecordDataset({0: 1}), TypeError, "got dict; wrap"),
    ("number", lambda: Subset(3, [0]), TypeError, "a length and a record per position"),
    ("stream in concat", lambda: ConcatDataset([table(), stream()]), TypeError, "make them all streams with"),
    ("table in chain", lambda: ChainDataset([table()]), TypeError, r"becomes one by .stream\(\)"),
    ("no datasets", lambda: ConcatDataset([]), ValueError, "no datasets given"),
    ("no streams", lambda: ChainDataset([]), ValueError, "no streams given"),
    ("stack lengths", lambda: StackDataset(table(), table(3)), ValueError, r"equally long, got \[6, 3\]"),
    ("stack both", lambda: StackDataset(table(), x=table()), ValueError, "by position .* or by name"),
    ("stack none", lambda: StackDataset(), ValueError, "by position .* or by name"),
    ("index", lambda: table().take(2)[2], IndexError, "record 2 is out of range for 2 records"),
    ("block rows", lambda: table().stream(block_rows=0), ValueError, "block_rows must be an int >= 1, got 0"),
    # map and filter
    ("map none", lambda: table().map(None), TypeError, "map: expected a function, got None"),
    ("map flag", lambda: table().map(len, batched=1), TypeError, "batched must be True or False, got 1"),
    ("map seed", lambda: table().map(len, rng=True, seed=-1), ValueError, "map: seed must be"),
    ("ragged name", lambda: table().map(len, ragged="t"), TypeError, r"single string 't'; pass \['t'\]"),
    ("ragged batched", lambda: table().map(len, batched=True, ragged=["t"]), ValueError, "giving Ragged; leave out"),
    ("batched batches", lambda: table().batch(2).map(len, batched=True), ValueError, "batches already"),
    (
        "batched rows",
        lambda: everything(table().map(lambda b: {"id": b["id"][:2]}, batched=True)),
        ValueError,
        r"gave 2 rows for 6 \(records \[0, 1, 2, 3, 4, 5\]\).*filter leaves rows out",
    ),
    (
        "batched scalar",
        lambda: everything(stream().map(lambda b: {"id": 3}, batched=True)),
        TypeError,
        r"map: .*\['id'\] must be arrays of one entry per row, got 3 of type int",
    ),
    (
        "batched lengths",
        lambda: everything(stream().map(lambda b: {"a": b["id"], "b": b["id"][:1]}, batched=True)),
        ValueError,
        r"columns of different lengths: \[6, 1\]",
    ),
    ("nothing in it", lambda: everything(stream().map(lambda r: {})), ValueError, "record 0 is an empty dict"),
    ("stops", lambda: everything(stream().map(stops)), RuntimeError, "stops raised StopIteration"),
    ("stops all", lambda: everything(stream().map(stops, batched=True)), RuntimeError, "stops raised StopIteration"),
    ("source stops", lambda: everything(Stopping().stream()), RuntimeError, "records 0 to 2 raised StopIteration"),
    ("batched empty", lambda: everything(stream().map(lambda b: {}, batched=True)), ValueError, "holds no column"),
    (
        "keys differ",
        lambda: everything(table().map(lambda r: {f"k{r['id'] // 3}": 1})),
        ValueError,
        r"record 3 has keys \['k1'\] where .* record 0 has keys \['k0'\]",
    ),
    (
        "tuples differ",
        lambda: everything(table().map(lambda r: (1,) * int(r["id"] // 3 + 1))),
        ValueError,
        "record 3 is tuple where .* record 0 is a 1-tuple",
    ),
    (
        "kinds differ",
        lambda: everything(table().map(lambda r: {"x": None if r["id"] else 1})),
        TypeError,
        r"record\['x'\] 1 is NoneType where another is a number",
    ),
    ("filter none", lambda: table().filter("id > 3"), TypeError, "filter: expected a function, got 'id > 3'"),
    (
        "filter counts",
        lambda: len(table().filter(lambda b: b["id"], batched=True)),
        TypeError,
        "must give a boolean for each of 6 rows .* got dtype int64",
    ),
    ("filter shuffled", lambda: table().shuffle().filter(len), ValueError, "put filter before it, or use .stream"),
    (
        "expression",
        lambda: len(RecordDataset([1, 2]).filter(pc.field("x") > 1)),
        TypeError,
        "needs records with named columns",
    ),
    ("batched filter", lambda: stream().batch(2).filter(len, batched=True), ValueError, "batches already"),
    # sizes
    ("batch", lambda: table().batch(0), ValueError, "batch: batch_size must be an int >= 1, got 0"),
    ("drop_last", lambda: stream().batch(2, drop_last=None), TypeError, "drop_last must be True or False"),
    ("shuffle", lambda: table().shuffle(1.5), TypeError, "shuffle: seed must be"),
    ("window", lambda: stream().shuffle(0, window=0), ValueError, "window must be an int >= 1"),
    ("take", lambda: table().take(-1), ValueError, "take: count must be an int >= 0"),
    ("skip", lambda: stream().skip(True), TypeError, "skip: count must be an int >= 0, got the bool True"),
    ("repeat", lambda: table().repeat(None), TypeError, r"use .stream\(\).repeat\(\)"),
    ("repeat count", lambda: stream().repeat(-2), ValueError, "times must be an int >= 0, got -2"),
    ("rank", lambda: table().shard(2, 2), ValueError, r"rank must be an int in \[0, 1\], got 2"),
    ("world", lambda: stream().shard(0, 0), ValueError, "world must be an int >= 1"),
    ("depth", lambda: stream().prefetch(0), ValueError, "prefetch: depth must be an int >= 1"),
    # mixtures
    ("mix one", lambda: mix(table()), TypeError, "expected a list of one or more datasets"),
    ("mix none", lambda: mix([]), TypeError, "expected a list of one or more"),
    ("mix both", lambda: mix([table(), stream()]), TypeError, "mix: expected a stream, got TableDataset"),
    ("weights", lambda: mix([table(), table()], [1.0]), ValueError, r"one weight for each of 2 sources, got \[1.0\]"),
    ("weight 0", lambda: mix([table(), table()], [1, 0]), ValueError, "weights must be positive.*leave out what has"),
    ("weight nan", lambda: mix([table(), table()], [1, float("nan")]), ValueError, "weights must be positive"),
    ("weight tiny", lambda: mix([table(), table()], [1, 1e-9]), ValueError, "smallest share that is met is 1/4096"),
    ("stop", lambda: table().mix(table(), stop="last"), ValueError, "stop must be 'first' or 'all'.*got 'last'"),
    ("empty all", lambda: interleave([table(), table(0)], stop="all"), ValueError, r"one has no records: \[6, 0\]"),
    (
        "empty stream all",
        lambda: everything(interleave([stream(), stream(0)], stop="all")),
        ValueError,
        "this one has no records",
    ),
    ("block", lambda: interleave([table()], block=0), ValueError, "interleave: block must be an int >= 1"),
    (
        "structures",
        lambda: everything(table() + [1, 2]),
        TypeError,
        "records of one dataset need one structure, got dict and ndarray",
    ),
    (
        "names",
        lambda: everything(table() + TableDataset({"id": [1]})),
        ValueError,
        r"same keys, got \['id', 't'\] and \['id'\]",
    ),
    (
        "shapes",
        lambda: everything(TableDataset({"x": np.zeros((2, 3))}) + TableDataset({"x": np.zeros((2, 4))})),
        ValueError,
        r"one shape, got \(3,\) and \(4,\); pad them",
    ),
    # pack
    ("length", lambda: table().pack(0), ValueError, "pack: length must be an int >= 1"),
    ("overlap", lambda: table().pack(4, overlap=4), ValueError, r"overlap must be an int in \[0, 3\], got 4"),
    ("dtype", lambda: table().pack(4, dtype="f4"), TypeError, "dtype must be an integer type, got float32"),
    ("whole overlap", lambda: table().pack(4, whole=True, overlap=1), ValueError, "leave out drop_last and overlap"),
    ("whole drop", lambda: table().pack(4, whole=True, drop_last=False), ValueError, "leave out drop_last and overlap"),
    ("window cut", lambda: table().pack(4, window=3), ValueError, "window and long belong to whole=True"),
    ("long cut", lambda: table().pack(4, long="cut"), ValueError, "window and long belong to whole=True"),
    ("long", lambda: table().pack(4, whole=True, long="no"), ValueError, "'error', 'cut' or 'drop', got 'no'"),
    ("column", lambda: len(table().pack(4, "x")), KeyError, r"unknown column 'x'; known columns are \['id', 't'\]"),
    ("column kind", lambda: table().pack(4, ["t"]), TypeError, "column must be the name of one"),
    ("column of ids", lambda: len(table().pack(4, "id")), TypeError, "column 'id' must hold a sequence of tokens"),
    (
        "which column",
        lambda: len(TableDataset({"a": np.zeros(2), "b": np.zeros(2)}).pack(4)),
        ValueError,
        r"say which column holds the tokens with column=...; columns are \['a', 'b'\]",
    ),
    (
        "floats",
        lambda: len(TableDataset({"a": Ragged(np.zeros(3), [0, 3])}).pack(2)),
        TypeError,
        "tokens must be integers, got float64 in column 'a'",
    ),
    ("tuples", lambda: len(RecordDataset([([1], 2)]).pack(2)), TypeError, "got tuples"),
    ("no names", lambda: len(RecordDataset([[1], [2]]).pack(2, "t")), TypeError, "records without names"),
    ("batches", lambda: table().batch(2).pack(2), ValueError, "pack before batching"),
    ("varying", lambda: table().shuffle().pack(2), ValueError, "put pack before it, or use .stream"),
    (
        "separator",
        lambda: len(TableDataset({"t": Ragged(np.zeros(3, np.uint8), [0, 3])}).pack(2, separator=256)),
        ValueError,
        "separator=256 cannot be held by tokens of uint8; pass dtype",
    ),
    (
        "pad value",
        lambda: everything(TableDataset({"t": Ragged(np.zeros(3, np.uint8), [0, 3])}).stream().pack(2, pad_value=-1)),
        ValueError,
        "pad_value=-1 cannot be held by tokens of uint8",
    ),
    # pad and bucket
    ("pad what", lambda: table().pad(), ValueError, "give a length, or batch first"),
    ("pad long", lambda: everything(table().pad(1)), ValueError, "row 2 has 2 values, which do not fit length=1"),
    ("pad side", lambda: table().pad(3, side="up"), ValueError, "side must be 'right' or 'left', got 'up'"),
    ("pad value text", lambda: table().pad(3, value="x"), TypeError, "value must be a number, got 'x'"),
    ("pad value kind", lambda: everything(table().pad(3, value=0.5)), ValueError, "int64 cannot hold the value 0.5"),
    ("pad columns", lambda: table().pad(3, columns="t"), TypeError, "list of names, got the single string 't'"),
    ("pad unknown", lambda: everything(table().pad(3, columns=["x"])), KeyError, "unknown column 'x'"),
    ("pad ids", lambda: everything(table().pad(3, columns=["id"])), TypeError, "column 'id': expected a sequence"),
    ("pad multiple", lambda: table().pad(3, multiple_of=2), ValueError, "with a length, leave it out"),
    ("pad names", lambda: everything(RecordDataset([[1]]).pad(3, mask=True)), TypeError, "need named columns"),
    (
        "pad mask name",
        lambda: everything(TableDataset({"t": Ragged.from_rows([[1]]), "t_mask": [1]}).pad(3, mask=True)),
        ValueError,
        "would be called 't_mask', which is a column already",
    ),
    ("collate columns", lambda: PadCollate()([{"a": [1]}]), ValueError, r"with columns=\[...\]; records have \['a'\]"),
    ("collate none", lambda: PadCollate()([]), ValueError, "empty list of records"),
    ("bucket both", lambda: table().bucket(2, max_values=9), ValueError, "one of them"),
    ("bucket none", lambda: table().bucket(), ValueError, "one of them"),
    ("bucket window", lambda: table().bucket(9, window=8), ValueError, "window must be an int >= 9, got 8"),
    ("bucket drop", lambda: table().bucket(max_values=9, drop_last=True), ValueError, "without one leave it out"),
    ("bucket column", lambda: everything(table().bucket(2, by="x")), KeyError, "bucket: unknown column 'x'"),
    ("bucket ids", lambda: everything(table().bucket(2, by="id")), TypeError, "pass by=function of a record"),
    ("bucket value", lambda: everything(table().bucket(max_values=1)), ValueError, "record 2 has 2 values, more than"),
    ("bucket names", lambda: everything(RecordDataset([1]).bucket(2, by="x")), TypeError, "records have no names"),
    (
        "bucket which",
        lambda: everything(TableDataset({"a": [1], "b": [2]}).bucket(1)),
        ValueError,
        "say whose length counts with by=...",
    ),
    ("bucket length", lambda: everything(table().bucket(1, by=half)), TypeError, "length that by gives must"),
    ("bucket twice", lambda: table().batch(2).bucket(2), ValueError, "batches already"),
    # states
    ("other state", lambda: stream().map(len).open(0, {"position": 3}), ValueError, "the pipeline that gave it"),
    ("no state", lambda: stream().shuffle().open(0, 3), ValueError, "expected a state with .*, got 3"),
    ("far state", lambda: stream().open(0, {"position": 7}), ValueError, r"position must be an int in \[0, 6\]"),
    ("negative", lambda: stream().cursor(0, {**SHORT, "gone": -1}), ValueError, "gone must be an int >= 0, got -1"),
    ("shrunk", lambda: stream().cursor(0, SHORT), ValueError, "ends before the saved place; was its source changed"),
    (
        "shrunk pack",
        lambda: stream().pack(2, "t").open(
            0, {"source": {"position": 6}, "held": 1, "gone": 0, "offset": 1, "document": 2}),
        ValueError,
        "ends before the saved place",
    ),
    ("used up", lambda: [list(once := Once()), once.open(0, {"position": 3})], ValueError, "gave 0 records where .* 3"),
    # splits
    (
        "generator and seed",
        lambda: random_split(table(), [6], Generator(), seed=1),
        ValueError,
        "generator and seed both say",
    ),
    ("generator", lambda: random_split(table(), [6], np.random.default_rng(0)), TypeError, "lamella.tensor.Generator"),
    # batches
    ("fixed collate", lambda: list(DataLoader(table(), 3)), ValueError, r"batch\['t'\] is ragged.*pad the rows"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "error", "message"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_input(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()
