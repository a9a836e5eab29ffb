"""Foundation models: their table, look-up, libraries, weights, loading and preprocessing.

The images that they embed are in `datasets`, the embeddings in `embeddings`.
"""

from imprint_core.models.libraries import foundation_model
from imprint_core.models.registry import FOUNDATION_MODELS, FoundationModel, ridge_of

__all__ = ["FOUNDATION_MODELS", "FoundationModel", "foundation_model", "ridge_of"]
