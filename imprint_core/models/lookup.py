"""Look up foundation models by name: those of the table, and any other model of a library."""

from __future__ import annotations

from imprint_core.errors import ImprintError
from imprint_core.models.libraries import LIBRARIES
from imprint_core.models.registry import FOUNDATION_MODELS, FoundationModel


def foundation_model(name: str) -> FoundationModel:
    """Look up an FM by name: one of the table, or any classification model of a library.

    A model's name may be followed by a dot and the name of weights, such as `resnet50.IMAGENET1K_V2` or
    `vit_base_patch16_224.augreg_in1k`. A library's name before it, as in `timm/resnet18`, selects that library;
    otherwise the first library with a model of this name does.

    Raises
    ------
    ImprintError
        If no library knows it.
    """
    name = name.strip()
    if name in FOUNDATION_MODELS:
        return FOUNDATION_MODELS[name]
    library, separator, rest = name.partition("/")
    selected = {library: rest} if separator and library in LIBRARIES else dict.fromkeys(LIBRARIES, name)
    for library, text in selected.items():
        architecture, _, weights = text.partition(".")
        fm = LIBRARIES[library].find(architecture, weights)
        if fm is not None:
            # The entry of the table, where it is the same model with the same weights.
            entry = FOUNDATION_MODELS.get(architecture)
            return entry if entry and (entry.library, entry.weights) == (library, fm.weights) else fm
    raise ImprintError(
        f"Unknown foundation model '{name[:60]}'. Known are {', '.join(FOUNDATION_MODELS)}, and every classification "
        f"model of {' and '.join(LIBRARIES)} by its name there."
    )
