"""`embed`: embed a dataset with a foundation model."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from imprint_core.cli.options import add_data_root, add_process_options, apply_priority, count
from imprint_core.datasets import DATASETS, Dataset, checked_dataset_at, dataset
from imprint_core.datasets.image_files import describe_splits
from imprint_core.embeddings.store import EXPLORED, SetInfo, open_set
from imprint_core.models import FOUNDATION_MODELS, foundation_model
from imprint_core.models.libraries import LIBRARIES
from imprint_core.paths import user_folder

HELP = "embed a dataset with a foundation model"
DESCRIPTION = """\
Embed a dataset's images with a frozen foundation model (FM), and write an embedding set: the embeddings, and a sidecar
that describes them. The app lists the set, and imprinting on it takes milliseconds. The command can be stopped with
Ctrl-C or killed at any time; the same command resumes it.

Weights are read from --weights, else from the weights folder, else from the library's cache, else downloaded; those of
EfficientNet-Lite0 are installed as a package. Images are preprocessed by the FM's own transform, and the FM's
classifier is removed: the embedding of an image is the input of the classifier.
"""
EPILOG = """\
examples:
  without a network: images and weights are those that are installed
      imprint embed --fm tf_efficientnet_lite0 --dataset digits
  CIFAR-10 with 200 training and 50 test images per class
      imprint embed --fm resnet50 --dataset cifar10 --per-class 200 --test-per-class 50
  another model of timm, with local weights
      imprint embed --fm deit_tiny_patch16_224 --dataset mnist --weights deit.safetensors
  your own photographs, in pets/cat/… and pets/dog/…; the set is identified by their content
      imprint embed --fm vit_b_16 --dataset pets
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "--fm",
        required=True,
        metavar="NAME",
        help=f"foundation model: {', '.join(FOUNDATION_MODELS)}, or any classification model of "
        f"{' or '.join(LIBRARIES)} by its name there; resnet50.IMAGENET1K_V2 selects weights, timm/resnet18 a library",
    )
    parser.add_argument(
        "--dataset",
        required=True,
        metavar="NAME",
        help=f"dataset: {', '.join(DATASETS)}; or a path to a directory or zip of class folders "
        "(train/<class>/… and val/<class>/…, or <class>/…), or to an .npz with x_train, y_train, x_test, y_test",
    )
    parser.add_argument(
        "--skip-damaged", action="store_true", help="embed the other images where some of a path can't be decoded"
    )
    parser.add_argument("--strict", action="store_true", help="refuse a path with any file that is left out")
    parser.add_argument(
        "--replace", action="store_true", help="replace a set of this model and dataset with other samples or weights"
    )
    parser.add_argument("--per-class", type=count, metavar="N", help="training samples per class (default: all)")
    parser.add_argument("--test-per-class", type=count, metavar="N", help="test samples per class (default: all)")
    parser.add_argument(
        "--weights",
        type=Path,
        metavar="FILE",
        help="local state dict with the library's parameter names: .safetensors, or a .pth of tensors only",
    )
    parser.add_argument(
        "--weights-origin",
        default="",
        metavar="TEXT",
        help="source and licence of these weights, for the sidecar",
    )
    add_data_root(parser)
    parser.add_argument("--out", type=Path, metavar="DIR", help=f"folder of the set (default: {user_folder()})")
    parser.add_argument(
        "--batch-size", type=count, default=64, metavar="N", help="images per forward pass (default: %(default)s)"
    )
    parser.add_argument(
        "--no-maps",
        action="store_true",
        help="skip the base maps, which take about half a minute; the app then shows a PCA map",
    )
    add_process_options(parser)


def parse_dataset(text: str, options: argparse.Namespace | None = None) -> Dataset:
    """Look up a dataset by its name or path; the images at a path are checked, and those left out are printed."""
    path = Path(text).expanduser()
    if not text or text in DATASETS or not (path.exists() or "/" in text):
        return dataset(text)
    if options is None:
        return checked_dataset_at(path)
    from tqdm import tqdm

    with tqdm(unit=" images", desc="Checking", disable=options.quiet, leave=False, delay=0.5) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        data = checked_dataset_at(path, show, options.skip_damaged, options.strict)
    if not options.quiet:
        print(describe_splits(data.read(options.data_root)))
    return data


def _resume_arguments(options: argparse.Namespace) -> list[str]:
    """Arguments that start the same job from any working directory."""
    paths = {"weights": options.weights, "data-root": options.data_root, "out": options.out}
    data = Path(options.dataset).expanduser()
    values = {
        "fm": options.fm,
        "dataset": options.dataset if options.dataset in DATASETS or not data.exists() else data.resolve(),
        "per-class": options.per_class,
        "test-per-class": options.test_per_class,
        "weights-origin": options.weights_origin,
        "batch-size": options.batch_size,
        **{name: path.expanduser().resolve() for name, path in paths.items() if path},
    }
    arguments = [text for name, value in values.items() if value for text in (f"--{name}", str(value))]
    flags = {
        "no-maps": options.no_maps,
        "skip-damaged": options.skip_damaged,
        "strict": options.strict,
        "replace": options.replace,
    }
    return arguments + [f"--{name}" for name, given in flags.items() if given]


def add_base_maps(info: SetInfo, report_stage: Callable[[str], None]) -> None:
    """Compute the base maps beside a set, unless they exist."""
    from imprint_core.maps.store import set_maps_path, write_default_maps

    if not set_maps_path(info).is_file():
        write_default_maps(
            open_set(info, EXPLORED), lambda name, share: report_stage(f"computing the base map: {name}")
        )


def run(options: argparse.Namespace) -> int:
    """Embed the dataset."""
    fm, data = foundation_model(options.fm), parse_dataset(options.dataset, options)
    # After the names are checked, because torch is slow to import.
    from tqdm import tqdm

    from imprint_core.background.process import record_command
    from imprint_core.embeddings.extraction import ExtractionJob, extract, keep_freed_memory

    apply_priority(options)
    keep_freed_memory()

    job = ExtractionJob(
        fm,
        data,
        options.out or user_folder(),
        options.data_root,
        options.per_class,
        options.test_per_class,
        options.weights,
        options.weights_origin,
        options.batch_size,
        options.replace,
    )
    bars: list[tqdm[None]] = []

    def show(done: int, total: int) -> None:
        if not bars:
            # From now on a page can offer to resume the job.
            record_command(job.partial, "embed", _resume_arguments(options))
            # Batches from an earlier run count as done, but not towards the rate.
            label, quiet = f"{fm.label} on {data.label}", options.quiet
            bars.append(tqdm(unit=" images", desc=label, smoothing=0.05, disable=quiet, total=total, initial=done))
        bars[0].update(done - bars[0].n)
        if done == total and not options.quiet:
            bars[0].close()
            print("Writing the set …" if options.no_maps else "Writing the set and computing its base maps …")

    path = job.folder / f"{job.name}.safetensors"
    before = path.stat().st_mtime_ns if path.exists() else 0
    if options.no_maps:
        extract(job, show)
    else:
        extract(job, show, add_base_maps)
    if not options.quiet:
        print(f"Wrote {path}" if path.stat().st_mtime_ns != before else f"The set exists: {path}")
    return 0
