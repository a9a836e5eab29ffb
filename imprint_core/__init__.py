"""Weight imprinting: embeddings, proxies, evaluation and neural collapse, without the app.

The names below are imported on first use, so that `import imprint_core` stays fast.
"""

from importlib import import_module
from typing import Any

__version__ = "1.0"

_MODULES = {
    "Experiment": "evaluation.experiment",
    "ImprintingClassifier": "framework.classifier",
    "PRESETS": "recipes.presets",
    "Recipe": "framework.recipe",
    "find_sets": "embeddings",
    "load_head": "export.torch_head",
    "open_set": "embeddings",
    "save_head": "export.torch_head",
}
__all__ = [*_MODULES]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
