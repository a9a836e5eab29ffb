"""Foundation models: what they are called, how they are loaded and what they are fed."""

from imprint_core.models.registry import FOUNDATION_MODELS, FoundationModel, foundation_model, ridge_of

__all__ = ["FOUNDATION_MODELS", "FoundationModel", "foundation_model", "ridge_of"]
