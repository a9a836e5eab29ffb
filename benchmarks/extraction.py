"""How much of the FM's own forward throughput an extraction keeps, and whether its memory grows with the dataset.

    python -m benchmarks.extraction --weights DIR --data-root DIR

DIR holds `<name>.safetensors` of the models. Rates come in pairs, measured in turn in one process: a stretch of forward
passes on a batch that is ready, then as long a stretch of the extraction itself (reading, resizing, scaling, forward,
writing to disk); the ratio of each pair is what counts, since the machine may be busy with other things. Memory is the
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

from imprint_core.background.memory import keep_freed_memory
from imprint_core.cli.embed import named
from imprint_core.embeddings import extraction
from imprint_core.embeddings.extraction import ExtractionJob, extract
from imprint_core.models import foundation_model
from imprint_core.models.loading import load_model

MODELS = ("squeezenet1_1", "vit_tiny_patch16_224", "resnet50")
BATCH = 64
# Stretches of each kind, and forward passes in one.
ROUNDS, PASSES = 6, {"squeezenet1_1": 8, "vit_tiny_patch16_224": 5, "resnet50": 2}


def ratios(name: str, options: argparse.Namespace) -> tuple[list[float], list[float]]:
    """Forward and extraction rates in images a second, a pair for each round."""
    fm = foundation_model(name)
    weights = options.weights / f"{name}.safetensors"
    model = load_model(fm, weights)
    ready = model.preprocessing.finish(model.preprocessing.prepare([sample(options)] * BATCH))
    passes = PASSES[name]

    def bare() -> float:
        with torch.inference_mode():
            began = time.perf_counter()
            for _ in range(passes):
                model.network(ready)
            return passes * BATCH / (time.perf_counter() - began)

    bare()
    forward: list[float] = []
    whole: list[float] = []
    began = [0.0, 0]

    def begin(done: int) -> None:
        forward.append(bare())
        began[:] = [time.perf_counter(), done]

    def watch(done: int, total: int) -> None:
        if done == 2 * BATCH:
            # From here on as many batches are decoded ahead as at a stretch's end.
            begin(done)
        elif done - began[1] == passes * BATCH and began[0]:
            whole.append(passes * BATCH / (time.perf_counter() - began[0]))
            if len(whole) == ROUNDS:
                raise KeyboardInterrupt
            begin(done)

    per_class = (ROUNDS * passes + 4) * BATCH // options.classes + 1
    with tempfile.TemporaryDirectory() as folder:
        job = ExtractionJob(
            fm, named(options.dataset), Path(folder), options.data_root, per_class, 1, weights, batch_size=BATCH
        )
        extraction.load_model = lambda *_: model
        with suppress(KeyboardInterrupt):
            extract(job, watch)
    return forward, whole


def sample(options: argparse.Namespace):
    return named(options.dataset).read(options.data_root).train.load(0)


def peak(name: str, images: int, options: argparse.Namespace) -> float:
    """Peak memory in MB of a process that embeds so many images."""
    command = [sys.executable, "-m", "benchmarks.extraction", "--child", name, str(images)]
    command += ["--weights", options.weights, "--data-root", options.data_root, "--dataset", options.dataset]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])


def child(options: argparse.Namespace) -> None:
    name, images = options.child[0], int(options.child[1])
    with tempfile.TemporaryDirectory() as folder:
        extract(
            ExtractionJob(
                foundation_model(name),
                named(options.dataset),
                Path(folder),
                options.data_root,
                images // options.classes,
                1,
                options.weights / f"{name}.safetensors",
                batch_size=BATCH,
            )
        )
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--dataset", default="cifar10", help="one of at least 5,000 training images")
    parser.add_argument("--classes", type=int, default=10, help="how many classes it has")
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--memory", nargs="*", default=["squeezenet1_1"], help="models whose memory is measured")
    parser.add_argument("--default-memory", action="store_true", help="leave the C library's memory as it is")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.default_memory:
        # As the command does.
        keep_freed_memory()
    if options.child:
        child(options)
        return
    print(f"{torch.get_num_threads()} threads, batches of {BATCH}, {options.dataset}; medians of {ROUNDS} pairs")
    for name in options.models:
        forward, whole = ratios(name, options)
        each = np.array(whole) / np.array(forward)
        print(
            f"{name:22} forward {np.median(forward):6.1f} images/s, extraction {np.median(whole):6.1f}: "
            f"{100 * np.median(each):.0f} % ({100 * each.min():.0f} to {100 * each.max():.0f})",
            flush=True,
        )
    for name in options.memory:
        few, many = (peak(name, images, options) for images in (500, 5000))
        change = f"{100 * (many / few - 1):+.1f} %"
        print(f"{name:22} peak memory {few:.0f} MB for 500 images, {many:.0f} MB for 5,000: {change}")


if __name__ == "__main__":
    main()
