"""The table of foundation models (FMs), and how any other model of torchvision or timm is named.

Importing this module imports no torch, so that the app starts without it; `loading` does.
"""

from __future__ import annotations

from dataclasses import dataclass

from imprint_core.errors import ImprintError


@dataclass(frozen=True)
class FoundationModel:
    """A frozen, pre-trained image model.

    Attributes
    ----------
    name : str
        How sets, links and commands call it: its name in its library.
    library : {"torchvision", "timm"}
        The library that builds it.
    label : str
        How a person calls it.
    dim : int or None
        Width of its pooled embedding; None where only building it tells.
    help : str
        One sentence for the sidebar.
    weights : str
        The library's own name of the official weights; empty where there are none.
    file : str
        What the library calls their file in its cache; empty where only the library knows.
    ridge : float
        λ of least squares: the weight decay that the paper gives the FM's family (Table A.4).
    """

    name: str
    library: str
    label: str
    dim: int | None
    help: str
    weights: str = "IMAGENET1K_V1"
    file: str = ""
    ridge: float = 1e-4

    @property
    def built_as(self) -> str:
        """The model's name in its library without that of the weights."""
        return self.name.split(".")[0]


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
        file="resnet50-0676ba61.pth",
    ),
    FoundationModel(
        "squeezenet1_1",
        "torchvision",
        "SqueezeNet 1.1",
        512,
        "A very small convolutional network; globally pooled last features.",
        file="squeezenet1_1-b8a52dc0.pth",
    ),
    FoundationModel(
        "mobilenet_v2",
        "torchvision",
        "MobileNetV2",
        1280,
        "A network made for phones; globally pooled last features.",
        file="mobilenet_v2-b0353104.pth",
    ),
    FoundationModel(
        "resnet18",
        "torchvision",
        "ResNet-18",
        512,
        "The paper's smaller residual network; globally pooled last features.",
        file="resnet18-f37072fd.pth",
    ),
    FoundationModel(
        "vit_b_16",
        "torchvision",
        "ViT-B/16",
        768,
        "The paper's vision transformer; the embedding is its class token.",
        file="vit_b_16-c867db91.pth",
        ridge=0.1,
    ),
    FoundationModel(
        "swin_b",
        "torchvision",
        "Swin-B",
        1024,
        "The paper's shifted-window transformer; pooled last features.",
        file="swin_b-68c6b09e.pth",
        ridge=0.05,
    ),
)

FOUNDATION_MODELS: dict[str, FoundationModel] = {fm.name: fm for fm in _TABLE}


def ridge_of(name: str) -> float:
    """λ of an FM: that of its family in the paper; a convolutional network's for one of the user's own."""
    return FOUNDATION_MODELS[name].ridge if name in FOUNDATION_MODELS else FoundationModel.ridge


def foundation_model(name: str) -> FoundationModel:
    """Look an FM up by name: one of the table, or any classification model of torchvision or timm.

    A library's name may be followed by a dot and the weights' name there, such as
    `resnet50.IMAGENET1K_V2` or `vit_base_patch16_224.augreg_in1k`; `timm/resnet18` asks for
    timm's where torchvision has one of that name, too.

    Raises
    ------
    ImprintError
        If neither library knows it.
    """
    name = name.strip()
    if name in FOUNDATION_MODELS:
        return FOUNDATION_MODELS[name]
    # Only here, for torch takes seconds to import.
    from imprint_core.models.libraries import find_model

    found = find_model(name)
    if found is None:
        raise ImprintError(
            f"No foundation model is called '{name[:60]}'; known are {', '.join(FOUNDATION_MODELS)}, and every "
            "classification model of torchvision and timm by its name there."
        )
    return found
