"""The zip with a torch head and its model card, and its use outside the app."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from imprint_core.datasets import dataset
from imprint_core.embeddings import SetInfo, open_set
from imprint_core.errors import ImprintError
from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.metrics import Summary
from imprint_core.evaluation.task import SEEDS
from imprint_core.export import PAPER
from imprint_core.export.model_card import Card, head_package, load_script, model_card
from imprint_core.export.torch_head import load_head
from imprint_core.framework.classifier import ImprintingClassifier
from imprint_core.framework.recipe import Recipe
from tests.conftest import ROOT


@pytest.fixture
def card(vit_digits):
    return Card(
        Experiment(vit_digits.info, "all", 20, Recipe("kmeans", 5), SEEDS[:3]),
        tuple(vit_digits.info.class_names),
        Summary(71.5, 70.0, 73.5, 3),
        71.46,
        596,
        597,
        Summary(1.27, 1.25, 1.31, 3),
        date(2026, 1, 2),
    )


def test_card_has_configuration_accuracy_and_sources(card):
    text = model_card(card)
    for part in (
        "# Imprinted head: Digits (scikit-learn) on ViT-Ti/16",
        "Apache-2.0",
        "CC BY 4.0",
        "| Classes | 10: 0, 1, 2",
        "| Shots per class | 20, drawn at random with seed 17121997",
        "GEN k-means, k = 5",
        "| Accuracy of this head | 71.5 % of 596 test samples |",
        "| Median accuracy | 71.5 % (70.0 % to 73.5 % over 3 seeds) on 597 test samples |",
        "| Median NC1 of the shots | 1.27 (1.25 to 1.31 over 3 seeds)",
        "17121997, 123987, 12412312",
        card.experiment.info.digest,
        "2026-01-02",
        PAPER,
    ):
        assert part in text
    assert "| Median NC1 of the shots | – |" in model_card(replace(card, nc1=None))
    assert "on 597 samples, each tested in turn by proxies of others |" in model_card(replace(card, in_turn=True))
    assert "| Median accuracy | 71.5 % (1 draw) on 597" in model_card(
        replace(card, accuracy=Summary(71.5, 71.5, 71.5, 1))
    )


def test_names_are_escaped(card):
    evil = "<script>|[x](javascript:1)\n# no *heading* `code` ![i](http://x)"
    info = card.experiment.info
    meta = info.meta
    info = SetInfo(info.path, {**meta, "fm": {**meta["fm"], "label": evil, "weights_sha256": "", "library": ""}})
    text = model_card(replace(card, experiment=card.experiment.with_(info=info), names=(evil, "b")))
    assert "SHA-256 |" not in text
    for line in text.splitlines():
        assert "<script" not in line.replace("\\<", "")
        assert not line.startswith("# no")
    # Each row still has two cells.
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert all(row.replace("\\|", "").count("|") == 3 for row in rows)
    code = load_script('"""\nimport os', [evil, "'", '"'])
    scope = {"__file__": "x"}
    names = next(line for line in code.splitlines() if line.startswith("NAMES"))
    exec(names, scope)  # noqa: S102 - our code
    assert scope["NAMES"] == [evil, "'", '"']
    compile(code, "load.py", "exec")


@pytest.mark.parametrize("recipe", [Recipe("kmeans", 5), Recipe("mean", agg="mnn", m=3, pretransform="whiten")])
def test_zip_works_outside_the_app(card, recipe, vit_digits, tmp_path):
    import torch

    split = Experiment(vit_digits.info, "all", 20).split(SEEDS[0], vit_digits)
    model = ImprintingClassifier.from_recipe(recipe, SEEDS[0]).fit(split.X_train, split.y_train)
    with zipfile.ZipFile(io.BytesIO(head_package(model, card))) as archive:
        assert archive.namelist() == ["head.safetensors", "MODEL_CARD.md", "load.py"]
        archive.extractall(tmp_path)
    assert (tmp_path / "MODEL_CARD.md").read_text(encoding="utf-8") == model_card(card)
    head = load_head(tmp_path / "head.safetensors")
    predicted = head(torch.from_numpy(split.X_test)).argmax(1).numpy()
    np.testing.assert_array_equal(model.classes_[predicted], model.predict(split.X_test))
    done = subprocess.run(
        [sys.executable, tmp_path / "load.py"],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT)},
        check=True,
    )
    assert done.stdout == f"10 classes, {len(model.proxies_)} proxies of 192 dimensions\n"


def test_script_classifies_photos(bundled, card, tmp_path):
    """By weights that the requirements install, as the estimator does on the stored embeddings."""
    digits = open_set(bundled["tf_efficientnet_lite0", "digits"])
    model = ImprintingClassifier("kmeans", 5, random_state=SEEDS[0]).fit(digits.X_train, digits.y_train)
    photos = replace(card, experiment=Experiment(digits.info, "all", 20, Recipe("kmeans", 5), SEEDS[:1]))
    with zipfile.ZipFile(io.BytesIO(head_package(model, photos))) as archive:
        archive.extractall(tmp_path)
    images = dataset("digits").read(None).test
    for i in range(3):
        images.load(int(digits.id_test[i])).save(tmp_path / f"{i}.png")
    done = subprocess.run(
        [sys.executable, "load.py", "0.png", "1.png", "2.png"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT), "IMPRINT_WEIGHTS": str(tmp_path)},
        check=True,
    )
    predicted = [digits.info.class_names[c] for c in model.predict(digits.X_test[:3])]
    assert done.stdout.splitlines()[1:] == [f"{i}.png: {name}" for i, name in enumerate(predicted)]


def test_unsupported_class_labels_are_reported(card):
    model = ImprintingClassifier("mean").fit(np.eye(2), [0, 1])
    model.classes_ = np.array(["2026-11-23", "2026-11-24"], dtype="datetime64[D]")
    with pytest.raises(ImprintError, match="can't be saved"):
        head_package(model, card)
