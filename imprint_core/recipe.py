"""Recipe: how proxies are made, normalised and asked. Half of everything on screen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from imprint_core.aggregation import AGGREGATIONS
from imprint_core.choices import look_up
from imprint_core.errors import ImprintError
from imprint_core.generation import GENERATORS
from imprint_core.normalization import NORMALIZATIONS

K_RANGE = (1, 50)


@dataclass(frozen=True)
class Recipe:
    """The paper's IMPRINT: NORM_pre → GEN(k) → NORM_post, then NORM_inf → AGG.

    Parameters
    ----------
    gen : str
        Key of `GENERATORS`.
    k : int
        Proxies a class, for methods that use it; a class of k or fewer shots gives them all.
    norm_pre, norm_post, norm_inf : str
        Keys of `NORMALIZATIONS`: before GEN, on the proxies, on the test embeddings.
    agg : str
        Key of `AGGREGATIONS`.

    Raises
    ------
    ImprintError
        If a name is unknown or k is not a whole number from 1 up.
    """

    gen: str = "kmeans"
    k: int = 20
    norm_pre: str = "l2"
    norm_post: str = "l2"
    norm_inf: str = "l2"
    agg: str = "max"

    def __post_init__(self) -> None:
        look_up(GENERATORS, self.gen, "GEN method")
        for stage in ("pre", "post", "inf"):
            look_up(NORMALIZATIONS, getattr(self, f"norm_{stage}"), f"NORM_{stage}")
        look_up(AGGREGATIONS, self.agg, "AGG method")
        if isinstance(self.k, bool) or not isinstance(self.k, int) or self.k < 1:
            raise ImprintError(f"k is {self.k!r}; it must be a whole number from 1 up.")

    def canonical(self) -> Recipe:
        """The same recipe with k = 1 where its GEN doesn't look at k."""
        return self if GENERATORS[self.gen].uses_k else replace(self, k=1)

    @property
    def digest(self) -> str:
        """Equal for recipes that do the same."""
        text = json.dumps(asdict(self.canonical()), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recipe:
        """The recipe of a mapping such as `dataclasses.asdict` gives."""
        known = {f.name for f in fields(cls)}
        unknown = [name for name in values if name not in known]
        if unknown:
            raise ImprintError(f"A recipe has no {', '.join(unknown)}; its parts are {', '.join(sorted(known))}.")
        return cls(**values)

    def __str__(self) -> str:
        gen = GENERATORS[self.gen]
        name = f"GEN {gen.label}, k = {self.k}" if gen.uses_k else f"GEN {gen.label}"
        norms = " / ".join(NORMALIZATIONS[n].label for n in (self.norm_pre, self.norm_post, self.norm_inf))
        return f"{name} · NORM {norms} · AGG {AGGREGATIONS[self.agg].label}"


PRESETS: dict[str, Recipe] = {
    # Qi, Brown and Lowe, CVPR 2018; paper, Table 1.
    "qi": Recipe(gen="mean", k=1),
    # Westerhoff et al., TMLR 2025, Table 1, "Ours".
    "own": Recipe(gen="kmeans", k=20),
}
