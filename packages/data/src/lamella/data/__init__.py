"""Data for training: tables in memory and in parquet, and a loader whose order is a function of (seed, epoch, step)."""

from lamella.data._collate import default_collate, default_convert
from lamella.data._loader import DataLoader, DevicePrefetcher, Skipped, StallReport, prefetch_to_device
from lamella.data._permutation import KeyedPermutation
from lamella.data._pipeline._chain import ChainDataset
from lamella.data._pipeline._concat import ConcatDataset, StackDataset
from lamella.data._pipeline._iterable import IterableDataset
from lamella.data._pipeline._mix import interleave, mix
from lamella.data._pipeline._pad import PadCollate
from lamella.data._pipeline._random_access import RandomAccess
from lamella.data._pipeline._records import RecordDataset
from lamella.data._pipeline._stream import Stream, StreamIterator
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
from lamella.data._sources._file_stream import FileStream
from lamella.data._sources._from_iterable import from_iterable
from lamella.data._sources._group_shuffle import GroupSampler
from lamella.data._sources._huggingface import from_huggingface
from lamella.data._sources._ray import from_ray
from lamella.data._subset import Subset, random_split, stratified_split
from lamella.data._table import TableDataset, TensorDataset
from lamella.data._workers._info import WorkerInfo, get_worker_info
from lamella.data._write import write_parquet

__all__ = [
    "ArrowDataset",
    "BatchSampler",
    "BatchedDataset",
    "ChainDataset",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "DevicePrefetcher",
    "DistributedSampler",
    "EpochDataset",
    "FileStream",
    "Fingerprinted",
    "GroupSampler",
    "IndexedSampler",
    "IterableDataset",
    "KeyedPermutation",
    "PadCollate",
    "ParquetDataset",
    "Ragged",
    "RandomAccess",
    "RandomSampler",
    "RecordDataset",
    "Sampler",
    "SequentialSampler",
    "Skipped",
    "StallReport",
    "StackDataset",
    "Stream",
    "StreamIterator",
    "Subset",
    "SubsetRandomSampler",
    "TableDataset",
    "TensorDataset",
    "WeightedRandomSampler",
    "WorkerInfo",
    "default_collate",
    "default_convert",
    "from_huggingface",
    "from_iterable",
    "from_ray",
    "get_worker_info",
    "prefetch_to_device",
    "interleave",
    "mix",
    "random_split",
    "stratified_split",
    "write_parquet",
]

__version__ = "0.1.0"
