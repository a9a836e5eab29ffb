import hashlib
import json

import numpy as np
import pytest

from imprint_core.errors import ImprintError
from imprint_core.evaluation.class_specs import parse_classes
from imprint_core.evaluation.k_selection import validation_folds
from imprint_core.evaluation.results_version import RESULTS_VERSION, read_json, to_json
from imprint_core.evaluation.task import SEEDS, shot_order
from imprint_core.framework.classifier import ImprintingClassifier

# Of the sampling, by version. Where the test below fails, increase RESULTS_VERSION, compute the bundled results again
# (`sweep bundled`, `survey --of collapse`, `survey --of suggested-k`) and add the new fingerprint.
FINGERPRINTS = {"1": "3f88328a779eae5f2c560765b6ccb101a5e63c04e6a49fa507ce61dd47c8c7f0"}


def fingerprint():
    """Digest of every random choice that results depend on: integers, so that rounding changes nothing."""
    labels = np.arange(300) % 7 % 5
    names = tuple(f"class {i}" for i in range(30))
    choices = [order.tolist() for seed in SEEDS for order in shot_order(labels, seed)]
    choices += [sorted(parse_classes(f"{d}in1-{draw}", names).number_of.items()) for d in (2, 3) for draw in (1, 2, 3)]
    folds = validation_folds(labels[:60], SEEDS[0])
    choices += [[fold.train.tolist(), fold.validation.tolist(), fold.seed] for fold in folds]
    # One-hot shots show which of them become proxies; squares at corners, which clusters k-means finds.
    hot, y = np.eye(40, dtype=np.float32), np.arange(40) % 2
    corners = np.array([[9, 9], [9, -9], [-9, -9], [-9, 9]], dtype=np.float32)[np.arange(40) % 4]
    for gen, x in (("random", hot), ("fps", hot), ("kmedoids", corners), ("kmeans", corners)):
        for seed in SEEDS[:3]:
            model = ImprintingClassifier(
                gen=gen, k=2, norm_pre="none", norm_post="none", norm_inf="none", random_state=seed
            )
            choices.append(model.fit(x, y).proxies_.round(3).tolist())
    return hashlib.sha256(json.dumps(choices).encode()).hexdigest()


def test_sampling_is_that_of_the_version():
    assert fingerprint() == FINGERPRINTS[RESULTS_VERSION]


def test_another_sampling_has_another_fingerprint(monkeypatch):
    before = fingerprint()
    monkeypatch.setattr("imprint_core.evaluation.k_selection.shot_order", lambda y, seed: shot_order(y, seed + 1))
    assert fingerprint() != before


def test_results_of_another_version_are_not_read(tmp_path):
    path = tmp_path / "results.json"
    path.write_bytes(to_json({"a": [1.5]}))
    assert read_json(path) == {"a": [1.5]}
    path.write_bytes(to_json([]).replace(RESULTS_VERSION.encode(), b"old"))
    with pytest.raises(ImprintError, match=r"results\.json holds results of version old; this is"):
        read_json(path)
    for damaged in ("", "[]", '{"results": []}', "null"):
        path.write_text(damaged)
        with pytest.raises(ImprintError, match="missing or damaged"):
            read_json(path)
    with pytest.raises(ImprintError, match="missing or damaged"):
        read_json(tmp_path / "none.json")
