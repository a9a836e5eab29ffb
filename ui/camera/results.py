"""Results as data for the page's script: classes and shots, the map, measures, and the recognition of a frame."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imprint_core.evaluation.fm_classes import JointLayer
from imprint_core.figures.style import GREY, class_color, shortened
from imprint_core.models.classifier_head import ClassifierHead
from imprint_core.recognition.recognizer import Recognizer
from imprint_core.recognition.recorded_frames import RECORDED_OBJECTS
from ui.camera.shots import ShotList
from ui.widgets.fm_own_classes import joint_name

# Thumbnails per answer, the rest follows; shots and proxies on the map; proxies in the list, and their shots.
MOST_THUMBNAILS, MOST_POINTS = 60, 600
_PROXIES, _SHOTS_OF_PROXY, _OF_EACH_KIND = 3, 6, 2
# Share of the shots of two classes that are confused, above which they count as the same.
_CONFUSED = 0.3


def describe_shots(shots: ShotList, recognizer: Recognizer | None, latest: int) -> dict[str, Any]:
    """Classes, shots, map and measures; thumbnails of shots after number `latest` only."""
    new = [(shot.number, shot.thumbnail) for _, shot in shots.shots if shot.number > latest and shot.thumbnail]
    classes = [
        {
            "number": c.number,
            "name": c.name,
            "color": class_color(c.number),
            "shots": [shot.number for shot in c.shots],
        }
        for c in shots.classes
    ]
    data: dict[str, Any] = {"classes": classes, "thumbnails": sorted(new)[:MOST_THUMBNAILS]}
    if recognizer is not None:
        data["map"] = _map(recognizer)
        data["measures"] = _measures(shots, recognizer)
        data["advice"] = _advice(shots, recognizer)
    return data


def _map(recognizer: Recognizer) -> dict[str, Any]:
    """Places of shots and proxies, with the colours of their classes."""
    model = recognizer.model
    return {
        "shots": _points(recognizer.shots, recognizer.y),
        "proxies": _points(recognizer.proxies, model.classes_[model.proxy_class_]),
    }


def _points(places: Any, classes: Any) -> list[list[Any]]:
    rows = np.unique(np.linspace(0, len(places) - 1, min(len(places), MOST_POINTS)).astype(int))
    return [[*np.round(places[i], 4).tolist(), class_color(int(classes[i]))] for i in rows]


def _measures(shots: ShotList, recognizer: Recognizer) -> list[dict[str, Any]]:
    """Measures of the shots: name, value and meaning."""
    held_out, several = recognizer.held_out, len(recognizer.model.classes_) > 1
    rows = []
    if several and len(held_out.rows):
        count = len(held_out.rows)
        rows.append(
            {
                "name": "Leave-one-out accuracy",
                "value": f"{100 * held_out.accuracy:.0f} %",
                "note": f"of {count} shots, each classified by the others",
            }
        )
    if several:
        rows.append({"name": "NC1", "value": _figure(recognizer.nc1), "note": "spread within classes, 0 if collapsed"})
        rows += [
            {"name": f"NC1 of {shortened(shots.name_of(int(c)))}", "value": _figure(spread), "note": ""}
            for c, spread in zip(recognizer.model.classes_, recognizer.spread, strict=True)
        ]
    proxies = len(recognizer.model.proxies_)
    rows.append({"name": "Proxies", "value": str(proxies), "note": f"of {len(recognizer.y)} shots"})
    return rows


def _number(value: float) -> str:
    return f"{value:.3f}".replace("-", "−")


def _figure(value: float) -> str:
    return f"{value:.3g}" if np.isfinite(value) else "infinite"


def _advice(shots: ShotList, recognizer: Recognizer) -> str:
    """Sentence on what the shots lack; empty if nothing."""
    filled = [c for c in shots.classes if c.shots]
    if len(filled) == 1:
        return f"Only '{filled[0].name}' has shots. Record a second class, so that there is something to distinguish."
    single = next((c for c in filled if len(c.shots) == 1), None)
    if single is not None:
        return f"'{single.name}' has one shot. Record more, so that leave-one-out can test it."
    held_out, classes = recognizer.held_out, recognizer.model.classes_
    predicted = held_out.scores.argmax(axis=1)
    for a in range(len(classes)):
        for b in range(a + 1, len(classes)):
            both = np.isin(held_out.codes, (a, b))
            confused = both & (predicted != held_out.codes) & np.isin(predicted, (a, b))
            if both.any() and confused.sum() > _CONFUSED * both.sum():
                names = [shots.name_of(int(classes[c])) for c in (a, b)]
                pair = f"'{names[0]}' and '{names[1]}'"
                return f"{pair} are confused: their shots may show the same thing, or k is too small."
    return ""


def describe_joint(shots: ShotList, layer: JointLayer, head: ClassifierHead, x: NDArray[np.float32]) -> dict[str, Any]:
    """Predicted class and best classes among the recorded ones and the FM's own.

    They replace those of `describe_recognition`. An image that is predicted as one of the FM's classes is not unknown.
    """
    names = {c.number: c.name for c in shots.classes}
    ranked = layer.rank(x, _OF_EACH_KIND)
    result: dict[str, Any] = {
        "proxies": [
            {
                "name": joint_name(score, head, names),
                "similarity": _number(score.score),
                "color": class_color(score.label) if score.is_new else GREY,
                "shots": [],
            }
            for score in ranked
        ]
    }
    if not ranked[0].is_new:
        result |= {"label": joint_name(ranked[0], head, names), "unknown": False}
    return result


def describe_recognition(
    shots: ShotList, recognizer: Recognizer, numbers: Sequence[int], x: NDArray[np.float32]
) -> dict[str, Any]:
    """Predicted class, probabilities, nearest proxies with their shots, and the place on the map.

    `numbers` are those of the recognizer's shots; some may have been removed.
    """
    result = recognizer.recognize(x, _PROXIES)
    names = {c.number: c.name for c in shots.classes}
    classes = recognizer.model.classes_
    return {
        "label": names.get(result.label, ""),
        "unknown": result.unknown,
        "cosine": _number(result.cosine),
        "threshold": _number(recognizer.threshold),
        "bars": [
            {"number": int(c), "name": names.get(int(c), ""), "share": round(float(p), 4), "color": class_color(int(c))}
            for c, p in zip(classes, result.probabilities, strict=True)
        ],
        "proxies": [
            {
                "name": f"{names.get(near.label, '')} · proxy {near.number}",
                "similarity": _number(near.similarity),
                "color": class_color(near.label),
                "shots": [numbers[row] for row in near.shots[:_SHOTS_OF_PROXY].tolist()],
            }
            for near in result.nearest
        ],
        "place": np.round(result.position, 4).tolist(),
    }


def describe_recordings() -> dict[str, Any]:
    """Recorded objects: their photographs, and the squares that are their frames (`RecordedObject.path`)."""
    files = {recorded.file.name: recorded.file for recorded in RECORDED_OBJECTS.values()}
    return {
        "photographs": {
            name: "data:image/jpeg;base64," + base64.b64encode(file.read_bytes()).decode()
            for name, file in files.items()
        },
        "objects": [
            {"name": recorded.label, "photograph": recorded.file.name, "path": np.round(recorded.path(), 3).tolist()}
            for recorded in RECORDED_OBJECTS.values()
        ],
    }
