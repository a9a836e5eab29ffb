"""Embeddings and images that users upload, checked and saved as embedding sets and datasets.

Readers of image files and labels are in `imprint_core.datasets`.
"""
