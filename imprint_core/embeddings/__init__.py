"""Embeddings: made by an FM from a dataset, kept in a store, and bundled with the project."""

from imprint_core.embeddings.store import EmbeddingSet, SetInfo, bundled_folder, find_sets, open_set

__all__ = ["EmbeddingSet", "SetInfo", "bundled_folder", "find_sets", "open_set"]
