"""Datasets of labelled images: their table, one reader of class folders, zips and arrays, splits, draws of samples.

Uploads are saved by `uploads`; embeddings of the images are in `embeddings`.
"""

from imprint_core.datasets.registry import DATASETS, Dataset, checked_dataset_at, dataset, dataset_at

__all__ = ["DATASETS", "Dataset", "checked_dataset_at", "dataset", "dataset_at"]
