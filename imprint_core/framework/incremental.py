"""One image against all proxies: what it is taken for, what came near, and which shots stand behind that."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imprint_core.datasets.images import Splits
from imprint_core.embeddings import EmbeddingSet, SetInfo
from imprint_core.errors import ImprintError
from imprint_core.framework.aggregation import AGGREGATIONS
from imprint_core.framework.classifier import ImprintingClassifier
from imprint_core.framework.explanation import measure_of, numbers_of

if TYPE_CHECKING:
    # It imports torch, which pages do without until an image has to be embedded.
    from imprint_core.models.loading import LoadedModel


@dataclass(frozen=True)
class NearProxy:
    """A proxy near an image.

    Attributes
    ----------
    proxy : int
        Row of the classifier's `proxies_`.
    number : int
        Which of its class's proxies it is, from 1.
    label : int
        Its class.
    similarity : float
        Inner product with the image (a cosine after L2); for m-NN the distance, which is smaller the nearer.
    shots : ndarray
        Rows of the training data that it stands for, nearest to it first.
    """

    proxy: int
    number: int
    label: int
    similarity: float
    shots: NDArray[np.intp]


@dataclass(frozen=True)
class Trial:
    """What an image is taken for, and why.

    Attributes
    ----------
    label : int
        The predicted class.
    margin : float
        By how much its score is higher than the next class's; infinite where there is no other.
    runner_up : int or None
        The class with the second-highest score.
    near : tuple of NearProxy
        The nearest proxies, nearest first.
    measure : str
        What `similarity` is: "cosine", "inner product", or a distance's label.
    by_votes : bool
        Whether the nearest proxies vote (m-NN).
    """

    label: int
    margin: float
    runner_up: int | None
    near: tuple[NearProxy, ...]
    measure: str
    by_votes: bool


def try_embedding(model: ImprintingClassifier, x: NDArray[np.float32], count: int = 5) -> Trial:
    """Classify one embedding (d,) and tell its `count` nearest proxies.

    The last place is the runner-up class's, where none of its proxies is among them: what came next is half of why.
    """
    X = x[None]
    explanation = model.explain(X)
    by_distance = AGGREGATIONS[model.agg].uses_distance
    gaps, rows = (ranked[0] for ranked in model.kneighbors(X, len(model.proxies_)))
    second = int(explanation.runner_up[0])
    shown = list(range(min(count, len(rows))))
    place = int(np.flatnonzero(rows == second)[0]) if second >= 0 else 0
    if count > 1 and place >= count and model.proxy_class_[second] not in model.proxy_class_[rows[:count]]:
        shown[-1] = place
    numbers = numbers_of(model)
    near = [
        NearProxy(
            int(rows[i]),
            int(numbers[rows[i]]),
            int(model.classes_[model.proxy_class_[rows[i]]]),
            float(gaps[i] if by_distance else -gaps[i]),
            model.shots_of(int(rows[i])),
        )
        for i in shown
    ]
    return Trial(
        int(model.predict(X)[0]),
        float(explanation.margin[0]),
        int(model.classes_[model.proxy_class_[second]]) if second >= 0 else None,
        tuple(near),
        measure_of(model),
        by_distance,
    )


# Below it two embeddings of one image are not the same model's. Rounding the weights to 16 bits, or the embeddings to
# 8, leaves more than 0.9995; another training of the same network leaves nothing.
_SAME = 0.999
_COMPARED = 4


def check_same_weights(
    info: SetInfo, model: LoadedModel, known: Callable[[], tuple[EmbeddingSet, Splits] | None]
) -> None:
    """Make sure that what the model embeds can be compared with a set.

    Parameters
    ----------
    info : SetInfo
    model : LoadedModel
    known : callable
        Gives a set of the same weights and its images, if there is one on this machine; asked only where the
        weights' digests differ, since weights that were rounded differ by it and still embed alike.

    Raises
    ------
    ImprintError
        If the set was made with other weights.
    """
    if info.meta["fm"].get("weights_sha256") == model.weights_digest:
        return
    found = known()
    if found is not None and _embeds_alike(model, *found):
        return
    given = model.weights_file or "the library's official ones"
    raise ImprintError(
        f"The weights at hand ({given}) are not those that this set was made with "
        f"({info.meta['fm']['weights_origin']}), so a new image's embedding would mean nothing beside it; embed "
        "the dataset again with these weights, in the Library."
    )


def _embeds_alike(model: LoadedModel, embeddings: EmbeddingSet, images: Splits) -> bool:
    """Whether the model gives a few images the embeddings that the set has of them."""
    rows = np.linspace(0, len(embeddings.id_train) - 1, _COMPARED).astype(int)
    x = model.embed([images.train.by_id(int(i)) for i in embeddings.id_train[rows]])
    stored = embeddings.X_train[rows]
    if x.shape != stored.shape:
        return False
    cosine = (x * stored).sum(axis=1) / np.maximum(np.linalg.norm(x, axis=1) * np.linalg.norm(stored, axis=1), 1e-12)
    return bool((cosine > _SAME).all())


@dataclass(frozen=True)
class AddedClass:
    """A classifier with one more class.

    Attributes
    ----------
    model : ImprintingClassifier
        With the new class.
    label : int
        The new class's number.
    proxies : int
        How many proxies it got.
    """

    model: ImprintingClassifier
    label: int
    proxies: int


def add_class(model: ImprintingClassifier, X: NDArray[np.float32]) -> AddedClass:
    """Imprint one more class from the embeddings X (n, d) of its images; `model` stays as it was.

    The proxies of the other classes stay, too, but where the recipe makes them of all classes' shots
    (`ImprintingClassifier.partial_fit`).
    """
    label = int(max(model.classes_)) + 1
    # A shallow copy will do: `partial_fit` puts new arrays in place of the old ones and changes none.
    grown = copy(model).partial_fit(X, np.full(len(X), label))
    return AddedClass(grown, label, int((grown.proxy_class_ == len(grown.classes_) - 1).sum()))


@dataclass(frozen=True)
class Effect:
    """What more classes do to the test samples of those that were there.

    Attributes
    ----------
    before, after : float
        Accuracy on them, in percent.
    lost : int
        Those that were right and are now taken for a new class.
    """

    before: float
    after: float
    lost: int


def effect(
    before: ImprintingClassifier, after: AddedClass, X_test: NDArray[np.float32], y_test: NDArray[np.integer]
) -> Effect:
    """Compare predictions on the test samples (m, d) without and with an added class."""
    was, now = before.predict(X_test), after.model.predict(X_test)
    lost = int(((was == y_test) & (now == after.label)).sum())
    return Effect(100 * float((was == y_test).mean()), 100 * float((now == y_test).mean()), lost)
