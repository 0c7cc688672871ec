"""Data for training: tables in memory and in parquet, and a loader whose order is a function of (seed, epoch, step)."""

from lamella.data._collate import default_collate
from lamella.data._loader import DataLoader, DevicePrefetcher, Skipped, StallReport, prefetch_to_device
from lamella.data._permutation import KeyedPermutation
from lamella.data._protocols import BatchedDataset, Dataset, EpochDataset, Fingerprinted, IndexedSampler
from lamella.data._ragged import Ragged
from lamella.data._samplers import (
    BatchSampler,
    DistributedSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from lamella.data._sources._arrow_dataset import ArrowDataset, ParquetDataset
from lamella.data._subset import Subset, random_split, stratified_split
from lamella.data._table import TableDataset, TensorDataset
from lamella.data._workers._info import WorkerInfo, get_worker_info
from lamella.data._write import write_parquet

__all__ = [
    "ArrowDataset",
    "BatchSampler",
    "BatchedDataset",
    "DataLoader",
    "Dataset",
    "DevicePrefetcher",
    "DistributedSampler",
    "EpochDataset",
    "Fingerprinted",
    "IndexedSampler",
    "KeyedPermutation",
    "ParquetDataset",
    "Ragged",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "Skipped",
    "StallReport",
    "Subset",
    "SubsetRandomSampler",
    "TableDataset",
    "TensorDataset",
    "WeightedRandomSampler",
    "WorkerInfo",
    "default_collate",
    "get_worker_info",
    "prefetch_to_device",
    "random_split",
    "stratified_split",
    "write_parquet",
]

__version__ = "0.1.0"
