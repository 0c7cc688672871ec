"""Frames of polars as tables: text as views, lists, categories, arrays, several chunks."""

import sys

import numpy as np
import polars as pl

from lamella.data import TableDataset


def main() -> None:
    frame = pl.DataFrame(
        {"n": [1, 2, 3], "t": ["a", "", "a text that is longer than a view"], "l": [[1], [], [2, 3]]},
    ).with_columns(pl.col("t").cast(pl.Categorical).alias("c"), pl.Series("a", np.arange(6).reshape(3, 2)))
    table = TableDataset(frame)
    assert table.column("t").tolist() == frame["t"].to_list()
    assert table.column("l").tolist() == [[1], [], [2, 3]]
    assert table.column("a").tolist() == [[0, 1], [2, 3], [4, 5]]
    assert [table.categories["c"][code] for code in table.column("c")] == frame["t"].to_list()
    assert np.shares_memory(table.column("n"), frame["n"].to_numpy())
    assert len(TableDataset(pl.concat([frame, frame], rechunk=False))) == 6
    sys.stdout.write("polars read")


if __name__ == "__main__":
    main()
