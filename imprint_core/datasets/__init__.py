"""Datasets of labelled images: their table, readers for files of many kinds, splits and draws of samples.

What users upload is checked in `uploads`; embeddings of the images are in `embeddings`.
"""

from imprint_core.datasets.registry import DATASETS, Dataset, dataset, dataset_at

__all__ = ["DATASETS", "Dataset", "dataset", "dataset_at"]
