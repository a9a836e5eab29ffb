"""The paper's words, each in a sentence or two; lessons link to them."""

from __future__ import annotations

import html
import re
from typing import NamedTuple

import streamlit as st


class Entry(NamedTuple):
    """A word, what it means, and where the paper has it; empty where it is not the paper's."""

    term: str
    text: str
    source: str


GLOSSARY = {
    "fm": Entry(
        "FM",
        "Foundation model: a network that was trained before, on other images. It stays frozen.",
        "§5.1",
    ),
    "embedding": Entry(
        "embedding",
        "The vector that the FM turns an image into. Similar images get near vectors.",
        "Figure 1",
    ),
    "shot": Entry(
        "shot",
        "A training image that proxies are made from.",
        "§5.2",
    ),
    "n": Entry(
        "n, n-shot",
        "How many shots each class has.",
        "§5.2",
    ),
    "proxy": Entry(
        "proxy",
        "A vector that stands for a class, or for a part of it. A test image gets the class of the most similar one.",
        "Figure 1",
    ),
    "imprinting": Entry(
        "imprinting",
        "Making proxies out of shots and putting them into the last layer as its weights. No training takes place.",
        "Figure 1",
    ),
    "gen": Entry(
        "GEN",
        "How shots become proxies: the mean of each class, k-means, and others.",
        "§5.1",
    ),
    "k": Entry(
        "k",
        "How many proxies each class gets.",
        "§5.1",
    ),
    "kmeans": Entry(
        "k-means",
        "Parts the shots of a class into k groups of near ones. Each group's mean is a proxy.",
        "§5.1",
    ),
    "norm": Entry(
        "NORM",
        "What is done to vectors: of shots (pre), of proxies (post) and of test images (inf). L2 scales each "
        "to length 1.",
        "§5.1",
    ),
    "agg": Entry(
        "AGG",
        "How the similarities with all proxies become one class. “Max” takes that of the most similar proxy.",
        "§5.1",
    ),
    "accuracy": Entry(
        "accuracy",
        "The share of test images that get their right class.",
        "§5.1",
    ),
    "seed": Entry(
        "seed",
        "A number that fixes a random draw, here of shots and of k-means' start. Figures are medians over seeds.",
        "§5.1",
    ),
    "mode": Entry(
        "mode",
        "A group of near embeddings within a class, such as one kind of image.",
        "§5.3",
    ),
    "merged": Entry(
        "d in 1",
        "Classes merged at random, d into one, so that every merged class has d modes. 1 in 1 merges none.",
        "§5.3",
    ),
    "collapse": Entry(
        "neural collapse",
        "What training does to its own classes: all embeddings of a class end near one point.",
        "§5.3",
    ),
    "nc1": Entry(
        "NC1",
        "How far classes are from collapse: their spread within, divided by the spread between. 0 is collapsed.",
        "§5.3",
    ),
    "map": Entry(
        "map",
        "Embeddings drawn in two dimensions. PCA takes the two directions of largest variance, UMAP keeps "
        "neighbours together.",
        "",
    ),
    "trust": Entry(
        "trustworthiness",
        "How many neighbours on a map are neighbours in the full space, too; 1 is all. (Venna and Kaski, 2001)",
        "",
    ),
    "confusion": Entry(
        "confusion",
        "How often one class is taken for another.",
        "",
    ),
}

_LINK = re.compile(r"\[\[(?:([^\]|]+)\|)?([^\]]+)\]\]")


def linked(text: str) -> str:
    """Markdown with `[[proxy]]` and `[[proxies|proxy]]` made links to the glossary, which say what the word means.

    Raises
    ------
    KeyError
        If the glossary has no such entry.
    """

    def link(found: re.Match[str]) -> str:
        shown, key = found[1] or found[2], found[2].casefold()
        return f'[{shown}](#term-{key} "{GLOSSARY[key].text}")'

    return _LINK.sub(link, text)


def show_glossary() -> None:
    """Draw all entries, where links lead to."""
    st.markdown("##### Words")
    entries = "".join(
        f'<p id="term-{key}"><b>{html.escape(entry.term)}</b>: {html.escape(entry.text)}'
        + (f" <i>Paper, {html.escape(entry.source)}.</i>" if entry.source else "")
        + "</p>"
        for key, entry in GLOSSARY.items()
    )
    st.html(
        "<style>.imprint-words { columns: 20rem; column-gap: 2rem; font-size: 0.9rem }"
        ".imprint-words p { break-inside: avoid; margin: 0 0 0.5rem; scroll-margin-top: 4rem }"
        ".imprint-words p:target { outline: 2px solid; outline-offset: 4px }</style>"
        f'<div class="imprint-words">{entries}</div>'
    )


# Wording that texts, identifiers and comments don't use, and what they say instead; a test searches for it.
# Forms of one word are separated by commas.
DEPRECATED = {
    "tell, tells, told, telling": "label, report, classify, distinguish, show",
    "is so, are so, was so": "holds; result",
    "taken for, takes for": "predicted as, misclassified as",
    "at hand": "available",
    "anew": "again",
    "aside": "in the background",
    "proxies a class, shots a class, samples a class, images a class, embeddings a class, means a class, seeds a task, "
    "proxy a class, mean a class, points a class": "per class, per task",
    "by hand": "manually",
    "witness, witnesses": "independent",
    "shout, shouts": "highlight",
    "luck": "chance, random variation",
    "take it away, take it with you": "remove, download",
    "take along, taken along, takes along": "download, export; remember",
    "lay over, laid over, lies over, lays over": "overlay",
    "in force": "current",
    "put right": "correct, replace",
    "stands on": "depends on, is based on",
    "may as well": "can also; not significant",
    "as it comes, how they come, as they come": "unchanged; upload as",
    "ask, asks, asked, asking": "query, request, evaluate, prompt, require",
    "one's own, of its own, of their own": "separate, own",
    "made ours": "imported",
    "goes on with, go on with": "resumes, continues",
    "begun": "started",
    "in its place, in their place": "instead",
    "cloud, clouds": "cluster, group",
    "whatever": "any, regardless of",
    "no independent": "not independent",
    "facts §": "the paper's section, or the official code",
}
