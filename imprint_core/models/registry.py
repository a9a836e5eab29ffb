"""The table of foundation models (FMs).

Importing this module imports no torch, so that the app starts without it; `loading` does.
"""

from __future__ import annotations

from dataclasses import dataclass

from imprint_core.choices import look_up


@dataclass(frozen=True)
class FoundationModel:
    """A frozen, pre-trained image model.

    Attributes
    ----------
    name : str
        The model's name in its library.
    library : {"torchvision", "timm"}
        The library that builds it.
    label : str
        How a person calls it.
    dim : int
        Width of its pooled embedding.
    help : str
        One sentence for the sidebar.
    weights : str
        The library's own name of the official weights.
    ridge : float
        λ of least squares: the weight decay that the paper gives the FM's family (Table A.4).
    """

    name: str
    library: str
    label: str
    dim: int
    help: str
    weights: str = "IMAGENET1K_V1"
    ridge: float = 1e-4


_TABLE = (
    FoundationModel(
        "vit_tiny_patch16_224",
        "timm",
        "ViT-Ti/16",
        192,
        "A small vision transformer (AugReg); the embedding is its class token.",
        "augreg_in21k_ft_in1k",
        ridge=0.1,
    ),
    FoundationModel(
        "resnet50",
        "torchvision",
        "ResNet-50",
        2048,
        "The paper's larger residual network; globally pooled last features.",
    ),
    FoundationModel(
        "squeezenet1_1",
        "torchvision",
        "SqueezeNet 1.1",
        512,
        "A very small convolutional network; globally pooled last features.",
    ),
    FoundationModel(
        "mobilenet_v2",
        "torchvision",
        "MobileNetV2",
        1280,
        "A network made for phones; globally pooled last features.",
    ),
    FoundationModel("resnet18", "torchvision", "ResNet-18", 512, "The paper's smaller residual network."),
    FoundationModel(
        "vit_b_16",
        "torchvision",
        "ViT-B/16",
        768,
        "The paper's vision transformer; the embedding is its class token.",
        ridge=0.1,
    ),
    FoundationModel("swin_b", "torchvision", "Swin-B", 1024, "The paper's shifted-window transformer.", ridge=0.05),
)

FOUNDATION_MODELS: dict[str, FoundationModel] = {fm.name: fm for fm in _TABLE}


def ridge_of(name: str) -> float:
    """λ of an FM: that of its family in the paper; a convolutional network's for one of the user's own."""
    return FOUNDATION_MODELS[name].ridge if name in FOUNDATION_MODELS else FoundationModel.ridge


def foundation_model(name: str) -> FoundationModel:
    """Look an FM up by its library name.

    Raises
    ------
    ImprintError
        If no such FM is registered; the message lists those that are.
    """
    return look_up(FOUNDATION_MODELS, name, "foundation model")
