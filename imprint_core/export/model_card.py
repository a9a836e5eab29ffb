"""An imprinted head to take away: its tensors, a card that says what it is, and a script that loads it."""

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

from imprint_core.embeddings import SetInfo
from imprint_core.evaluation.metrics import Summary
from imprint_core.export import PAPER
from imprint_core.framework.recipe import Recipe

if TYPE_CHECKING:
    from imprint_core.framework.classifier import ImprintingClassifier

# What means something to Markdown or to HTML in it.
_MARKS = re.compile(r"[\\`*_{}\[\]#!|<>~&$]")


@dataclass(frozen=True)
class Card:
    """What a model card says.

    Attributes
    ----------
    info : SetInfo
        The embeddings.
    names : tuple of str
        Class names, in the order of the head's scores.
    n : int
        Shots a class.
    recipe : Recipe
    seeds : tuple of int
        The first is the head's.
    accuracy : Summary
        Over the seeds, in percent.
    own_accuracy : float
        The head's.
    tested : int
        Test samples that these are of.
    nc1 : Summary or None
        Of the shots; None where there is none.
    made : date
    """

    info: SetInfo
    names: tuple[str, ...]
    n: int
    recipe: Recipe
    seeds: tuple[int, ...]
    accuracy: Summary
    own_accuracy: float
    tested: int
    nc1: Summary | None
    made: date


def model_card(card: Card) -> str:
    """The card, in Markdown; names of FMs, datasets and classes are shown as they are."""
    fm, data = card.info.meta["fm"], card.info.meta["dataset"]
    accuracy, nc1 = card.accuracy, card.nc1
    # Of embeddings that someone brought, neither is known.
    library = f", {fm['library']}" if fm["library"] else ""
    digest = f" · SHA-256 {fm['weights_sha256']}" if fm["weights_sha256"] else ""
    rows = [
        ("Foundation model", f"{fm['label']} ({fm['name']}{library}), frozen; {fm['dim']} dimensions"),
        ("Its weights", f"{fm['weights_origin']}{digest}"),
        ("Its input", fm["transform"]),
        ("Dataset", data["label"]),
        ("Where it comes from", data["origin"]),
        ("Classes", f"{len(card.names)}: {', '.join(card.names)}"),
        ("Shots a class", f"{card.n}, drawn at random with seed {card.seeds[0]}; fewer where a class has fewer"),
        ("Recipe", f"{card.recipe} (NORM as pre / post / inf)"),
        ("Accuracy of this head", f"{card.own_accuracy:.1f} % of {card.tested:,} test samples"),
        ("Accuracy over seeds", _span(accuracy, "{:.1f} %")),
        ("Seeds", ", ".join(map(str, card.seeds))),
        ("NC1 of the shots", "–" if nc1 is None else _span(nc1, "{:.2f}") + "; 0 means that classes are points"),
        ("Embeddings", f"SHA-256 {card.info.digest}"),
        ("Made on", card.made.isoformat()),
    ]
    table = "\n".join(f"| {name} | {_shown(text)} |" for name, text in rows)
    return f"""# Imprinted head: {_shown(data["label"])} on {_shown(fm["label"])}

Weight imprinting made this classification head: the shots' embeddings became proxies, and no training took place. It
takes the frozen foundation model's embeddings and gives a score for each class; the highest one wins.

| | |
|---|---|
{table}

## Use

`load.py` loads `head.safetensors` and names the classes. The head fits these very weights of the foundation model and
its input as above; other weights of the same name give other embeddings. What it does on other images than this
dataset's nobody has measured.

## Licences

- **The head** is made of a dataset's embeddings: whether and how it may be passed on, the licences of dataset and
  weights say.
- **Weights**: {_shown(fm["weights_origin"])}.
- **Dataset**: {_shown(data["origin"])}
- **`imprint_core`**, which loads it: MIT.

## Citation

{_shown(PAPER)}
"""


def _span(run: Summary, shown: str) -> str:
    median, low, high = (shown.format(value) for value in (run.median, run.low, run.high))
    if run.runs == 1:
        return f"{median}, 1 seed"
    return f"{median}, the median of {run.runs} seeds ({low} to {high})"


def _shown(text: object) -> str:
    """Text as Markdown that shows it as it is, in one line."""
    return _MARKS.sub(r"\\\g<0>", " ".join(str(text).split()))


def load_script(fm: str, names: Sequence[str]) -> str:
    """Python that loads the head and says how it goes behind the FM.

    Parameters
    ----------
    fm : str
        Name of the FM.
    names : sequence of str
        Class names, in the order of the head's scores.
    """
    return f'''"""Loads the head. Run it where `imprint_core` can be imported."""

from pathlib import Path

from imprint_core.export.torch_head import load_head

FM = {fm!r}
NAMES = {list(names)!r}
head = load_head(Path(__file__).with_name("head.safetensors")).eval()
print(f"{{len(NAMES)}} classes, {{len(head.weight)}} proxies of {{head.weight.shape[1]}} dimensions")

# Behind the FM, `images` being what its preprocessing gave:
#     from imprint_core.models import foundation_model
#     from imprint_core.models.loading import load_model
#     network = load_model(foundation_model(FM)).network  # asks for its weights once
#     scores = head(network(images).flatten(1))
#     print([NAMES[i] for i in scores.argmax(1)])
'''


def head_package(model: ImprintingClassifier, card: Card) -> bytes:
    """A zip of the head, its card and the script that loads it.

    Raises
    ------
    ImprintError
        If the head can't be saved.
    """
    # Here, for it imports torch, which nothing else on a page needs.
    from imprint_core.export.torch_head import save_head

    with TemporaryDirectory() as folder:
        path = Path(folder) / "head.safetensors"
        save_head(model, path)
        head = path.read_bytes()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("head.safetensors", head)
        archive.writestr("MODEL_CARD.md", model_card(card))
        archive.writestr("load.py", load_script(card.info.fm, card.names))
    return file.getvalue()
