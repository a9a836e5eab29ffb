"""Unknown inputs: embeddings that are less similar to the proxies than the shots suggest for any class."""

from __future__ import annotations

import numpy as np

from imprint_core.recognition.leave_one_out import LeaveOneOut

OWN_QUANTILE = 0.05
"""Quantile of the shots' similarities to their own class below which an input is certainly less similar."""


def unknown_threshold(held_out: LeaveOneOut) -> float:
    """Cosine to the nearest proxy below which an input counts as unknown.

    It is the 5 % quantile of the cosines of shots, left out, to the nearest proxy of their class. Shots of a camera
    resemble each other more than later frames resemble them, so with several classes the threshold is at most halfway
    between that quantile and the median cosine of the shots to the nearest proxy of another class, or 0 if this is
    negative, as it is after centring: unrelated embeddings then have a cosine near 0.

    Returns −1, which no cosine is below, if no shot was left out.
    """
    if not len(held_out.rows):
        return -1.0
    everyone = np.arange(len(held_out.rows))
    typical = float(np.quantile(held_out.cosines[everyone, held_out.codes], OWN_QUANTILE))
    if held_out.cosines.shape[1] < 2:
        return typical
    others = held_out.cosines.copy()
    others[everyone, held_out.codes] = -np.inf
    return min(typical, (typical + max(0.0, float(np.median(others.max(axis=1))))) / 2)
