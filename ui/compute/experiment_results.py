"""All results of one experiment that pages draw, each computed when it is first used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imprint_core.background.threads import lazy_property
from imprint_core.collapse.merged_tasks import KSelectionJob
from imprint_core.embeddings import EmbeddingSet
from imprint_core.evaluation.evaluator import Evaluation, Evaluator, TransformDiagnostics
from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.metrics import Summary, confusion, summarize
from imprint_core.framework.generation import GENERATORS
from imprint_core.framework.transforms import TRANSFORMS
from imprint_core.maps.store import BaseMap
from imprint_core.recipes.presets import PRESETS
from ui.compute import collapse, map_layers, results
from ui.compute.map_layers import BaseLayer
from ui.compute.progressive import Point
from ui.compute.results import ONE_MEAN
from ui.compute.task_curves import fold_points

if TYPE_CHECKING:
    from imprint_core.recognition.calibration import Bins

KS = (1, 2, 3, 5, 7, 10, 14, 20, 30, 50)
# Of 10 % each.
_BINS = 10
# Shots × classes × dimensions up to which a linear probe is trained although nobody selected it.
_MOST_TRAINED = 5e7
_NS = (2, 3, 5, 10, 20, 50, 100, 200, 500, 1000)


@dataclass(frozen=True)
class ExperimentResults:
    """Results of an experiment.

    They are cached for all sessions (`ui.compute.results`); this object hands each of them to the panels that draw it.
    """

    experiment: Experiment

    @property
    def embeddings(self) -> EmbeddingSet:
        """The opened set."""
        return results.embeddings(self.experiment.info)

    @lazy_property
    def class_names(self) -> tuple[str, ...]:
        """Names of the dataset's classes."""
        return results.class_names(self.experiment.info)

    @property
    def evaluator(self) -> Evaluator:
        """The evaluator of the recipe's space, with the samples."""
        return results.evaluator(self.experiment)

    @lazy_property
    def evaluation(self) -> Evaluation:
        """Predictions and accuracy over seeds."""
        return results.evaluation(self.experiment)

    @lazy_property
    def accuracy(self) -> Summary:
        """Accuracy over seeds, in percent."""
        return self.evaluation.summary

    @lazy_property
    def baseline(self) -> Summary:
        """Accuracy of the preset of Qi et al.: one mean per class."""
        return self._baseline.summary

    @lazy_property
    def _baseline(self) -> Evaluation:
        return results.evaluation(self.experiment.with_(recipe=ONE_MEAN))

    @lazy_property
    def gains(self) -> NDArray[np.float64]:
        """Accuracy minus that of the preset of Qi et al., for each seed."""
        return self.evaluation.accuracy - self._baseline.accuracy

    @property
    def gain(self) -> Summary:
        """Summary of the gains."""
        return replace(summarize(self.gains), runs=max(self.evaluation.draws, self._baseline.draws))

    @lazy_property
    def nc1(self) -> tuple[Summary, float] | None:
        """NC1 of the shots, and of all training samples; None if that of the shots is undefined."""
        shots = collapse.nc1(self.experiment)
        complete = collapse.nc1(self.experiment.with_(n_shot=None, seeds=self.experiment.seeds[:1]))
        return None if shots is None or complete is None else (shots, complete.median)

    @lazy_property
    def fits(self) -> list[TransformDiagnostics]:
        """What the transform estimated on each seed's shots."""
        return results.transform_fits(self.experiment, self.experiment.n_shot, self.experiment.seeds)

    @lazy_property
    def confusion(self) -> NDArray[np.float64]:
        """Confusion matrix over all seeds, in percent of each true class."""
        return confusion(self.evaluator.truth, self.evaluation.predictions, len(self.evaluator.classes))

    @lazy_property
    def calibration(self) -> Bins | None:
        """Predictions of all seeds in ten bins of probability; None if GEN is not calibrated."""
        run = self.evaluation
        if run.probability is None:
            return None
        # Imported here because it loads SciPy, which the first page does without.
        from imprint_core.recognition.calibration import reliability

        correct = run.predictions == self.evaluator.truth
        return reliability(run.probability[: run.draws].ravel(), correct[: run.draws].ravel(), _BINS)

    @property
    def has_default_temperature(self) -> bool:
        """Whether no shot could be held out to choose the temperature of the first seed's probabilities."""
        selection = self.fits[0].selection
        return selection is not None and not selection.tried

    @property
    def displayed(self) -> str:
        """The samples on a map, a key of `DISPLAYED`: those that are tested."""
        return "all" if self.evaluator.pool.resplit else "test"

    def map_points(self, base: BaseMap) -> BaseLayer:
        """The tested samples on a map."""
        return map_layers.base_layer(self.experiment, base, self.displayed)

    def map_figure(self, base: BaseMap, points: BaseLayer) -> map_layers.MapLayers:
        """The tested samples by class, with shots and proxies."""
        colors = map_layers.class_color_layer(self.experiment, self.displayed)
        return map_layers.combine(points, colors, map_layers.overlays(self.experiment, base))

    @lazy_property
    def with_k(self) -> Experiment:
        """The experiment with a GEN method that has a k: its own, or the corresponding one."""
        return self.experiment.with_(recipe=self.experiment.recipe.with_k())

    @lazy_property
    def ks(self) -> tuple[int, ...]:
        """The k's of the accuracy curve: with k = n every shot is a proxy, so it ends there."""
        n = self.experiment.n_shot
        return tuple(k for k in KS if k < n) + ((n,) if n <= KS[-1] else ())

    @lazy_property
    def k_experiments(self) -> list[Experiment]:
        """The experiment at each k of the curve."""
        return [self.with_k.with_(k=k) for k in self.ks]

    @property
    def k_evaluations(self) -> list[Evaluation]:
        """The evaluation at each k of the curve."""
        return results.evaluations(self.k_experiments)

    @lazy_property
    def k_points(self) -> list[Point]:
        """The evaluations at each k, one by one if each needs another transform; otherwise empty."""
        if not TRANSFORMS[self.with_k.recipe.pretransform].clusters:
            return []
        return [Point((each.key,), partial(results.evaluation, each)) for each in self.k_experiments]

    def accuracy_over_k(self, evaluations: Sequence[Evaluation | None]) -> dict[int, Summary]:
        """Accuracy at each k whose evaluation is known, and at the current k."""
        known = zip(self.ks, evaluations, strict=True)
        curve = {k: evaluated.summary for k, evaluated in known if evaluated is not None}
        recipe = self.experiment.recipe
        if GENERATORS[recipe.gen].uses_k:
            curve[min(recipe.k, self.experiment.n_shot)] = self.accuracy
        return dict(sorted(curve.items()))

    @property
    def selects_k(self) -> bool:
        """Whether the shots select k."""
        return GENERATORS[self.experiment.recipe.gen].selects

    @property
    def selected_k(self) -> int | None:
        """The k that the first seed's shots selected; None if the recipe has a k or needs none."""
        selection = self.fits[0].selection if self.selects_k else None
        return None if selection is None else selection.k

    @lazy_property
    def k_suggestion(self) -> list[Point]:
        """The validation folds of the first seed's shots that suggest a k; none if the recipe selects one."""
        if self.selects_k:
            return []
        shots = np.minimum(np.bincount(self.evaluator.pool.y_train), self.experiment.n_shot)
        return fold_points(KSelectionJob(self.with_k, self.ks), int(shots.max()))

    @property
    def is_probe(self) -> bool:
        """Whether the recipe is a linear probe."""
        return GENERATORS[self.experiment.recipe.gen].trained

    @property
    def trains_fast(self) -> bool:
        """Whether a linear probe of one seed takes a few seconds at most."""
        samples = self.evaluator.pool
        shots = np.minimum(np.bincount(samples.y_train), self.experiment.n_shot).sum()
        return bool(shots * len(self.evaluator.classes) * samples.X_train.shape[1] <= _MOST_TRAINED)

    @lazy_property
    def further_points(self) -> list[Point]:
        """What suggests a k, then the linear probe of each seed, and times; no probe if it would take long.

        The times are of fits of the probe and of the paper's recipe: a move of k needs no new point.
        """
        if self.is_probe or not self.trains_fast:
            return self.k_suggestion
        probe, imprinted = (self.experiment.with_(recipe=PRESETS[name].recipe) for name in ("probe", "own"))
        seeds = [probe.with_(seeds=(seed,)) for seed in probe.seeds]
        evaluations = [Point((each.key,), partial(results.evaluation, each)) for each in seeds]
        times = [
            Point(("fit time", each.key), partial(results.fit_seconds, each))
            for each in (seeds[0], imprinted.first_seed)
        ]
        return self.k_suggestion + evaluations + times

    def further(self, values: list[Any]) -> tuple[list[Any], tuple[Summary, float, float] | None]:
        """Return the values that suggest a k, and of a linear probe its accuracy and both times.

        There is None instead while values are missing.
        """
        scores, of_probe = values[: len(self.k_suggestion)], values[len(self.k_suggestion) :]
        if not of_probe or any(value is None for value in of_probe):
            return scores, None
        *evaluations, trained, imprinted = of_probe
        accuracy = summarize(np.concatenate([each.accuracy for each in evaluations]))
        return scores, (replace(accuracy, runs=self.evaluation.draws), trained, imprinted)

    def nc1_over_shots(self, variant: str) -> dict[int, Summary]:
        """NC1 at each n-shot at which it is defined; includes the current one."""
        most = results.most_shots(self.experiment.info, self.experiment.classes)
        ns = sorted({*(n for n in _NS if n < most), most, self.experiment.n_shot})
        runs = {n: collapse.nc1(self.experiment.with_(n_shot=n), variant) for n in ns}
        return {n: run for n, run in runs.items() if run is not None}
