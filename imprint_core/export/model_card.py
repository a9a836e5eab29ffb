"""A zip with a torch head, its model card and a script that loads it."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.metrics import Summary
from imprint_core.export import PAPER
from imprint_core.framework.recipe import Recipe
from imprint_core.models import FoundationModel

if TYPE_CHECKING:
    from imprint_core.export.torch_head import ImprintedHead
    from imprint_core.framework.classifier import ImprintingClassifier
    from imprint_core.models.loading import LoadedModel

# Characters with a meaning in Markdown or in HTML inside Markdown.
_MARKS = re.compile(r"[\\`*_{}\[\]#!|<>~&$]")


@dataclass(frozen=True)
class Card:
    """Content of a model card: the head has the proxies of the experiment's first seed.

    `names` are class names in the order of the head's scores, `accuracy` on `evaluated` samples and `nc1` are over the
    seeds, `head_accuracy` on `test_samples` is of the head; accuracies are in percent. `nc1` is None if undefined.
    `in_turn` is whether the samples are few and each is evaluated in turn.
    """

    experiment: Experiment
    names: tuple[str, ...]
    accuracy: Summary
    head_accuracy: float
    test_samples: int
    evaluated: int
    nc1: Summary | None
    created: date
    in_turn: bool = False

    @property
    def fm(self) -> str:
        """Name of the FM."""
        return self.experiment.info.fm


@dataclass(frozen=True)
class RecordedCard:
    """Content of a model card of recorded shots, of which there is no embedding set.

    `shots` are the names of the classes with their shots. `names` are class names in the order of the head's scores;
    with the FM's own classes, these come first. `accuracy` is of leave-one-out, in percent, of `tested` shots; it is
    not a number if none was left out.
    """

    foundation_model: FoundationModel
    loaded: LoadedModel
    recipe: Recipe
    names: tuple[str, ...]
    shots: Mapping[str, int]
    accuracy: float
    tested: int
    created: date

    @property
    def fm(self) -> str:
        """Name of the FM."""
        return self.foundation_model.name


def recorded_card(card: RecordedCard) -> str:
    """Write the card in Markdown; names of FMs and classes are escaped."""
    fm, loaded, old = card.foundation_model, card.loaded, len(card.names) - len(card.shots)
    origin = f"local file {loaded.weights_file}" if loaded.weights_file else fm.weights_origin
    counts = ", ".join(f"{name} ({count})" for name, count in card.shots.items())
    tested = f"{card.accuracy:.1f} % of {card.tested} shots" if card.tested else "–"
    rows = [
        ("Foundation model", f"{fm.label} ({fm.name}, {fm.library}), frozen"),
        ("Weights", f"{origin} · SHA-256 {loaded.weights_digest}"),
        ("Input", loaded.preprocessing.text),
        ("Classes (shots)", f"{len(card.shots)}: {counts}" + (f"; after {old:,} of the FM" if old else "")),
        ("Recipe", f"{card.recipe} (NORM pre / post / inf)"),
        ("Leave-one-out accuracy", f"{tested}, among the recorded classes; frames in succession resemble each other"),
        ("Created on", card.created.isoformat()),
    ]
    return _page(
        f"Recorded classes on {fm.label}", rows, origin, "**Shots**: recorded by the user; check their rights."
    )


def model_card(card: Card) -> str:
    """Write the card in Markdown; names of FMs, datasets and classes are escaped."""
    experiment, info = card.experiment, card.experiment.info
    fm, data = info.meta["fm"], info.meta["dataset"]
    # Both are unknown for imported embeddings.
    library = f", {fm['library']}" if fm["library"] else ""
    digest = f" · SHA-256 {fm['weights_sha256']}" if fm["weights_sha256"] else ""
    how = "samples, each tested in turn by proxies of others" if card.in_turn else "test samples"
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
        ("Median accuracy", f"{card.accuracy.text('{:.1f} %')} on {card.evaluated:,} {how}"),
        ("Seeds", ", ".join(map(str, experiment.seeds))),
        ("Median NC1 of the shots", f"{card.nc1.text('{:.2f}')}; 0: fully collapsed" if card.nc1 else "–"),
        ("Embeddings", f"SHA-256 {info.digest}"),
        ("Created on", card.created.isoformat()),
    ]
    dataset = f"**Dataset**: {_escaped(data['origin'])}"
    return _page(f"{data['label']} on {fm['label']}", rows, fm["weights_origin"], dataset)


def _page(title: str, rows: Sequence[tuple[str, object]], weights_origin: str, data_licence: str) -> str:
    table = "\n".join(f"| {name} | {_escaped(text)} |" for name, text in rows)
    return f"""# Imprinted head: {_escaped(title)}

This classification head was created by weight imprinting: its weights are proxies, computed from the embeddings of the
shots without training. It maps embeddings of the frozen foundation model to one score per class; the highest score
decides.

| | |
|---|---|
{table}

## Use

`python load.py photo.jpg` prints the class of each photo, and its code shows how the head is appended to the FM. The
head requires exactly the weights and the input above: other weights of the same name give different embeddings. Its
accuracy on images from other sources was not measured.

## Licences

- **The head** is derived from embeddings of images: the licences of the images and of the weights determine how it
  may be distributed.
- **Weights**: {_escaped(weights_origin)}.
- {data_licence}
- **`imprint_core`**, which loads the head: MIT.

## Citation

{_escaped(PAPER)}
"""


def _escaped(text: object) -> str:
    """Escape text for Markdown, in one line."""
    return _MARKS.sub(r"\\\g<0>", " ".join(str(text).split()))


def load_script(fm: str, names: Sequence[str]) -> str:
    """Write a script that loads FM and head and classifies photos; `names` as in `Card`."""
    return f'''"""Classifies photos by the head: python load.py photo.jpg …

Needs the package `imprint_core`. The FM's weights are downloaded once if they are not on this machine.
"""

import sys
from pathlib import Path

from imprint_core import load_head

FM = {fm!r}
NAMES = {list(names)!r}
head = load_head(Path(__file__).with_name("head.safetensors")).eval()
print(f"{{len(NAMES)}} classes, {{len(head.weight)}} proxies of {{head.weight.shape[1]}} dimensions")

photos = [Path(name) for name in sys.argv[1:]]
if photos:
    import torch

    from imprint_core.datasets.decoding import decode
    from imprint_core.models import foundation_model
    from imprint_core.models.loading import load_model

    # A frozen network, and the preprocessing of its images.
    model = load_model(foundation_model(FM))
    embeddings = model.embed([decode(photo) for photo in photos])
    scores = head(torch.from_numpy(embeddings))
    for photo, best in zip(photos, scores.argmax(1)):
        print(f"{{photo}}: {{NAMES[best]}}")
'''


def head_package(
    model: ImprintingClassifier | ImprintedHead, card: Card | RecordedCard, others: Mapping[str, bytes] | None = None
) -> bytes:
    """Create a zip of the head, its card, the script that loads it, and other files by their names.

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
        archive.writestr("MODEL_CARD.md", model_card(card) if isinstance(card, Card) else recorded_card(card))
        archive.writestr("load.py", load_script(card.fm, card.names))
        for name, data in (others or {}).items():
            archive.writestr(name, data)
    return file.getvalue()
