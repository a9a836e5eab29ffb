"""Summary statistics over seeds, their text, and confusion matrices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Text uses the minus sign, which is as wide as a digit, instead of the hyphen.
MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Summary:
    """Median and range of runs over seeds.

    Attributes
    ----------
    median, low, high : float
        Median, smallest and largest value. For 3 to 8 seeds a range is as informative as an interval, and needs no
        distribution.
    runs : int
        Number of draws: that of seeds, or 1 if they all give the same shots.
    """

    median: float
    low: float
    high: float
    runs: int

    def range_text(self, form: str = "{:.1f}") -> str:
        """The range as text, such as "96.1 to 97.3"; empty if all runs are equal."""
        low, high = (form.format(value).replace("-", MINUS) for value in (self.low, self.high))
        return f"{low} to {high}" if self.low < self.high else ""

    def text(self, form: str = "{:.1f}") -> str:
        """Median, range and number of seeds, such as "96.8 (96.1 to 97.3 over 5 seeds)"."""
        median, span = form.format(self.median).replace("-", MINUS), self.range_text(form)
        seeds = f"{self.runs} seeds" if self.runs > 1 else "1 draw"
        return f"{median} ({span} over {seeds})" if span else f"{median} ({seeds})"


def signed(value: float, digits: int = 1) -> str:
    """Format a number with its sign, such as "−0.5"; never negative zero."""
    return f"{value:+z.{digits}f}".replace("-", MINUS)


def signed_difference(first: float, second: float, digits: int = 1) -> str:
    """Format first − second, both rounded as they are displayed, so that the three numbers add up."""
    # NumPy's numbers round in another way than the text of numbers does.
    return signed(round(float(first), digits) - round(float(second), digits), digits)


def summarize(values: ArrayLike) -> Summary:
    """Return median and range of values (s,), s ≥ 1; NaN if one of them is."""
    # Sorting takes a tenth of the time of NumPy's median, and puts NaN at the end.
    v = np.sort(np.asarray(values, dtype=float))
    if np.isnan(v[-1]):
        v[:] = np.nan
    return Summary(float(v[(len(v) - 1) // 2] + v[len(v) // 2]) / 2, float(v[0]), float(v[-1]), len(v))


def wilson_interval(correct: float, count: int) -> tuple[float, float]:
    """Return the 95 % Wilson interval of a proportion, in percent; within 0 to 100 also for few samples."""
    z, share = 1.959964, correct / count
    centre = share + z**2 / (2 * count)
    half = z * np.sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2)
    low, high = (100 * float(bound) / (1 + z**2 / count) for bound in (centre - half, centre + half))
    return max(low, 0.0), min(high, 100.0)


def confusion(truth: NDArray[np.integer], predictions: NDArray[np.integer], classes: int) -> NDArray[np.float64]:
    """Compute the confusion matrix in percent of each true class (row), averaged over runs.

    The true classes (m,) and the predictions (s, m) are 0 … classes − 1. A row sums to 100, or to 0 for a class
    without test samples.
    """
    flat = np.tile(truth, len(predictions)) * classes + predictions.ravel()
    counts = np.bincount(flat, minlength=classes * classes).reshape(classes, classes)
    totals = counts.sum(axis=1, keepdims=True)
    return np.divide(100 * counts, totals, out=np.zeros(counts.shape), where=totals > 0)


def macro_f1(truth: NDArray[np.integer], predicted: NDArray[np.integer], classes: int) -> float:
    """Compute macro-F1 in percent: the mean over classes of 2 · correct / (predicted + true).

    Classes are 0 … classes − 1, each with a test sample. F1 of a class that is never predicted is 0.
    """
    correct = np.bincount(truth[truth == predicted], minlength=classes)
    both = np.bincount(truth, minlength=classes) + np.bincount(predicted, minlength=classes)
    return float(100 * np.mean(np.divide(2 * correct, both, out=np.zeros(classes), where=both > 0)))
