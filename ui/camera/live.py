"""The live panel: frames arrive, shots are recorded, and results are returned to the page's script."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image

from imprint_core.errors import ImprintError
from imprint_core.evaluation.fm_classes import JointLayer, joint_layer
from imprint_core.evaluation.task import shot_order
from imprint_core.framework.recipe import Recipe
from imprint_core.models.classifier_head import ClassifierHead
from imprint_core.recognition.recognizer import Recognizer, fit_recognizer
from ui.camera.messages import MOST_EDGE, Message, decode_image, decode_jpeg, read_message, thumbnail_uri
from ui.camera.results import describe_joint, describe_recognition, describe_recordings, describe_shots
from ui.camera.shots import ShotList
from ui.charts.progressive import note_slice
from ui.server.turns import short_computation
from ui.widgets.fm_choice import load_fm

if TYPE_CHECKING:
    from imprint_core.models.loading import LoadedModel

_FOLDER = Path(__file__).parent
_component = st.components.v2.component(
    "imprint_camera",
    js="\n".join((_FOLDER / f"{name}.js").read_text(encoding="utf-8") for name in ("sources", "pictures", "camera")),
    css=(_FOLDER / "camera.css").read_text(encoding="utf-8"),
)
# While shots are recorded, the recognizer is renewed after this many times the seconds that a renewal takes.
_PAUSES = 4.0
_BATCH = 16
# Seconds after which the browser has the panel.
_SENT = 0.05


class LiveState:
    """What the session stores for a panel: shots, the last embedding, and the recognizer."""

    def __init__(self, classes: Sequence[str]) -> None:
        self.shots = ShotList(classes)
        # The last message, and whether it must still be handled.
        self.message = Message(0, -1, 0)
        self.pending = False
        self.notice = ""
        self.x: NDArray[np.float32] | None = None
        self.model: tuple[str, LoadedModel] | None = None
        # What the recognizer depends on, when it was fitted and the seconds that this took.
        self.key: tuple[int, str] | None = None
        self.recognizer: Recognizer | None = None
        # Of its shots beside the FM's own classes, if they are compared.
        self.joint: JointLayer | None = None
        # Numbers of its shots.
        self.numbers: list[int] = []
        # Shots of each class that are used at most; None for all.
        self.most_shots: int | None = None
        self.fitted_at = self.seconds = 0.0
        # Number of recognizers so far: the script displays the shots of one.
        self.fits = 0
        # Given classes, which visitors can't change: what they depend on, and what is done to a drawing.
        self.given: Hashable = None
        self.prepare: Callable[[Image.Image], Image.Image] | None = None
        self.prepared = ""


def live_state(key: str, classes: Sequence[str] = ("Class 1", "Class 2")) -> LiveState:
    """Return the session's state of a panel; a new one has these empty classes."""
    return cast(LiveState, st.session_state.setdefault(f"{key}-state", LiveState(classes)))


def show_live(
    key: str,
    state: LiveState,
    fm: str,
    recipe: Recipe,
    head: ClassifierHead | None = None,
    task: Callable[[ShotList], str] | None = None,
) -> None:
    """Draw a panel; a message of the script reruns only this panel.

    Parameters
    ----------
    key : str
        Of the panel.
    state : LiveState
    fm : str
    recipe : Recipe
    head : ClassifierHead, optional
        The classifier of the FM, whose classes are then compared, too.
    task : callable, optional
        Returns a sentence from the shots: what to record next.
    """
    st.fragment(_show)(key, state, fm, recipe, head, task)
    # Streamlit drops what is not sent yet when the fragment runs again.
    time.sleep(_SENT)


def _show(
    key: str,
    state: LiveState,
    fm: str,
    recipe: Recipe,
    head: ClassifierHead | None,
    task: Callable[[ShotList], str] | None,
) -> None:
    # The next message may arrive after the visitor has left the page.
    note_slice()
    # Spinners are drawn in here: below an element that comes and goes, the component would be made again.
    with st.container():
        _update(state, fm, recipe, head)

    def received() -> None:
        value: Any = st.session_state.get(key)
        message = read_message(value.get("sent") if isinstance(value, dict) else None)
        if message is not None:
            state.message, state.pending = message, True

    data: dict[str, Any] = {}
    try:
        if state.recognizer is not None and state.x is not None:
            data["result"] = describe_recognition(state.shots, state.recognizer, state.numbers, state.x)
            if head is not None and state.joint is not None:
                data["result"] |= describe_joint(state.shots, state.joint, head, state.x)
    except ImprintError as error:
        state.notice = str(error)
    data |= {
        "name": key,
        "answer": state.message.number,
        "notice": state.notice,
        "given": state.given is not None,
        "prepared": state.prepared,
        "task": "" if task is None else task(state.shots),
        "edge": MOST_EDGE,
        "version": state.shots.version + state.fits,
    }
    if data["version"] != state.message.version:
        data["shots"] = describe_shots(state.shots, state.recognizer, state.message.shot)
    if state.message.action == "recordings":
        data["recordings"] = describe_recordings()
    _component(key=key, data=data, on_sent_change=received)


def _update(state: LiveState, fm: str, recipe: Recipe, head: ClassifierHead | None) -> None:
    """Handle the last message, and follow the FM and the recipe."""
    if state.pending:
        state.pending, state.notice = False, ""
        try:
            _handle(state, fm)
        except ImprintError as error:
            state.notice = str(error)
    try:
        _embed_again(state, fm)
        _renew(state, fm, recipe, head)
    except ImprintError as error:
        state.recognizer, state.notice = None, str(error)


def _handle(state: LiveState, fm: str) -> None:
    """Change the classes, embed the image, and record it."""
    message, shots = state.message, state.shots
    if state.given and (message.record >= 0 or message.action in ("add", "rename", "remove", "delete")):
        raise ImprintError("These classes can't be changed. Switch the comparison off to record your own.")
    if message.action == "add":
        shots.add_class(message.name)
    elif message.action == "rename":
        shots.rename(message.target, message.name)
    elif message.action == "remove":
        shots.remove_class(message.target)
    elif message.action == "delete":
        shots.remove_shot(message.target, message.item)
    elif message.action in ("start", "recordings"):
        # Before the first frame, because it takes seconds.
        _loaded(state, fm)
    elif message.action == "stop":
        state.x = None
    if message.image:
        data, image = decode_image(message.image)
        if state.prepare is not None:
            image = state.prepare(image)
            state.prepared = thumbnail_uri(image.convert("RGB"))
        state.x = _embed(state, [image], fm)[0]
        if message.record >= 0:
            shots.record(message.record, data, thumbnail_uri(image), state.x)


def _loaded(state: LiveState, fm: str) -> LoadedModel:
    """Return the FM; the session refers to it, because looking for its weights takes longer than a frame may."""
    if state.model is None or state.model[0] != fm:
        state.model = (fm, load_fm(fm))
    return state.model[1]


def _embed(state: LiveState, images: list[Image.Image], fm: str) -> NDArray[np.float32]:
    """Embed images; of several sessions, one after the other."""
    model = _loaded(state, fm)
    import torch

    # One thread: the browser needs the other cores, and a thread that waits for a busy core takes up to ten times as
    # long as one thread alone. The setting is of this thread.
    torch.set_num_threads(1)
    with short_computation():
        X = model.embed(images)
    if not np.isfinite(X).all():
        raise ImprintError("The embedding of this image is not finite. Choose another foundation model.")
    return X


def _embed_again(state: LiveState, fm: str) -> None:
    """Embed all shots again if another FM is selected."""
    if state.given or state.model is None or state.model[0] == fm:
        return
    images = [decode_jpeg(shot.image) for _, shot in state.shots.shots]
    state.x = state.key = None
    with st.spinner("Embedding the shots again …"):
        blocks = [_embed(state, images[i : i + _BATCH], fm) for i in range(0, len(images), _BATCH)]
    if blocks:
        state.shots.replace_embeddings(np.concatenate(blocks))


def _renew(state: LiveState, fm: str, recipe: Recipe, head: ClassifierHead | None) -> None:
    """Fit the recognizer again if shots or recipe have changed; at intervals while shots are recorded."""
    recording = state.message.record >= 0 and state.key is not None and state.key[1] == _basis(state, fm, recipe, head)
    if not recording or time.monotonic() - state.fitted_at >= _PAUSES * state.seconds:
        fit(state, fm, recipe, head)


def _basis(state: LiveState, fm: str, recipe: Recipe, head: ClassifierHead | None) -> str:
    return f"{recipe.digest} {state.most_shots} {'' if head is None else fm}"


def fit(state: LiveState, fm: str, recipe: Recipe, head: ClassifierHead | None) -> None:
    """Fit the recognizer to the shots, at most `most_shots` of each class, unless it is."""
    key, now = (state.shots.version, _basis(state, fm, recipe, head)), time.monotonic()
    if key == state.key:
        return
    shots = state.shots.shots
    if shots:
        # Nested, as everywhere: more shots include fewer.
        order = shot_order(np.array([number for number, _ in shots]), seed=0)
        shots = [shots[row] for row in np.sort(np.concatenate([rows[: state.most_shots] for rows in order]))]
    # After an error, not tried again until something changes.
    state.key, state.recognizer, state.joint = key, None, None
    state.numbers = [shot.number for _, shot in shots]
    state.fits += 1
    if shots:
        X, y = np.stack([shot.x for _, shot in shots]), np.array([number for number, _ in shots])
        state.recognizer = fit_recognizer(recipe, X, y)
        if head is not None:
            state.joint = joint_layer(head.weight, X, y, recipe, seed=0)
    state.fitted_at = time.monotonic()
    state.seconds = state.fitted_at - now
