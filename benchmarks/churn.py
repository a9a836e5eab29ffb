"""The server's memory while visitors come, look at some pages, move sliders and leave.

Prints the resident memory every half minute, and at the end its mean and largest value in both halves of the time.

    python -m benchmarks.churn [--minutes 60] [--visitors 20]     visitors that come and go over all pages
    python -m benchmarks.churn --minutes 120 --drag               one session that moves sliders
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import time

from benchmarks.classroom import LINKS
from benchmarks.streamlit_client import Server, serve, visit

PAGES = ["", "map", "collapse", "curves", "compare", "leaderboard", "library", "own_data", "learn"]
MORE_LINKS = [
    "data=fashion_mnist&k=3",
    "fm=resnet50&n=50&pretransform=whiten",
    "data=digits&k=2&gen=least_squares",
    "fm=vit_tiny_patch16_224&data=tiny_imagenet_100&classes=5in1",
]
_REPORT = 30.0


async def visitor(server: Server, number: int, end: float, drag: bool, errors: list[str]) -> None:
    """Visit pages and move sliders, again and again in new sessions; with `drag` in one session."""
    rng = random.Random(number)
    while time.monotonic() < end:
        async with visit(server.url) as session:
            await session.run(rng.choice(LINKS + MORE_LINKS))
            pages = 10**9 if drag else rng.randint(1, 4)
            while pages and time.monotonic() < end:
                pages -= 1
                shown = await session.run(page="" if drag else rng.choice(PAGES))
                for _ in range(10 if drag else rng.randint(0, 5)):
                    widgets = session.page.widgets()
                    keys = [key for key in ("k", "n") if key in widgets]
                    values = {key: rng.choice(list(widgets[key][1].options)) for key in keys}
                    shown = await session.run(widgets=values)
                    errors += shown.exceptions
                    await asyncio.sleep(rng.expovariate(1 / (0.2 if drag else 2)))
                errors += shown.exceptions
                await session.settle(0 if drag else 3)


async def watch(server: Server, visitors: list[asyncio.Task[None]]) -> list[int]:
    """Print and return the server's memory until all visitors have left."""
    start, memory = time.monotonic(), []
    while True:
        done, _ = await asyncio.wait(visitors, timeout=_REPORT, return_when=asyncio.ALL_COMPLETED)
        memory.append(server.memory())
        print(f"{(time.monotonic() - start) / 60:6.1f} min  {memory[-1]} MiB", flush=True)
        if len(done) == len(visitors):
            return memory


async def run(server: Server, count: int, minutes: float, drag: bool) -> None:
    """Let visitors come and go, and print what was measured."""
    end, errors = time.monotonic() + 60 * minutes, list[str]()
    tasks = [asyncio.create_task(visitor(server, i, end, drag, errors)) for i in range(count)]
    memory = await watch(server, tasks)
    broken = [repr(task.exception()) for task in tasks if task.exception()]
    for name, part in (("first", memory[: len(memory) // 2]), ("second", memory[len(memory) // 2 :])):
        print(f"{name} half: mean {statistics.mean(part):.0f} MiB, largest {max(part)} MiB")
    print(f"errors {len(errors)}, broken {len(broken)}", *sorted(set(errors + broken))[:5], sep="\n  ")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--visitors", type=int, default=20)
    parser.add_argument("--drag", action="store_true", help="one session that moves sliders without a pause")
    options = parser.parse_args()
    with serve() as server:
        asyncio.run(run(server, 1 if options.drag else options.visitors, options.minutes, options.drag))


if __name__ == "__main__":
    main()
