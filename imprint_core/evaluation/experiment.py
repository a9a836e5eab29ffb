"""An experiment: embedding set, classes, n-shot, seeds and recipe.

Results are functions of an experiment; its `key` identifies them in caches.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from imprint_core.background.threads import lazy_property
from imprint_core.embeddings import EmbeddingSet, SetInfo, find_sets, open_set
from imprint_core.errors import ImprintError
from imprint_core.evaluation.task import SEEDS, Split, choose_classes, folds, shot_order
from imprint_core.framework.recipe import Recipe
from imprint_core.registry import check_number

if TYPE_CHECKING:
    from imprint_core.evaluation.evaluator import Evaluation


@dataclass(frozen=True, eq=False)
class Experiment:
    """A recipe on a few-shot task, repeated over seeds.

    Experiments are equal if their keys are equal.

    Parameters
    ----------
    info : SetInfo
        The embedding set: FM and dataset.
    classes : str
        Class spec, see `parse_classes`.
    n_shot : int or None
        Training samples per class. A class with fewer samples contributes all of them. None takes all samples.
    recipe : Recipe
    seeds : tuple of int
        Seeds of the draws of shots and of GEN.

    Raises
    ------
    ImprintError
        If `n_shot` is below 1, or there is no seed.

    Examples
    --------
    >>> from imprint_core import Experiment
    >>> experiment = Experiment.from_names("squeezenet1_1", "mnist", n_shot=20)
    >>> experiment.with_(n_shot=5, k=3).evaluate().accuracy.shape
    (5,)
    """

    info: SetInfo
    classes: str = "all"
    n_shot: int | None = None
    recipe: Recipe = field(default_factory=Recipe)
    seeds: tuple[int, ...] = SEEDS[:5]

    def __post_init__(self) -> None:
        if self.n_shot is not None:
            check_number("n_shot", self.n_shot)
        if not self.seeds:
            raise ImprintError("An experiment needs one seed or more.")

    @classmethod
    def from_names(cls, fm: str, dataset: str, **settings: Any) -> Experiment:
        """Create an experiment on an available embedding set from the names of its FM and dataset."""
        sets, _ = find_sets()
        if (fm, dataset) not in sets:
            available = ", ".join(sorted(" on ".join(names) for names in sets))
            raise ImprintError(f"There is no embedding set of {fm} on {dataset}. Available: {available}.")
        return cls(sets[fm, dataset], **settings)

    def with_(self, **changes: Any) -> Experiment:
        """Return a copy with some fields changed, its own or its recipe's."""
        fields = self.__dataclass_fields__
        recipe = {name: value for name, value in changes.items() if name not in fields}
        if recipe:
            changes = {name: value for name, value in changes.items() if name in fields}
            changes["recipe"] = replace(changes.get("recipe", self.recipe), **recipe)
        return replace(self, **changes)

    @lazy_property
    def first_seed(self) -> Experiment:
        """The experiment with its first seed alone."""
        return self.with_(seeds=self.seeds[:1])

    @lazy_property
    def samples_key(self) -> str:
        """Identifies the samples: embeddings, class names and chosen classes."""
        return f"{self.info.key}\n{self.classes}"

    @lazy_property
    def key(self) -> str:
        """Identifies the experiment's results: equal for equal samples, shots, seeds and canonical recipes."""
        return f"{self.samples_key}\n{self.n_shot}\n{self.seeds}\n{self.recipe.canonical()!r}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Experiment) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def pool(self, embeddings: EmbeddingSet | None = None) -> Split:
        """Return all training and test samples of the chosen classes; opens the set unless it is given."""
        return choose_classes(embeddings or open_set(self.info), self.classes)

    def split(self, seed: int | None = None, embeddings: EmbeddingSet | None = None) -> Split:
        """Return the shots drawn with `seed` (default: the first seed) and the test samples."""
        pool = self.pool(embeddings)
        order = shot_order(pool.y_train, self.seeds[0] if seed is None else seed)
        shots = np.concatenate([rows[: self.n_shot] for rows in order])
        fields = ("X_train", "y_train", "id_train", "origin_train")
        return replace(pool, **{name: getattr(pool, name)[shots] for name in fields})

    def splits(self, seed: int | None = None, embeddings: EmbeddingSet | None = None) -> list[Split]:
        """Return the shots and test samples that `evaluate` uses for a seed (default: the first seed).

        This is one split, or those of all folds where few samples are cross-validated. Ids are samples' codes.
        """
        pool = self.pool(embeddings)
        parts = []
        for shots, test in folds(pool, self.seeds[0] if seed is None else seed):
            train = np.concatenate([rows[: self.n_shot] for rows in shots])
            rows = {
                f"{part}_{split}": getattr(pool.evaluated, f"{part}_{split}")[chosen]
                for split, chosen in (("train", train), ("test", test))
                for part in ("X", "y", "id", "origin")
            }
            parts.append(replace(pool.evaluated, **rows))
        return parts

    def evaluate(self, embeddings: EmbeddingSet | None = None) -> Evaluation:
        """Evaluate the recipe on each seed's draw of shots."""
        from imprint_core.evaluation.evaluator import Evaluator

        recipe = self.recipe.canonical()
        return Evaluator(self.pool(embeddings), recipe.space).evaluate(recipe, self.n_shot, self.seeds)
