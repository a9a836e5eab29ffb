"""The imprinted classifier as a torch module, and as a `.safetensors` file.

The module replaces the last layer of a frozen FM and gives the predictions of the estimator.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from imprint_core.errors import ImprintError
from imprint_core.framework.aggregation import SHARPNESS, TIE_SHARE
from imprint_core.framework.classifier import ImprintingClassifier
from imprint_core.framework.distances import NO_DISTANCE, ROUNDING, mahalanobis_axes
from imprint_core.framework.feature_map import BASES
from imprint_core.framework.normalization import l2
from imprint_core.framework.recipe import CHOICES, Recipe

FORMAT = "imprint head 1"
# The entries of the tables that the module computes in torch.
_SUPPORTED = {
    "norm_inf": ("none", "l2"),
    "agg": ("max", "smooth", "mnn", "sum"),
    "distance": ("cosine", "euclidean", "manhattan", "mahalanobis"),
}


class ImprintedHead(nn.Module):
    """Maps embeddings (m, d) to scores (m, C); the predicted class has the highest score.

    Parameters
    ----------
    recipe : Recipe
        Recipe of the proxies; the module applies NORM inf and AGG.
    classes : list
        The class labels, in the order of the scores.
    base : {"none", "l2", "power"}
        First step of the transform, on each vector.
    tensors : dict of str to Tensor
        `weight` (p, d), `proxy_class` (p,), and the tensors of the transform and the distance.

    Raises
    ------
    ImprintError
        If NORM inf, AGG or the distance is not available in torch.
    """

    weight: Tensor
    proxy_class: Tensor
    centre: Tensor
    axes: Tensor
    gains: Tensor
    scale: Tensor
    proxy_mean: Tensor
    proxy_axes: Tensor
    proxy_scale: Tensor
    proxy_ridge: Tensor

    def __init__(self, recipe: Recipe, classes: list[Any], base: str, tensors: dict[str, Tensor]) -> None:
        super().__init__()
        for name, supported in _SUPPORTED.items():
            value = getattr(recipe.canonical(), name)
            if value not in supported:
                raise ImprintError(
                    f"The torch head does not support the {CHOICES[name].kind} '{value}'; "
                    f"choose {', '.join(supported)}."
                )
        self.recipe = recipe
        self.classes = classes
        self.base = base
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor)

    def forward(self, x: Tensor) -> Tensor:
        """Return the scores (m, C) of the embeddings x (m, d)."""
        x = x.to(self.weight.dtype)
        if self.base == "l2":
            x = _unit(x)
        elif self.base == "power":
            x = x.sign() * x.abs().sqrt()
        if hasattr(self, "centre"):
            x = x - self.centre
        if hasattr(self, "axes"):
            x = (x + ((x @ self.axes) * self.gains) @ self.axes.T) * self.scale
        if self.recipe.norm_inf == "l2":
            x = _unit(x)
        if self.recipe.agg == "mnn":
            return self._votes(self._distances(x))
        inner = x @ self.weight.T
        scores = inner.new_zeros((len(x), len(self.classes)))
        if self.recipe.agg == "sum":
            return scores.index_add(1, self.proxy_class, inner)
        classes = self.proxy_class.expand(len(x), -1)
        peaks = scores.scatter_reduce(1, classes, inner, "amax", include_self=False)
        if self.recipe.agg == "max":
            return peaks
        shares = torch.exp(SHARPNESS * (inner - peaks[:, self.proxy_class]))
        return (
            peaks
            + scores.index_add(1, self.proxy_class, shares / self.proxy_class.bincount()[self.proxy_class]).log()
            / SHARPNESS
        )

    def _distances(self, x: Tensor) -> Tensor:
        rounding = ROUNDING * torch.finfo(x.dtype).eps
        if self.recipe.distance == "manhattan":
            return torch.cdist(x, self.weight, p=1)
        if self.recipe.distance == "cosine":
            distances = 1 - _unit(x) @ _unit(self.weight).T
            return distances.masked_fill(distances < rounding, 0)
        outside: Tensor | float = 0.0
        proxies = self.weight
        if self.recipe.distance == "mahalanobis":
            rounding = ROUNDING * torch.finfo(torch.float64).eps
            x = x.double() - self.proxy_mean
            inside = x @ self.proxy_axes
            outside = ((x - inside @ self.proxy_axes.T) ** 2).sum(1, keepdim=True) / self.proxy_ridge
            x = inside * self.proxy_scale
            proxies = ((self.weight.double() - self.proxy_mean) @ self.proxy_axes) * self.proxy_scale
        lengths = (x**2).sum(1, keepdim=True) + (proxies**2).sum(1)
        squares = lengths - 2 * x @ proxies.T
        return (squares.masked_fill(squares < rounding * lengths, 0) + outside).sqrt()

    def _votes(self, distances: Tensor) -> Tensor:
        gaps, near = distances.double().sort(dim=1, stable=True)
        m = min(self.recipe.m, distances.shape[1])
        gaps, voters = gaps[:, :m], self.proxy_class[near[:, :m]]
        none = gaps.new_zeros((len(gaps), len(self.classes)))
        if self.recipe.vote == "distance":
            return none.scatter_add(1, voters, 1 / (gaps + NO_DISTANCE))
        votes = none.scatter_add(1, voters, torch.ones_like(gaps))
        if self.recipe.ties == "published":
            return votes
        average = none.scatter_add(1, voters, gaps) / votes.clamp(min=1)
        widest = gaps[:, -1:]
        nearness = 1 - torch.where(widest > 0, average / widest.clamp(min=torch.finfo(gaps.dtype).tiny), 0)
        return votes + torch.where(votes > 0, nearness * TIE_SHARE, 0)


def _unit(x: Tensor) -> Tensor:
    peak = x.abs().amax(dim=1, keepdim=True)
    x = torch.where(peak > 0, x / peak.clamp(min=torch.finfo(x.dtype).tiny), 0)
    length = x.norm(dim=1, keepdim=True)
    return torch.where(length > 0, x / length.clamp(min=torch.finfo(x.dtype).tiny), 0)


def to_module(model: ImprintingClassifier) -> ImprintedHead:
    """Convert a fitted estimator to a torch module.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.
    ImprintError
        As for `ImprintedHead`.
    """
    check_is_fitted(model)
    recipe, transform = model.recipe_, model.transform_
    arrays: dict[str, Any] = {"weight": model.proxies_, "proxy_class": model.proxy_class_.astype(np.int64)}
    if transform.centre is not None:
        arrays["centre"] = transform.centre
    if transform.axes is not None and transform.gains is not None:
        arrays |= {"axes": transform.axes, "gains": transform.gains, "scale": np.float64(transform.scale)}
    if recipe.agg == "mnn" and recipe.distance == "mahalanobis":
        mean, axes, scale, ridge = mahalanobis_axes(model.proxies_)
        arrays |= {"proxy_mean": mean, "proxy_axes": axes, "proxy_scale": scale, "proxy_ridge": np.float64(ridge)}
    tensors = {
        name: torch.tensor(a, dtype=_dtype(name, a, model.proxies_.dtype)).contiguous() for name, a in arrays.items()
    }
    return ImprintedHead(recipe, model.classes_.tolist(), transform.base, tensors)


def to_joint_module(
    model: ImprintingClassifier,
    scale: float,
    weight: NDArray[np.float32],
    new_names: Sequence[str],
    old_names: Sequence[str],
) -> ImprintedHead:
    """Convert a fitted estimator to a torch module with an FM's own classes beside its own (Qi et al., CVPR 2018).

    Parameters
    ----------
    model : ImprintingClassifier
        With a recipe of `evaluation.fm_classes.beside_recipe`.
    scale : float
        Factor of the proxies, as `evaluation.fm_classes.choose_scale` chooses it.
    weight : ndarray of shape (K, d)
        Weights of the FM's classifier, without its bias.
    new_names, old_names : sequence of str
        Names of the model's classes, in order, and of the classifier's. The old classes come first; the name of a new
        class that an old one has is followed by "(new)".
    """
    check_is_fitted(model)
    proxies = np.concatenate([l2(weight), scale * l2(model.proxies_)]).astype(np.float32)
    classes = np.concatenate([np.arange(len(weight)), len(weight) + model.proxy_class_])
    taken = set(old_names)
    names = [*old_names, *(f"{name} (new)" if name in taken else name for name in new_names)]
    # The module computes inner products of unit embeddings; lengths of the proxies carry the factor.
    recipe = replace(model.recipe_, norm_post="none")
    tensors = {"weight": torch.from_numpy(proxies), "proxy_class": torch.from_numpy(classes.astype(np.int64))}
    return ImprintedHead(recipe, names, "none", tensors)


def _dtype(name: str, array: Any, weight: np.dtype[Any]) -> torch.dtype:
    if name == "proxy_class":
        return torch.int64
    double = weight == np.float64 or name.startswith("proxy_")
    return torch.float64 if double else torch.float32


def save_head(model: ImprintingClassifier | ImprintedHead, path: Path | str) -> None:
    """Write a head, or that of a fitted estimator, to a `.safetensors` file, completely or not at all.

    Raises
    ------
    ImprintError
        If the folder is missing, the class labels cannot be stored, or the recipe is not available in torch.
    """
    path = Path(path)
    if path.is_dir() or not path.parent.is_dir():
        raise ImprintError(f"{path} can't be written. Give the name of a file in an existing folder.")
    head = model if isinstance(model, ImprintedHead) else to_module(model)
    try:
        metadata = {
            "format": FORMAT,
            "recipe": json.dumps(asdict(head.recipe)),
            "classes": json.dumps(head.classes),
            "base": head.base,
        }
    except TypeError:
        raise ImprintError(f"Classes such as {head.classes[0]!r} can't be saved. Use numbers or text.") from None
    temporary = path.with_name(path.name + ".part")
    try:
        save_file(dict(head.named_buffers()), temporary, metadata)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def load_head(path: Path | str) -> ImprintedHead:
    """Read a head that `save_head` wrote.

    Raises
    ------
    ImprintError
        If the file is missing, has another format, or is damaged.
    """
    if not Path(path).is_file():
        raise ImprintError(f"There is no file {path}. Save one with save_head.")
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        if metadata.get("format") != FORMAT:
            raise ImprintError(f"{path} is not an imprinted head. Save one with save_head.")
        values, classes = json.loads(metadata["recipe"]), json.loads(metadata["classes"])
    except (OSError, SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise ImprintError(f"{path} can't be read as an imprinted head. Save it again with save_head.") from error
    base = metadata.get("base", "")
    if not isinstance(values, dict) or not _fits(values, classes, base, tensors):
        raise ImprintError(f"{path} is damaged: its parts don't fit each other. Save it again with save_head.")
    return ImprintedHead(Recipe.from_dict(values), classes, base, tensors)


def _fits(recipe: dict[str, Any], classes: Any, base: str, tensors: dict[str, Tensor]) -> bool:
    """Whether the parts of a file form a head: all tensors with the right shapes and types, and finite values."""
    weight, owner = tensors.get("weight"), tensors.get("proxy_class")
    if weight is None or owner is None or weight.ndim != 2 or not len(weight) or base not in BASES:
        return False
    d, r = weight.shape[1], tensors["axes"].shape[-1] if "axes" in tensors else 0
    shapes: dict[str, tuple[int, ...]] = {"weight": tuple(weight.shape), "proxy_class": (len(weight),)}
    if "centre" in tensors:
        shapes["centre"] = (d,)
    if {"axes", "gains", "scale"} & set(tensors):
        shapes |= {"axes": (d, r), "gains": (r,), "scale": ()}
    if recipe.get("agg") == "mnn" and recipe.get("distance") == "mahalanobis":
        q = tensors["proxy_scale"].numel() if "proxy_scale" in tensors else 0
        shapes |= {"proxy_mean": (d,), "proxy_axes": (d, q), "proxy_scale": (q,), "proxy_ridge": ()}
    if {name: tuple(tensor.shape) for name, tensor in tensors.items()} != shapes:
        return False
    real = [tensor for name, tensor in tensors.items() if name != "proxy_class"]
    if owner.dtype != torch.int64 or not all(t.is_floating_point() and bool(t.isfinite().all()) for t in real):
        return False
    return isinstance(classes, list) and sorted(set(owner.tolist())) == list(range(len(classes)))
