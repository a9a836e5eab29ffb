"""Random and hostile links, forged values of widgets and forged messages of components, sent to a running server.

    python -m benchmarks.hostile_links [--links 1000] [--seed 0] [--visitors 4]

Prints what went wrong, with the seed that repeats it, and the server's memory at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote_plus, urlencode

from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.exceptions import ConnectionClosed

from benchmarks.streamlit_client import Page, Server, Visitor, serve, visit

# Camera is left out: it has a button that downloads missing weights, and a forged press of it is a request of the user.
PAGES = ("", "learn", "map", "collapse", "curves", "compare", "leaderboard", "library", "own_data", "nowhere")
# The most memory that a server may use when it is idle after a thousand links, in MiB, and seconds until it is idle.
MOST_MEMORY = 1200
REST = 5.0
_NAN = re.compile(r"(?<![A-Za-z])-?nan(?![A-Za-z])", re.IGNORECASE)

_NUMBERS = (
    "0 1 2 3 5 7 10 20 50 51 100 200 999 5000 -1 -0 0.5 1.5 1e-300 -1e-300 5e-324 1e-9 1e-5 1e9 1e300 1e999 inf -inf "
    "nan 0x10 1_000 ٣ ½ 2147483648 9223372036854775808 " + "9" * 400
).split()
_TEXTS = (
    "", " ", ",", ",,,", "=", "null", "None", "true", "[]", "{}", "all", "none", "same", "auto", "mean", "own", "qi",
    "../../etc/passwd", "<script>alert(1)</script>", "**bold** [link](javascript:alert(1))", "`code` $x^2$ :red[x]",
    "'; DROP TABLE sets; --", "%00", "\x00", "\u202egnp", "é" * 300, "😀", "{{7*7}}", "%s%n", "a" * 5000, "-" * 200,
)  # fmt: skip
_CHOICES: dict[str, Sequence[str]] = {
    "fm": ("resnet50", "squeezenet1_1", "vit_tiny_patch16_224", "resnet18", "ViT-Ti/16"),
    "data": ("mnist", "fashion_mnist", "cifar10", "digits", "tiny_imagenet_100", "imagenet"),
    "gen": ("mean", "kmeans", "kmedoids", "cov_max", "random", "fps", "ls", "k_ls", "all"),
    "agg": ("max", "mnn", "sum"),
    "pretransform": ("none", "centre", "power", "whiten"),
    "norm_pre": ("none", "l2"),
    "norm_post": ("none", "l2", "quantile", "quantile_published"),
    "norm_inf": ("none", "l2"),
    "distance": ("euclidean", "cosine", "manhattan", "mahalanobis"),
    "vote": ("uniform", "distance"),
    "ties": ("distance", "published"),
    "lam_from": ("fm", "own"),
    "preset": ("qi", "hosoda", "janson", "own", "oracle", "whitened"),
    "classes": ("all", "even", "odd", "first3", "0", "0,1", "0+1,2", "pair=0+1,3-5", "2in1", "5in1-3", "10in1-99"),
    "measure": ("accuracy", "nc1"),
    "over": ("k", "n", "lam"),
    "curve_fms": ("resnet50", "vit_tiny_patch16_224,resnet50"),
    "curve_data": ("digits", "mnist,cifar10"),
    "map": ("umap", "pca"),
    "color": ("true", "predicted", "correct", "margin", "source"),
    "shown": ("test", "train", "all"),
    "only": ("0", "1,2", "99"),
    "sample": ("0", "7", "training 3", "training 99999999"),
    "merge": ("tiny_imagenet_100", "mnist"),
    "nc1": ("textbook", "published"),
    "published": ("none", "resnet50"),
    "b_fm": ("same", "resnet50"),
    "b_data": ("same", "digits"),
    "board": ("bundled",),
    "board_measure": ("accuracy",),
    "view": tuple(f"lesson-{i}" for i in range(8)),
}
_NUMERIC = (
    "k", "n", "m", "lam", "shrinkage", "seeds", "neighbors", "min_dist", "map_seed", "draws", "board_n", "b_n", "step",
)  # fmt: skip
_RECIPES = ("against", "b", "curve_recipes", "methods")
_FIELDS = ("trigger_value", "bool_value", "double_value", "int_value", "string_value", "json_value", "bytes_value")


def random_text(rng: random.Random) -> str:
    """A value that no control expects."""
    return rng.choice((rng.choice(_TEXTS), rng.choice(_NUMBERS), "".join(map(chr, rng.choices(range(1, 0x2FFF), k=9)))))


def random_recipe(rng: random.Random) -> str:
    """The text of a recipe, with numbers of any size."""
    if rng.random() < 0.1:
        return random_text(rng)
    parts = [rng.choice(("own", "qi", "whitened", "oracle", ""))]
    for name in rng.sample(("k", "m", "lam", "shrinkage", "gen", "agg", "pretransform", "norm_post", "distance"), 3):
        value = rng.choice(_CHOICES[name]) if name in _CHOICES else rng.choice(_NUMBERS)
        parts.append(f"{name}={value}")
    return " ".join(parts)


def random_link(rng: random.Random) -> tuple[str, str]:
    """A page and a query: plausible values, hostile ones, or both."""
    query = {}
    for name in rng.sample([*_CHOICES, *_NUMERIC, *_RECIPES, "unknown"], rng.randint(0, 9)):
        if rng.random() < 0.25:
            query[name] = random_text(rng)
        elif name in _RECIPES:
            count = rng.choice((1, 1, 2, 3, 3000)) if name in ("curve_recipes", "methods") else 1
            query[name] = ",".join(random_recipe(rng) for _ in range(count))
        else:
            query[name] = rng.choice(_CHOICES.get(name, _NUMBERS))
    return rng.choice(PAGES), urlencode(query)


def random_json(rng: random.Random, depth: int = 0) -> object:
    """A value as a component may send it, mostly with the keys that ours read."""
    kind = rng.randrange(7 if depth < 3 else 4)
    if kind < 3:
        return rng.choice((None, True, -1, 0, 3, 2**31, -(2**31) - 1, 2**70, 1.5, 1e308, float("nan"), float("inf")))
    if kind == 3:
        return rng.choice((*_TEXTS[:20], "one", "add", "area", "proxy", "none"))
    if kind == 4:
        return [random_json(rng, depth + 1) for _ in range(rng.choice((0, 1, 2, 2, 5)))]
    if kind == 5:
        return {"trace": random_json(rng, 3), "point": [random_json(rng, 3) for _ in range(2)], "step": "gen"}
    return {rng.choice(("how", "codes", "clicked", "picked", "x")): random_json(rng, depth + 1) for _ in range(3)}


def forged_states(rng: random.Random, page: Page) -> tuple[WidgetState, ...]:
    """States of the page's widgets, and of one that does not exist, with values that no browser sends."""
    widgets = list(page.widgets().values())
    states = []
    for kind, widget in rng.sample(widgets, min(len(widgets), rng.randint(1, 4))):
        state = WidgetState(id=widget.id)
        if kind == "bidi_component":
            name = rng.choice(("clicked", "picked", "pressed", "chosen"))
            value = {name: random_json(rng)} if rng.random() < 0.8 else random_json(rng)
            state.json_value = "[" * 5000 if rng.random() < 0.05 else json.dumps(value)
        elif rng.random() < 0.5 and kind in ("slider", "button_group", "multiselect"):
            state.string_array_value.data.extend(random_text(rng) for _ in range(rng.choice((0, 1, 1, 2, 500))))
        elif rng.random() < 0.5 and kind in ("selectbox", "text_input"):
            state.string_value = random_text(rng)
        else:
            forge(rng, state)
        states.append(state)
    states.append(WidgetState(id="$$ID-0-nothing", string_value="x"))
    return tuple(states)


def forge(rng: random.Random, state: WidgetState) -> None:
    """Give a state a value of any type."""
    name = rng.choice(_FIELDS)
    if name in ("trigger_value", "bool_value"):
        setattr(state, name, True)
    elif name == "double_value":
        state.double_value = rng.choice((float("nan"), float("inf"), -1e308, 0.5))
    elif name == "int_value":
        state.int_value = rng.choice((0, -(2**63), 2**63 - 1))
    elif name == "bytes_value":
        state.bytes_value = rng.randbytes(20)
    else:
        setattr(state, name, random_text(rng))


@dataclass
class Outcome:
    """What went wrong, and how many links were sent."""

    links: int = 0
    faults: list[str] = field(default_factory=list)
    # By link.
    seconds: dict[str, float] = field(default_factory=dict)


def faults_of(page: Page, sent: str) -> list[str]:
    """Uncaught exceptions of a page, and texts with NaN unless it was sent."""
    faults = [f"exception: {text[:300]}" for text in page.exceptions]
    if not _NAN.search(sent):
        faults += [f"NaN: {text[:100]!r}" for text in page.texts() if _NAN.search(text)]
    return faults


async def follow_link(url: str, seed: int, outcome: Outcome, settle: float) -> None:
    """Open a link in a new session, wait for its figures, and send forged values."""
    rng = random.Random(seed)
    path, query = random_link(rng)
    start = time.monotonic()
    step = "opened"
    try:
        async with visit(url) as visitor:
            page = await visitor.run(query, path)
            faults = faults_of(page, unquote_plus(query))
            page = await visitor.settle(settle)
            faults += faults_of(page, unquote_plus(query))
            for _ in range(2):
                states = forged_states(rng, page)
                sent = unquote_plus(query) + str(states)
                step = f"forged {states!s:.300}"
                page = await visitor.run(states=states)
                faults += [f"{fault} after {step}" for fault in faults_of(page, sent)]
            step = "garbage"
            await send_garbage(rng, visitor)
    except (ConnectionClosed, TimeoutError, OSError) as error:
        faults = [f"connection: {error!r} after {step}"]
    outcome.links += 1
    outcome.seconds[f"seed {seed}, /{path}?{query[:300]}"] = time.monotonic() - start
    outcome.faults += [f"seed {seed}, /{path}?{query[:200]}: {fault}" for fault in dict.fromkeys(faults)]


async def send_garbage(rng: random.Random, visitor: Visitor) -> None:
    """Send bytes that are no message, which ends the connection at most."""
    if rng.random() < 0.2:
        try:
            await visitor.send(rng.randbytes(200))
        except ConnectionClosed:
            return


async def follow_links(
    server: Server, seeds: Sequence[int], visitors: int, settle: float = 1.5, minutes: float = 60
) -> Outcome:
    """Follow the links of several seeds, with several visitors at once."""
    outcome, remaining, end = Outcome(), list(reversed(seeds)), time.monotonic() + 60 * minutes

    async def visitor() -> None:
        while remaining and time.monotonic() < end:
            await follow_link(server.url, remaining.pop(), outcome, settle)

    await asyncio.gather(*(visitor() for _ in range(visitors)))
    return outcome


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--links", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0, help="of the first link")
    parser.add_argument("--visitors", type=int, default=4)
    parser.add_argument("--minutes", type=float, default=60, help="after which no more links are sent")
    parser.add_argument("--log", type=Path, help="file for what the server printed")
    options = parser.parse_args()
    with serve() as server:
        start = time.monotonic()
        seeds = range(options.seed, options.seed + options.links)
        outcome = asyncio.run(follow_links(server, seeds, options.visitors, minutes=options.minutes))
        at_once = server.memory()
        # What is left once the server is idle.
        time.sleep(REST)
        memory = server.memory()
        slowest = sorted(outcome.seconds, key=lambda name: -outcome.seconds[name])[:3]
        result = {
            "links": outcome.links,
            "faults": len(outcome.faults),
            "seconds": round(time.monotonic() - start),
            "slowest_s": {name: round(outcome.seconds[name], 1) for name in slowest},
            "memory_mib": memory,
            "memory_at_once_mib": at_once,
            "outside_connections": server.outside_connections(),
            "tracebacks": server.log().count("Traceback"),
        }
        if options.log:
            options.log.write_text(server.log())
        print("\n".join(outcome.faults))
        print(json.dumps(result))
        if outcome.faults or memory > MOST_MEMORY or result["outside_connections"]:
            raise SystemExit(1)


if __name__ == "__main__":
    main()
