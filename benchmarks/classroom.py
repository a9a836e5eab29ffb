"""A class at one server: sessions move k and n at random, each with pauses, over Streamlit's own protocol.

Reports the reruns per second, the time from a move to the end of its run, the errors shown, and the server's memory.

    python -m benchmarks.classroom [--sessions 1 20 30] [--seconds 45] [--pause 2]
    python -m benchmarks.classroom --sessions 8 --pause 0.05 [--empty]     as many reruns as the server can do
    python -m benchmarks.classroom --sessions 20 --heavy 5                 some sessions on the slowest pages
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.interaction import percentile
from benchmarks.streamlit_client import Server, serve, visit

LINKS = ["", "data=cifar10", "fm=vit_tiny_patch16_224", "data=fashion_mnist", "fm=resnet50"]
# Path and link of the pages that compute most.
HEAVY = [
    ("collapse", "fm=vit_tiny_patch16_224"),
    ("curves", "data=cifar10"),
    ("map", "data=fashion_mnist&regions=true&lines=true"),
    ("", "fm=resnet50&pretransform=whiten"),
    ("", "fm=resnet50&pretransform=whiten&data=cifar10"),
]
EMPTY_PAGE = """
import streamlit as st
k = st.select_slider("k", range(1, 51), key="k")
n = st.select_slider("n-shot", range(1, 201), key="n")
st.metric("product", k * n)
"""


@dataclass
class Class:
    """The sessions of one run, and what was measured."""

    count: int
    # The first sessions are on the slowest pages, and not timed.
    heavy: int
    pause: float
    end: float
    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    async def session(self, server: Server, number: int) -> None:
        """Move the sliders until the time is up, each time after a pause."""
        rng = random.Random(number)
        page, link = HEAVY[number % len(HEAVY)] if number < self.heavy else ("", LINKS[number % len(LINKS)])
        await asyncio.sleep(rng.random() * min(10, self.count / 3))
        async with visit(server.url) as visitor:
            self.errors += (await visitor.run(link, page)).exceptions
            while time.monotonic() < self.end:
                await asyncio.sleep(rng.expovariate(1 / self.pause))
                widgets = visitor.page.widgets()
                values = {key: rng.choice(list(widgets[key][1].options)) for key in ("k", "n") if key in widgets}
                moved = time.monotonic()
                shown = await visitor.run(widgets=values)
                if number < self.heavy:
                    await visitor.settle(self.pause)
                else:
                    self.seconds.append(time.monotonic() - moved)
                self.errors += shown.exceptions + shown.errors


async def run(server: Server, count: int, heavy: int, pause: float, seconds: float) -> None:
    """Run one class and print its figures."""
    start = time.monotonic()
    sessions = Class(count, heavy, pause, start + seconds)
    ended = await asyncio.gather(*(sessions.session(server, i) for i in range(count)), return_exceptions=True)
    broken = [repr(error) for error in ended if isinstance(error, BaseException)]
    times = sessions.seconds
    print(
        f"{count} sessions ({heavy} on heavy pages), pause {pause:g} s: "
        f"{len(times) / (time.monotonic() - start):.1f} reruns/s, median {statistics.median(times):.3f} s, "
        f"95th percentile {percentile(times, 0.95):.3f} s, largest {max(times):.2f} s; "
        f"errors {len(sessions.errors)}, broken {len(broken)}; {server.memory()} MiB",
        *sorted(set(sessions.errors + broken))[:3],
        sep="\n  ",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sessions", type=int, nargs="+", default=[1, 20, 30])
    parser.add_argument("--seconds", type=float, default=45.0)
    parser.add_argument("--pause", type=float, default=2.0, help="mean pause of a session between two moves")
    parser.add_argument("--heavy", type=int, default=0, help="sessions on the slowest pages, which are not timed")
    parser.add_argument("--empty", action="store_true", help="a page with two sliders and a number, for comparison")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "empty.py"
        script.write_text(EMPTY_PAGE, encoding="utf-8")
        with serve(str(script) if options.empty else "app.py") as server:
            for count in options.sessions:
                asyncio.run(run(server, count, options.heavy, options.pause, options.seconds))


if __name__ == "__main__":
    main()
