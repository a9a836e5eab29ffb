"""Images and embeddings that users upload: untrusted files, checked and saved as datasets and embedding sets.

Decoding of images and reading of saved datasets are in `imprint_core.datasets`.
"""
