"""Embedding sets: extraction by an FM from the images of a dataset, and storage on disk.

The FMs are in `models`, the images in `datasets`; base maps of sets are in `maps`.
"""

from imprint_core.embeddings.store import EmbeddingSet, SetInfo, find_sets, open_set

__all__ = ["EmbeddingSet", "SetInfo", "find_sets", "open_set"]
