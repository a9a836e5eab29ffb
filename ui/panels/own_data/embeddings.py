"""Tab for uploaded embeddings: describe them, then save them as a set."""

from __future__ import annotations

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from imprint_core.errors import ImprintError
from imprint_core.models import FOUNDATION_MODELS
from imprint_core.uploads.embedding_sets import FileContents, add_embeddings, describe_embeddings
from imprint_core.uploads.example_files import example_npz
from imprint_core.uploads.formats import EMBEDDING_FORMATS
from ui.compute import results
from ui.navigation.page_switches import explore_button
from ui.panels.own_data.upload_controls import ARRAY_LAYOUT, files_on_disk, suffix_of, upload_file, upload_second
from ui.server.classroom import is_teacher
from ui.server.visitor_uploads import MOST_BYTES, MOST_SETS, check_quota, upload_folder
from ui.text.markdown import plain

_OTHER_MODEL = ""


def show() -> None:
    """Draw the tab."""
    left, right = st.columns([3, 2], gap="large")
    with right:
        st.image(ARRAY_LAYOUT, alt="Arrays X of n by d numbers and y of n labels")
        st.download_button("Download example file", example_npz, "example-embeddings.npz", on_click="ignore")
    with left:
        _upload()


def _upload() -> None:
    file = upload_file("Embeddings", EMBEDDING_FORMATS, "own_embeddings")
    files = [file] if file else []
    complete = file is not None
    if file and (second := EMBEDDING_FORMATS[suffix_of(file)].second):
        other = upload_second(second, suffix_of(file), "own_embeddings_second")
        files += [other] if other else []
        complete = other is not None
    fm_name = st.selectbox(
        "Foundation model",
        [_OTHER_MODEL, *FOUNDATION_MODELS],
        format_func=lambda name: FOUNDATION_MODELS[name].label if name else "another model",
        key="own_embeddings_fm",
        help="The model that computed the embeddings. Its number of dimensions is checked. Default: another model.",
    )
    if not is_teacher():
        st.caption(
            f"In classroom mode your uploads are visible to you only, at most {MOST_SETS} sets of "
            f"{MOST_BYTES // 10**6} MB in total. They are deleted when you leave."
        )
    if complete:
        _check_and_save(files, fm_name)
    saved = results.sets()[0].get(st.session_state.get("own_embedded"))
    if saved is not None:
        samples = saved.meta["samples"]
        st.success(
            f"Saved {samples['train']['count']:,} training and {samples['test']['count']:,} test embeddings of "
            f"{len(saved.class_names)} classes, {saved.meta['fm']['dim']} dimensions."
        )
        explore_button(saved, "explore_embedded")


def _check_and_save(files: list[UploadedFile], fm_name: str) -> None:
    fm = FOUNDATION_MODELS.get(fm_name)
    suffix = suffix_of(files[0])
    contents = _contents(files, fm_name)
    if isinstance(contents, FileContents):
        _show_contents(contents)
    else:
        st.error(plain(contents))
    label = st.text_input("Dataset name", files[0].name.rsplit(".", 1)[0][:80], max_chars=80)
    if not st.button("Save embeddings", type="primary"):
        return
    st.session_state.pop("own_embedded", None)
    if not isinstance(contents, FileContents):
        return
    try:
        check_quota(4 * (contents.train + contents.test) * contents.dimensions)
        with st.spinner("Reading and checking …"), files_on_disk(files) as paths:
            info = add_embeddings(paths, suffix, label, fm, upload_folder())
    except ImprintError as error:
        st.error(plain(error))
    else:
        st.session_state.own_embedded = (info.fm, info.dataset)


def _contents(files: list[UploadedFile], fm_name: str) -> FileContents | str:
    """Describe uploaded files, once per upload and FM; return the message of an error."""
    key = (*(file.file_id for file in files), fm_name)
    stored = st.session_state.get("own_contents")
    if stored is None or stored[0] != key:
        # An earlier upload must not be displayed as saved beside this one.
        st.session_state.pop("own_embedded", None)
        contents: FileContents | str
        try:
            with st.spinner("Reading the file …"), files_on_disk(files) as paths:
                contents = describe_embeddings(paths, suffix_of(files[0]), FOUNDATION_MODELS.get(fm_name))
        except ImprintError as error:
            contents = str(error)
        stored = st.session_state.own_contents = key, contents
    return stored[1]


def _show_contents(contents: FileContents) -> None:
    names = ", ".join(map(plain, contents.class_names[:10])) + (" …" if len(contents.class_names) > 10 else "")
    rows = [
        ("Embedding", f"{plain(contents.taken)}, {contents.dimensions:,} dimensions"),
        ("Samples", f"{contents.train:,} training and {contents.test:,} test"),
        ("Classes", f"{len(contents.class_names):,}: {names}"),
        *(("Left out", f"{plain(entry.name)} ({plain(entry.reason)})") for entry in contents.left_out),
    ]
    st.markdown("\n".join(["| Part | Content |", "|---|---|", *(f"| {title} | {text} |" for title, text in rows)]))
    for note in contents.notes:
        st.info(plain(note), icon=":material/info:")
