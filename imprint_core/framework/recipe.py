"""Recipe: the parameters of generation, normalisation and aggregation of proxies."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import lru_cache
from typing import Any, NamedTuple

from imprint_core.errors import ImprintError
from imprint_core.framework.aggregation import AGGREGATIONS, TIES, VOTES, Voting
from imprint_core.framework.distances import DISTANCES
from imprint_core.framework.generation import GENERATORS
from imprint_core.framework.normalization import NORMALIZATIONS, POST_NORMALIZATIONS
from imprint_core.framework.transforms import TRANSFORMS
from imprint_core.framework.whitening import SHRINKAGE_RULES
from imprint_core.registry import Entry, check_number, look_up


class Choice(NamedTuple):
    """Values of a recipe's parameter: a table, and what an error message calls its entries."""

    table: Mapping[str, Entry]
    kind: str


CHOICES = {
    "gen": Choice(GENERATORS, "GEN method"),
    "norm_pre": Choice(NORMALIZATIONS, "NORM_pre"),
    "norm_post": Choice(POST_NORMALIZATIONS, "NORM_post"),
    "norm_inf": Choice(NORMALIZATIONS, "NORM_inf"),
    "agg": Choice(AGGREGATIONS, "AGG method"),
    "pretransform": Choice(TRANSFORMS, "transform"),
    "shrinkage": Choice(SHRINKAGE_RULES, "shrinkage"),
    "distance": Choice(DISTANCES, "distance"),
    "vote": Choice(VOTES, "vote"),
    "ties": Choice(TIES, "rule for ties"),
}


# Parameters in `NUMBERS`.
RECIPE_NUMBERS = ("k", "m", "lam", "shrinkage")


class Space(NamedTuple):
    """Parameters of a recipe that apply to shots and test embeddings before they are compared."""

    pretransform: str
    shrinkage: str | float
    norm_pre: str
    norm_inf: str

    @property
    def base_norm(self) -> str:
        """NORM of the embeddings before any transform, which base maps use."""
        return TRANSFORMS[self.pretransform].base or self.norm_pre


@dataclass(frozen=True)
class Recipe:
    """A recipe of IMPRINT: NORM_pre → GEN(k) → NORM_post, then NORM_inf → AGG.

    Parameters
    ----------
    gen : str
        Key of `GENERATORS`. Some methods set other steps, too (`Generator.fixed`).
    k : int
        Proxies per class, for methods that use it; with k or fewer shots, every shot is a proxy.
    norm_pre, norm_post, norm_inf : str
        Keys of `NORMALIZATIONS` (`POST_NORMALIZATIONS` for norm_post), applied to shots before GEN, to proxies, and
        to test embeddings.
    agg : str
        Key of `AGGREGATIONS`.
    pretransform : str
        Key of `TRANSFORMS`, applied to shots and test embeddings before any NORM.
    shrinkage : "auto", "ledoit_wolf" or float
        Shrinkage of whitening.
    lam : float
        Ridge penalty λ > 0 of least squares. The ranges of numbers are in `NUMBERS`.
    m : int
        Voting neighbours of m-NN; all proxies if there are fewer.
    distance, vote, ties : str
        Keys of `DISTANCES`, `VOTES` and `TIES`, for m-NN.

    Raises
    ------
    ImprintError
        If a name is unknown or a number is out of range.
    """

    gen: str = "kmeans"
    k: int = 20
    norm_pre: str = "l2"
    norm_post: str = "l2"
    norm_inf: str = "l2"
    agg: str = "max"
    pretransform: str = "none"
    shrinkage: str | float = "auto"
    lam: float = 1e-4
    m: int = 5
    distance: str = "euclidean"
    vote: str = "uniform"
    ties: str = "distance"

    def __post_init__(self) -> None:
        self.check()
        for name, value in GENERATORS[self.gen].fixed.items():
            object.__setattr__(self, name, value)

    def check(self, on_pages: bool = False) -> None:
        """Raise an `ImprintError` if a name is unknown or a number is out of range, with the ranges of pages or not."""
        for name, choice in CHOICES.items():
            if name not in RECIPE_NUMBERS:
                look_up(choice.table, getattr(self, name), choice.kind)
        for name in RECIPE_NUMBERS:
            check_number(name, getattr(self, name), on_pages)

    @property
    def space(self) -> Space:
        """Recipes of the same space share the inner products of the embeddings."""
        return Space(self.pretransform, self.shrinkage, self.norm_pre, self.norm_inf)

    @property
    def voting(self) -> Voting:
        """Parameters of m-NN."""
        return Voting(self.m, self.distance, self.vote, self.ties)

    def with_k(self) -> Recipe:
        """The canonical recipe with k = 1, with a related GEN method if its own ignores k.

        For a trained classifier it is that of the paper.
        """
        entry = GENERATORS[self.gen]
        recipe = Recipe() if entry.trained else self
        return replace(recipe, gen=self.gen if entry.uses_k else entry.with_k, k=1).canonical()

    def canonical(self) -> Recipe:
        """The same recipe with unused parameters at their defaults."""
        return _canonical(self)

    @property
    def digest(self) -> str:
        """Digest of the canonical recipe."""
        text = json.dumps(asdict(self.canonical()), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recipe:
        """Recipe of a mapping, such as that of `dataclasses.asdict`."""
        check_parameters(values)
        return cls(**values)

    def __str__(self) -> str:
        gen, agg = GENERATORS[self.gen], AGGREGATIONS[self.agg]
        parts = []
        if self.pretransform != "none":
            shrinks = TRANSFORMS[self.pretransform].shrinks
            shrinkage = f" (shrinkage {str(self.shrinkage).replace('_', '–')})" if shrinks else ""
            parts.append(f"transform {TRANSFORMS[self.pretransform].label}{shrinkage}")
        name = f"GEN {gen.label}"
        name += f", k = {self.k}" if gen.uses_k else ""
        name += f", λ = {self.lam:g}" if gen.ridge else ""
        norms = (NORMALIZATIONS[self.norm_pre], POST_NORMALIZATIONS[self.norm_post], NORMALIZATIONS[self.norm_inf])
        parts += [name, "NORM " + " / ".join(n.label for n in norms)]
        votes = "votes by distance" if self.vote == "distance" else f"uniform votes, ties {_TIES[self.ties]}"
        voting = f" with m = {self.m}, {DISTANCES[self.distance].label} distance, {votes}"
        parts.append(f"AGG {agg.label}" + (voting if agg.uses_distance else ""))
        return " · ".join(parts)


def depends_on_all(recipe: Recipe) -> bool:
    """Whether proxies depend on the shots of other classes: fitted transforms, joint fits, quantile."""
    post = POST_NORMALIZATIONS[recipe.norm_post]
    return TRANSFORMS[recipe.pretransform].fitted or GENERATORS[recipe.gen].joint or not post.separate


_TIES = {"distance": "by distance", "published": "to the lowest class"}
_DEFAULTS = {f.name: f.default for f in fields(Recipe)}


def check_parameters(names: Iterable[str]) -> None:
    """Raise an `ImprintError` if a name is not a parameter of `Recipe`."""
    unknown = [str(name) for name in names if name not in _DEFAULTS]
    if unknown:
        raise ImprintError(
            f"A recipe has no parameter {', '.join(unknown)[:60]}; its parameters are {', '.join(sorted(_DEFAULTS))}."
        )


# Cached because a page needs it at each use of a recipe as a key.
@lru_cache(maxsize=1024)
def _canonical(recipe: Recipe) -> Recipe:
    gen = GENERATORS[recipe.gen]
    unused: dict[str, Any] = {}
    if not gen.uses_k:
        unused["k"] = 1
    for used, names in (
        (gen.ridge, ("lam",)),
        (TRANSFORMS[recipe.pretransform].shrinks, ("shrinkage",)),
        (AGGREGATIONS[recipe.agg].uses_distance, ("m", "distance", "vote", "ties")),
        (recipe.vote == "uniform", ("ties",)),
    ):
        if not used:
            unused |= {name: _DEFAULTS[name] for name in names}
    return replace(recipe, **unused)
