"""Datasets: what they are called, where their images come from, which samples are drawn."""

from imprint_core.datasets.registry import DATASETS, Dataset, dataset, dataset_at

__all__ = ["DATASETS", "Dataset", "dataset", "dataset_at"]
