"""The terms of the app and their definitions; lessons link to them."""

from __future__ import annotations

import html
import re
from typing import NamedTuple

import streamlit as st


class Entry(NamedTuple):
    """A term, its definition, and its section or figure in the paper ("" for a term that the paper lacks)."""

    term: str
    text: str
    source: str


GLOSSARY = {
    "fm": Entry(
        "FM",
        "Foundation model: a network pre-trained on other images. Its weights stay frozen.",
        "§5.1",
    ),
    "embedding": Entry(
        "embedding",
        "The FM's output vector for an image. Similar images have nearby embeddings.",
        "Figure 1",
    ),
    "embedding set": Entry(
        "embedding set",
        "The embeddings of one dataset by one FM, with the classes of its training and test samples.",
        "",
    ),
    "shot": Entry(
        "shot",
        "A training image from which proxies are generated.",
        "§5.2",
    ),
    "n": Entry(
        "n, n-shot",
        "The number of shots per class.",
        "§5.2",
    ),
    "proxy": Entry(
        "proxy",
        "A weight vector that represents a class or a part of it. A test image gets the class of the most "
        "similar proxy.",
        "Figure 1",
    ),
    "imprinting": Entry(
        "imprinting",
        "Generating proxies from shots and using them as the weights of the last layer. Nothing is trained.",
        "Figure 1",
    ),
    "gen": Entry(
        "GEN",
        "Proxy generation: the mean of each class, k-means, and other methods.",
        "§5.1",
    ),
    "k": Entry(
        "k",
        "The number of proxies per class.",
        "§5.1",
    ),
    "kmeans": Entry(
        "k-means",
        "Splits the shots of a class into k clusters of nearby embeddings. The mean of each cluster is a proxy.",
        "§5.1",
    ),
    "norm": Entry(
        "NORM",
        "Normalisation of shots (pre), proxies (post) and test embeddings (inf). L2 scales each vector to length 1.",
        "§5.1",
    ),
    "agg": Entry(
        "AGG",
        "Aggregation of the similarities with all proxies into one predicted class. “Max” predicts the class of "
        "the most similar proxy.",
        "§5.1",
    ),
    "recipe": Entry(
        "recipe",
        "One choice for every step of the framework: transform, NORM, GEN with k, and AGG.",
        "",
    ),
    "preset": Entry(
        "preset",
        "A recipe with a name and a source.",
        "Table 1",
    ),
    "accuracy": Entry(
        "accuracy",
        "The share of test images whose class is predicted correctly.",
        "§5.1",
    ),
    "margin": Entry(
        "margin",
        "The score of the predicted class minus the score of the runner-up. Small margins are close decisions.",
        "",
    ),
    "seed": Entry(
        "seed",
        "A number that fixes the random choice of shots and the start of k-means. Results are medians over seeds.",
        "§5.1",
    ),
    "mode": Entry(
        "mode",
        "A group of nearby embeddings within a class, such as one kind of image.",
        "§5.3",
    ),
    "merged": Entry(
        "d in 1",
        "Random groups of d classes merged into one, so that each merged class has d modes. 1 in 1: no merging.",
        "§5.3",
    ),
    "collapse": Entry(
        "neural collapse",
        "The effect of training on the training classes: all embeddings of a class move towards one point.",
        "§5.3",
    ),
    "nc1": Entry(
        "NC1",
        "A measure of collapse: variability within classes divided by variability between classes. 0: fully collapsed.",
        "§5.3",
    ),
    "map": Entry(
        "map",
        "Embeddings in two dimensions. PCA projects onto the two directions of largest variance; UMAP preserves "
        "neighbourhoods.",
        "",
    ),
    "trust": Entry(
        "trustworthiness",
        "The degree to which neighbours on a map are neighbours in the full space; 1: all. (Venna and Kaski, 2001)",
        "",
    ),
    "confusion": Entry(
        "confusion",
        "How often samples of one class are predicted as another.",
        "",
    ),
}

_LINK = re.compile(r"\[\[(?:([^\]|]+)\|)?([^\]]+)\]\]")


def linked(text: str) -> str:
    """Turn `[[proxy]]` and `[[proxies|proxy]]` in Markdown into links to the glossary, with the definition as title.

    Raises
    ------
    KeyError
        If the glossary has no such entry.
    """

    def link(match: re.Match[str]) -> str:
        text, key = match[1] or match[2], match[2].casefold()
        return f'[{text}](#term-{key} "{GLOSSARY[key].text}")'

    return _LINK.sub(link, text)


def unlinked(text: str) -> str:
    """Return Markdown with such links as plain text, without marks and backslashes."""
    text = _LINK.sub(lambda match: match[1] or match[2], text)
    return re.sub(r"\\(.)|\*+", lambda match: match[1] or "", text).replace("\u2060", "")


def linked_terms(text: str) -> list[Entry]:
    """Return the entries that Markdown links to, in the order of the first links."""
    return [GLOSSARY[key] for key in dict.fromkeys(match[2].casefold() for match in _LINK.finditer(text))]


def show_glossary() -> None:
    """Draw all entries, with the anchors of the links."""
    st.markdown("##### Glossary")
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
