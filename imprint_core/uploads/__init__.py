"""What users bring: images and embeddings in files that may be anything, checked and made ours."""

from imprint_core.datasets.names import clean_name
from imprint_core.datasets.own_images import OwnImages, find_own, read_own
from imprint_core.uploads.archives import from_archive
from imprint_core.uploads.embeddings import read_embeddings
from imprint_core.uploads.image_files import Entry, from_piles
from imprint_core.uploads.keras import from_keras_npz
from imprint_core.uploads.rows import OwnEmbeddings
from imprint_core.uploads.save_images import keep_images

__all__ = [
    "Entry",
    "OwnEmbeddings",
    "OwnImages",
    "clean_name",
    "find_own",
    "from_archive",
    "from_keras_npz",
    "from_piles",
    "keep_images",
    "read_embeddings",
    "read_own",
]
