"""Data for training: tables in memory and in parquet, and a loader whose order is a function of (seed, epoch, step)."""

from lamella.data._collate import default_collate
from lamella.data._loader import DataLoader
from lamella.data._permutation import KeyedPermutation
from lamella.data._protocols import BatchedDataset, Dataset, EpochDataset, Fingerprinted, Sampler
from lamella.data._ragged import Ragged
from lamella.data._samplers import RandomSampler, SequentialSampler
from lamella.data._sources._arrow_dataset import ArrowDataset, ParquetDataset
from lamella.data._subset import Subset, random_split, stratified_split
from lamella.data._table import TableDataset, TensorDataset
from lamella.data._write import write_parquet

__all__ = [
    "ArrowDataset",
    "BatchedDataset",
    "DataLoader",
    "Dataset",
    "EpochDataset",
    "Fingerprinted",
    "KeyedPermutation",
    "ParquetDataset",
    "Ragged",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "Subset",
    "TableDataset",
    "TensorDataset",
    "default_collate",
    "random_split",
    "stratified_split",
    "write_parquet",
]

__version__ = "0.1.0"
