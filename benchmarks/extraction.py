"""Throughput of an extraction relative to forward passes alone, and its memory for datasets of two sizes.

    python -m benchmarks.extraction --weights DIR --data-root DIR

DIR holds `<name>.safetensors` of the models. Rates are measured in pairs, alternately in one process: a number of
forward passes on a prepared batch, then as many batches of the extraction (reading, resizing, normalizing, forward
pass, writing to disk). Compare the ratios of pairs, because other processes may slow down the machine. Memory is the
peak of a fresh process that embeds 500 images, and of one that embeds 5,000.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch

from imprint_core.cli.embed import parse_dataset
from imprint_core.embeddings import extraction
from imprint_core.embeddings.extraction import ExtractionJob, extract, keep_freed_memory
from imprint_core.models import foundation_model
from imprint_core.models.loading import load_model

MODELS = ("squeezenet1_1", "vit_tiny_patch16_224", "resnet50")
BATCH = 64
# Pairs of measurements, and forward passes in each.
ROUNDS, PASSES = 6, {"squeezenet1_1": 8, "vit_tiny_patch16_224": 5, "resnet50": 2}


def ratios(name: str, options: argparse.Namespace) -> tuple[list[float], list[float]]:
    """Rates of forward passes and of extraction in images per second, a pair for each round."""
    fm = foundation_model(name)
    weights = options.weights / f"{name}.safetensors"
    model = load_model(fm, weights)
    batch = model.preprocessing.finish(model.preprocessing.prepare([sample(options)] * BATCH))
    passes = PASSES[name]

    def forward_rate() -> float:
        with torch.inference_mode():
            start = time.perf_counter()
            for _ in range(passes):
                model.network(batch)
            return passes * BATCH / (time.perf_counter() - start)

    forward_rate()
    forward: list[float] = []
    extraction_rates: list[float] = []
    # Time and number of finished images at the start of the current measurement.
    start = [0.0, 0]

    def start_round(done: int) -> None:
        forward.append(forward_rate())
        start[:] = [time.perf_counter(), done]

    def watch(done: int, total: int) -> None:
        if done == 2 * BATCH:
            # From now on as many batches are decoded ahead as at the end of a measurement.
            start_round(done)
        elif done - start[1] == passes * BATCH and start[0]:
            extraction_rates.append(passes * BATCH / (time.perf_counter() - start[0]))
            if len(extraction_rates) == ROUNDS:
                raise KeyboardInterrupt
            start_round(done)

    per_class = (ROUNDS * passes + 4) * BATCH // options.classes + 1
    with tempfile.TemporaryDirectory() as folder:
        job = ExtractionJob(
            fm, parse_dataset(options.dataset), Path(folder), options.data_root, per_class, 1, weights, batch_size=BATCH
        )
        extraction.load_model = lambda *_: model
        with suppress(KeyboardInterrupt):
            extract(job, watch)
    return forward, extraction_rates


def sample(options: argparse.Namespace):
    return parse_dataset(options.dataset).read(options.data_root).train.load(0)


def peak(name: str, images: int, options: argparse.Namespace) -> float:
    """Peak memory in MB of a process that embeds a number of images."""
    command = [sys.executable, "-m", "benchmarks.extraction", "--child", name, str(images)]
    command += ["--weights", options.weights, "--data-root", options.data_root, "--dataset", options.dataset]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])


def child(options: argparse.Namespace) -> None:
    """Embed images in this process and print its peak memory."""
    name, images = options.child[0], int(options.child[1])
    fm, data, weights = foundation_model(name), parse_dataset(options.dataset), options.weights / f"{name}.safetensors"
    with tempfile.TemporaryDirectory() as folder:
        per_class = images // options.classes
        extract(ExtractionJob(fm, data, Path(folder), options.data_root, per_class, 1, weights, batch_size=BATCH))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--dataset", default="cifar10", help="dataset with at least 5,000 training images")
    parser.add_argument("--classes", type=int, default=10, help="number of its classes")
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--memory", nargs="*", default=["squeezenet1_1"], help="models to measure the memory of")
    parser.add_argument(
        "--default-memory", action="store_true", help="keep the default memory settings of the C library"
    )
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.default_memory:
        # As in the `embed` command.
        keep_freed_memory()
    if options.child:
        child(options)
        return
    print(f"{torch.get_num_threads()} threads, batches of {BATCH}, {options.dataset}; medians of {ROUNDS} pairs")
    for name in options.models:
        forward, extraction_rates = ratios(name, options)
        ratio = np.array(extraction_rates) / np.array(forward)
        print(
            f"{name:22} forward {np.median(forward):6.1f} images/s, extraction {np.median(extraction_rates):6.1f}: "
            f"{100 * np.median(ratio):.0f} % ({100 * ratio.min():.0f} to {100 * ratio.max():.0f})",
            flush=True,
        )
    for name in options.memory:
        few, many = (peak(name, images, options) for images in (500, 5000))
        change = f"{100 * (many / few - 1):+.1f} %"
        print(f"{name:22} peak memory {few:.0f} MB for 500 images, {many:.0f} MB for 5,000: {change}")


if __name__ == "__main__":
    main()
