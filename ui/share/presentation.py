"""Presenter view: a sequence of links with titles and notes, in large type and without the sidebar."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import streamlit as st

from imprint_core.errors import ImprintError
from imprint_core.evaluation.lru_cache import LruCache
from ui.controls.control import Control, Sets, Values, controls_of
from ui.controls.sidebar import TAKEN, Selection
from ui.server.shared_cache import shared_values
from ui.share import settings_file
from ui.text.markdown import plain

_FOLDER = Path(__file__).parent
# Keys of the session: the error of an upload; and page, settings and whether *Advanced* was open at the start.
_ERROR, _START = "present_error", "present_from"
_DEFAULT_PAGE = "explore"
MOST_STEPS, _MOST_TEXT = 100, 2000
_HINT = "Download the current sequence to see the form."


_page_keys = st.components.v2.component(
    "imprint_page_keys",
    js=(_FOLDER / "page_keys.js").read_text(encoding="utf-8"),
    isolate_styles=False,
)


@dataclass(frozen=True)
class Step:
    """A step of a presentation: a title, a note to the audience, minutes (0 if not given), and a link in the app."""

    title: str
    note: str
    minutes: float
    link: str

    @property
    def page(self) -> str:
        """URL path of the page; the address of the app's default page has none."""
        return urlsplit(self.link).path.rpartition("/")[2] or _DEFAULT_PAGE

    @property
    def query(self) -> dict[str, str]:
        """Parameters of the link, without a step of the presentation in which it was copied."""
        return {name: value for name, value in parse_qsl(urlsplit(self.link).query) if name != "present"}


def read_steps(data: bytes, pages: Collection[str]) -> tuple[Step, ...]:
    """Read a sequence from a JSON file; `pages` are URL paths of pages.

    Raises
    ------
    ImprintError
        If it is not one; the message names the step.
    """
    if len(data) > settings_file.MOST_BYTES:
        raise ImprintError(
            f"The file has {len(data):,} bytes; at most {settings_file.MOST_BYTES:,} are allowed. Shorten the notes."
        )
    try:
        steps = json.loads(data.decode("utf-8-sig"))["steps"]
    except json.JSONDecodeError as error:
        raise ImprintError(
            f"Line {error.lineno} of the file is not valid JSON ({error.msg}): look there for a comma, quote or "
            "bracket that is missing or superfluous."
        ) from None
    except (ValueError, RecursionError, TypeError, KeyError):
        raise ImprintError(f"The file is not a sequence of steps in JSON. {_HINT}") from None
    if not isinstance(steps, list) or not 1 <= len(steps) <= MOST_STEPS:
        raise ImprintError(f"A sequence has 1 to {MOST_STEPS} steps. {_HINT}")
    return tuple(_read_step(number, step, pages) for number, step in enumerate(steps, 1))


def _read_step(number: int, step: Any, pages: Collection[str]) -> Step:
    if not isinstance(step, dict):
        raise ImprintError(f"Step {number} has no title and no link. {_HINT}")
    texts, minutes = {name: step.get(name, "") for name in ("title", "note", "link")}, step.get("minutes", 0)
    for name, text in texts.items():
        if not isinstance(text, str) or len(text) > _MOST_TEXT:
            raise ImprintError(f"The {name} of step {number} is not a text of at most {_MOST_TEXT:,} characters.")
    if type(minutes) not in (int, float) or not 0 <= minutes <= 1000:
        raise ImprintError(f"The minutes of step {number} are not a number from 0 to 1,000.")
    try:
        read = Step(**texts, minutes=minutes)
        known = bool(read.link.strip()) and read.page in pages
    except ValueError:
        known = False
    if not known:
        raise ImprintError(f"The link of step {number} opens no page. Copy it from the address bar of the app.")
    return read


@cache
def default_steps() -> tuple[Step, ...]:
    """Return the sequence of twenty minutes; its links are tested."""
    content = json.loads((_FOLDER / "twenty_minutes.json").read_text(encoding="utf-8"))
    return tuple(Step(**step) for step in content["steps"])


# Visitors' sequences by digest, so that a link to a step also works after a reload and in another window.
_sequences: LruCache[tuple[Step, ...]] = shared_values(16)


def store(steps: tuple[Step, ...]) -> str:
    """Keep a sequence until the server ends or others need the space; return its digest."""
    digest = hashlib.sha256(written(steps)).hexdigest()[:16]
    _sequences.put(digest, steps)
    return digest


def steps_of(digest: str) -> tuple[Step, ...]:
    """Return a stored sequence, for an empty digest that of twenty minutes; empty if it is not available."""
    return (_sequences.find(digest) or ()) if digest else default_steps()


def _parts(value: str) -> tuple[int, str]:
    """Return the step, 0 for none, and the digest of its sequence."""
    number, _, digest = value.partition(".")
    return int(number or 0), digest


def _step_of_link(text: str, sets: Sets, values: Values) -> str:
    if not re.fullmatch(r"[0-9]{1,3}(\.[0-9a-f]{16})?", text):
        raise ImprintError("This is not a step of a presentation.")
    number, digest = _parts(text)
    steps = steps_of(digest)
    if steps and number > len(steps):
        raise ImprintError(f"The presentation has {len(steps)} steps.")
    return text if number else ""


PRESENTATION_CONTROLS = controls_of(
    Control(
        "present",
        "Step of the presentation",
        "The step that is presented, and the digest of a loaded sequence (default: no presentation).",
        lambda sets, values: ["", *(str(i + 1) for i in range(len(default_steps())))],
        "",
        accepts=_step_of_link,
    ),
    page=_DEFAULT_PAGE,
)


def requested_presentation() -> None:
    """Start the presentation if a new session's link has `view=present`; call it before the controls are set."""
    if st.query_params.get("view") == "present" and "followed" not in st.session_state:
        # Read as a link, and then replaced by the first step's.
        st.query_params.clear()
        _open(1)


def show_presentation(selection: Selection, pages: Collection[str]) -> None:
    """Draw the button that starts, or, during a presentation, the step with its buttons."""
    position, digest = _parts(selection.panel.values["present"])
    if not position:
        with st.sidebar:
            st.button(
                "Present",
                key="present-start",
                icon=":material/slideshow:",
                width="stretch",
                on_click=_start,
                # The link equals the settings here; a browser may send an older one with a click.
                args=(st.session_state.page_path, st.query_params.to_dict()),
            )
        return
    steps = steps_of(digest)
    if not steps:
        st.warning("The sequence of this presentation is no longer on the server: load its file again.")
        _show_upload(pages)
        st.button("End", key="present-end", icon=":material/close:", on_click=_end)
        return
    step = steps[position - 1]
    st.html(_FOLDER / "presentation.css")
    if not st.session_state.get("present-controls"):
        st.html("<style>[data-testid=stSidebar], [data-testid=stExpandSidebarButton] { display: none }</style>")
    with st.container(key="present-bar"):
        minutes = f" · {step.minutes:g} min" if step.minutes else ""
        left, right = st.columns([2, 3], vertical_alignment="center")
        left.title(plain(step.title), anchor=False)
        last = " · **Last step**" if position == len(steps) else ""
        left.caption(f"Step {position} of {len(steps)}{minutes}{last}")
        with right.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center", gap="small"):
            st.button(
                "Back",
                key="present-back",
                on_click=_open,
                args=(position - 1, digest),
                disabled=position == 1,
                shortcut="PageUp",
            )
            st.button(
                "Next",
                key="present-next",
                type="primary",
                on_click=_open,
                args=(position + 1, digest),
                disabled=position == len(steps),
                shortcut="PageDown",
            )
            st.toggle("Controls", key="present-controls", persist_state="session")
            with st.popover("Sequence", icon=":material/list:"):
                _show_sequence(steps, digest, pages)
            st.button("End", key="present-end", icon=":material/close:", on_click=_end)
        st.markdown(plain(step.note))
        _page_keys(key="page_keys")


def _show_sequence(steps: tuple[Step, ...], digest: str, pages: Collection[str]) -> None:
    st.download_button(
        "Download sequence",
        written(steps),
        "imprint-presentation.json",
        "application/json",
        icon=":material/download:",
        on_click="ignore",
    )
    _show_upload(pages)
    for number, step in enumerate(steps, 1):
        st.button(f"{number}. {plain(step.title)}", key=f"present-{number}", on_click=_open, args=(number, digest))


def _show_upload(pages: Collection[str]) -> None:
    st.file_uploader(
        "Load sequence",
        "json",
        key="present-file",
        on_change=_load,
        args=(frozenset(pages),),
        max_upload_size=1,
        help="A file of this form: each step has a title, a note, minutes, and a link from the address bar.",
    )
    error = st.session_state.get(_ERROR)
    if error:
        st.error(plain(error))


def written(steps: tuple[Step, ...]) -> bytes:
    """Return a sequence as a JSON file."""
    content = {"imprint": settings_file.VERSION, "steps": [asdict(step) for step in steps]}
    return json.dumps(content, indent=1, ensure_ascii=False).encode()


def _load(pages: Collection[str]) -> None:
    file = st.session_state["present-file"]
    st.session_state.pop(_ERROR, None)
    if file is None:
        return
    try:
        digest = store(read_steps(file.getvalue(), pages))
    except ImprintError as error:
        st.session_state[_ERROR] = str(error)
    else:
        _open(1, digest)


def _open(number: int, digest: str = "") -> None:
    """Set the controls to a step's link, and open its page; for callbacks."""
    steps = steps_of(digest)
    # Otherwise it was dropped meanwhile, which the page reports.
    if steps:
        step = steps[number - 1]
        present = f"{number}.{digest}" if digest else str(number)
        st.session_state[TAKEN] = {**step.query, "present": present}, []
        st.session_state.goto = step.page


def _start(page: str, query: dict[str, str]) -> None:
    st.session_state[_START] = page, query, st.session_state.get("advanced_open", False)
    _open(1)


def _end() -> None:
    """Return to where the presentation was started, else to the first page; for callbacks."""
    page, query, advanced = st.session_state.pop(_START, (_DEFAULT_PAGE, {}, False))
    st.session_state[TAKEN] = query, []
    st.session_state.update(goto=page, advanced=advanced)
