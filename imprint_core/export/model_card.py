"""A zip with a torch head, its model card and a script that loads it."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.metrics import Summary
from imprint_core.export import PAPER

if TYPE_CHECKING:
    from imprint_core.framework.classifier import ImprintingClassifier

# Characters with a meaning in Markdown or in HTML inside Markdown.
_MARKS = re.compile(r"[\\`*_{}\[\]#!|<>~&$]")


@dataclass(frozen=True)
class Card:
    """Content of a model card: the head has the proxies of the experiment's first seed.

    `names` are class names in the order of the head's scores, `accuracy` on `evaluated` samples and `nc1` are over the
    seeds, `head_accuracy` on `test_samples` is of the head; accuracies are in percent. `nc1` is None if undefined.
    """

    experiment: Experiment
    names: tuple[str, ...]
    accuracy: Summary
    head_accuracy: float
    test_samples: int
    evaluated: int
    nc1: Summary | None
    created: date


def model_card(card: Card) -> str:
    """Write the card in Markdown; names of FMs, datasets and classes are escaped."""
    experiment, info = card.experiment, card.experiment.info
    fm, data = info.meta["fm"], info.meta["dataset"]
    # Both are unknown for imported embeddings.
    library = f", {fm['library']}" if fm["library"] else ""
    digest = f" · SHA-256 {fm['weights_sha256']}" if fm["weights_sha256"] else ""
    rows = [
        ("Foundation model", f"{fm['label']} ({fm['name']}{library}), frozen; {fm['dim']} dimensions"),
        ("Weights", f"{fm['weights_origin']}{digest}"),
        ("Input", fm["transform"]),
        ("Dataset", data["label"]),
        ("Dataset source", data["origin"]),
        ("Classes", f"{len(card.names)}: {', '.join(card.names)}"),
        (
            "Shots per class",
            f"{experiment.n_shot}, drawn at random with seed {experiment.seeds[0]}; fewer if a class has fewer",
        ),
        ("Recipe", f"{experiment.recipe} (NORM pre / post / inf)"),
        ("Accuracy of this head", f"{card.head_accuracy:.1f} % of {card.test_samples:,} test samples"),
        ("Median accuracy", f"{card.accuracy.text('{:.1f} %')} on {card.evaluated:,} test samples"),
        ("Seeds", ", ".join(map(str, experiment.seeds))),
        ("Median NC1 of the shots", f"{card.nc1.text('{:.2f}')}; 0: fully collapsed" if card.nc1 else "–"),
        ("Embeddings", f"SHA-256 {info.digest}"),
        ("Created on", card.created.isoformat()),
    ]
    table = "\n".join(f"| {name} | {_escaped(text)} |" for name, text in rows)
    return f"""# Imprinted head: {_escaped(data["label"])} on {_escaped(fm["label"])}

This classification head was created by weight imprinting: its weights are proxies, computed from the embeddings of the
shots without training. It maps embeddings of the frozen foundation model to one score per class; the highest score
decides.

| | |
|---|---|
{table}

## Use

`load.py` loads `head.safetensors` and lists the classes. The head requires exactly the weights and the input above:
other weights of the same name give different embeddings. Its accuracy on images from other sources was not measured.

## Licences

- **The head** is derived from the embeddings of a dataset: the licences of the dataset and of the weights determine
  how it may be distributed.
- **Weights**: {_escaped(fm["weights_origin"])}.
- **Dataset**: {_escaped(data["origin"])}
- **`imprint_core`**, which loads the head: MIT.

## Citation

{_escaped(PAPER)}
"""


def _escaped(text: object) -> str:
    """Escape text for Markdown, in one line."""
    return _MARKS.sub(r"\\\g<0>", " ".join(str(text).split()))


def load_script(fm: str, names: Sequence[str]) -> str:
    """Write a script that loads the head and shows how to append it to the FM; `names` as in `Card`."""
    return f'''"""Loads the head; needs the package `imprint_core`."""

from pathlib import Path

from imprint_core import load_head

FM = {fm!r}
NAMES = {list(names)!r}
head = load_head(Path(__file__).with_name("head.safetensors")).eval()
print(f"{{len(NAMES)}} classes, {{len(head.weight)}} proxies of {{head.weight.shape[1]}} dimensions")

# Append it to the FM, for `images` from the FM's preprocessing:
#     from imprint_core.models import foundation_model
#     from imprint_core.models.loading import load_model
#     network = load_model(foundation_model(FM)).network  # downloads the weights once
#     scores = head(network(images).flatten(1))
#     print([NAMES[i] for i in scores.argmax(1)])
'''


def head_package(model: ImprintingClassifier, card: Card) -> bytes:
    """Create a zip of the head, its card and the script that loads it.

    Raises
    ------
    ImprintError
        If the head can't be saved.
    """
    # Imported here because it loads torch, which pages do without.
    from imprint_core.export.torch_head import save_head

    with TemporaryDirectory() as folder:
        path = Path(folder) / "head.safetensors"
        save_head(model, path)
        head = path.read_bytes()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("head.safetensors", head)
        archive.writestr("MODEL_CARD.md", model_card(card))
        archive.writestr("load.py", load_script(card.experiment.info.fm, card.names))
    return file.getvalue()
