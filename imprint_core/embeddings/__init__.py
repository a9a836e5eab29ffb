"""Embeddings: made by an FM from a dataset, kept in a store, and bundled with the project."""

from imprint_core.embeddings.store import EmbeddingSet, SetInfo, find_sets, open_set

__all__ = ["EmbeddingSet", "SetInfo", "find_sets", "open_set"]
