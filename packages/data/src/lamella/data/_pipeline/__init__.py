"""Datasets that are made of other datasets, one op per file: each for random access and for streams."""
