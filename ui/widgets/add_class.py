"""Classes that a visitor adds to the task, from a few images or from another dataset, and their effect."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import suppress
from typing import NamedTuple

import numpy as np
import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from imprint_core.datasets.images import LeftOut
from imprint_core.datasets.names import clean_name
from imprint_core.datasets.thumbnails import thumbnail
from imprint_core.embeddings import SetInfo
from imprint_core.embeddings.added_classes import (
    NewClass,
    add_class_to_set,
    added_names,
    base_of,
    class_of_images,
    class_of_set,
    remove_added_class,
)
from imprint_core.embeddings.store import remove_set
from imprint_core.errors import ImprintError
from imprint_core.evaluation.class_specs import CLASS_SETS, canonical, d_and_draw, parse_classes
from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.metrics import Summary
from imprint_core.models import foundation_model
from imprint_core.models.classifier_head import ClassifierHead
from imprint_core.models.libraries import available_weights
from imprint_core.recognition.incremental import AddedClass, Effect, add_class, effect
from imprint_core.uploads.single_images import decode_uploads
from ui.compute import results
from ui.compute.fm_classes import OLD_DATA, added_class_beside, joint
from ui.navigation.page_switches import select_set
from ui.server.shared_cache import shared_cache
from ui.server.visitor_uploads import check_quota, require_removable, upload_folder
from ui.text.labels import label_of_dataset, label_of_fm
from ui.text.markdown import plain
from ui.widgets.fm_choice import embed_images, show_missing_weights, unknown_model
from ui.widgets.fm_own_classes import check_classifier, own_classes_switch
from ui.widgets.upload_images import left_out_list, upload_images

_MOST_IMAGES = 6
_MOST_CONFUSED = 3
# Bytes of an embedding's number in a set with added classes.
_BYTES = 4


class Imprinted(NamedTuple):
    """An added class in the classifier, its effect over seeds, its shots, and the seconds it took.

    The effect is None if the other classes alone have so few test samples that they are tested in another way.
    """

    change: AddedClass
    effect: Effect | None
    ids: list[int]
    seconds: float


@st.dialog("Add a class", width="large")
def add_class_dialog(experiment: Experiment) -> None:
    """Draw the form in a dialog, which closes when the class is added."""
    show_form(experiment, "dialog")


def show_form(experiment: Experiment, key: str) -> None:
    """Draw the form that adds a class to the experiment's task; `key` identifies the panel."""
    info = experiment.info
    sources = _other_sets(info)
    options = (["images"] if not unknown_model(info) else []) + (["set"] if sources else [])
    if not options:
        st.info(unknown_model(info), icon=":material/info:")
        return
    st.markdown(
        "A few images become a new class at once: they are embedded and imprinted. No weight of the model changes. "
        f"The class joins the {len(results.evaluator(experiment).classes)} classes of the task, "
        f"{plain(label_of_fm(info.fm))} on {plain(label_of_dataset(info.dataset))}, on every page."
    )
    ready = "images" in options and available_weights(foundation_model(info.fm)) is not None
    source = st.segmented_control(
        "Source",
        options,
        default="images" if ready or "set" not in options else "set",
        required=True,
        format_func={"images": "Images", "set": "Class of another dataset"}.get,
        key=f"add_source_{key}",
    )
    if source == "set":
        _form_of_set(experiment, sources, key)
    elif not show_missing_weights(info, f"add_{key}"):
        _form_of_images(experiment, key)


def _form_of_images(experiment: Experiment, key: str) -> None:
    # A new number empties the inputs; otherwise the next class would contain these images, too.
    count = st.session_state.get("added_count", 0)
    name = st.text_input("Class name", max_chars=80, key=f"added_name_{key}_{count}")
    files = upload_images("Images of the class", f"added_files_{key}_{count}")
    if not results.pool(experiment).resplit:
        st.caption("Of eight images or more, a quarter is held out for testing.")
    if st.button("Imprint class", type="primary", disabled=not files, key=f"imprint_{key}"):
        if not name.strip():
            st.error("The class has no name; enter one above.")
            return
        try:
            _add(experiment, _class_of_files(experiment.info, name, files))
        except ImprintError as error:
            st.error(plain(error))


def _form_of_set(experiment: Experiment, sources: dict[str, SetInfo], key: str) -> None:
    left, right = st.columns(2)
    dataset = left.selectbox("Dataset of the class", list(sources), format_func=label_of_dataset, key=f"add_data_{key}")
    source = sources[dataset]
    names = source.class_names
    number = right.selectbox(
        "Class", range(len(names)), format_func=names.__getitem__, key=f"add_class_{key}_{source.dataset}"
    )
    if st.button("Imprint class", type="primary", key=f"imprint_{key}"):
        try:
            taken = names[number].casefold() in {name.casefold() for name in experiment.info.class_names}
            name = f"{names[number]} ({source.meta['dataset']['label']})" if taken else names[number]
            _add(experiment, class_of_set(results.embeddings(source), number, name))
        except ImprintError as error:
            st.error(plain(error))


def _other_sets(info: SetInfo) -> dict[str, SetInfo]:
    """Other sets of the same weights, by dataset."""
    weights = info.meta["fm"].get("weights_sha256")
    same = [other for other in results.sets()[0].values() if other.meta["fm"].get("weights_sha256") == weights]
    return {
        other.dataset: other
        for other in same
        if weights and other.fm == info.fm and not added_names(other) and other.dataset != base_of(info)
    }


def _class_of_files(info: SetInfo, name: str, files: list[UploadedFile]) -> NewClass:
    """Decode and embed uploaded images; raises an `ImprintError` if none can be read."""
    contents = [file.getvalue() for file in files]
    left_out, images = [], []
    for file, data, image in zip(files, contents, decode_uploads(contents), strict=True):
        if isinstance(image, ImprintError):
            left_out.append(LeftOut(clean_name(file.name), str(image)))
        else:
            images.append((data, image))
    if left_out:
        # Displayed after the rerun, which closes the dialog.
        st.session_state.added_warning = left_out_list([(file.display_name, file.reason) for file in left_out])
    if not images:
        raise ImprintError(f"None of the {len(files)} files is a readable image. Choose other files.")
    return class_of_images(name, embed_images(info, images), [image for _, image in images])


def _add(experiment: Experiment, new: NewClass) -> None:
    """Write the set with the new class, select it, and remove the one that it replaces."""
    info = experiment.info
    samples = sum(len(x) for x in new.X.values()) + sum(split["count"] for split in info.meta["samples"].values())
    check_quota(_BYTES * samples * int(info.meta["fm"]["dim"]))
    grown = add_class_to_set(info, new, upload_folder())
    _remove_replaced(info, grown)
    st.session_state.added_count = st.session_state.get("added_count", 0) + 1
    select_set(grown, _with_class(experiment.classes, info.class_names))


def _remove_replaced(info: SetInfo, replacement: SetInfo | None) -> None:
    """Remove a set with added classes after a class was added or removed, unless it is somebody else's."""
    if added_names(info) and (replacement is None or info.path != replacement.path):
        with suppress(ImprintError):
            require_removable(info)
            remove_set(info)


def _with_class(spec: str, names: tuple[str, ...]) -> str:
    """Extend a class spec by the class that follows the named ones."""
    text = canonical(spec)
    if text == "all":
        return text
    if text in CLASS_SETS or d_and_draw(text):
        # These would mean other classes, now that there is one more.
        text = ", ".join("+".join(map(str, group)) for group in parse_classes(text, names).groups)
    return f"{text}, {len(names)}"


def show_added_classes(experiment: Experiment) -> None:
    """Draw the added classes of the experiment's task, their effect, and buttons that remove them."""
    warning = st.session_state.pop("added_warning", "")
    if warning:
        st.warning(warning)
    info, names = experiment.info, added_names(experiment.info)
    ready = names and available_weights(foundation_model(info.fm)) is not None
    head = own_classes_switch(info.fm, "added") if ready else None
    for name in names:
        with st.container(border=True):
            text, remove = st.columns([5, 1], vertical_alignment="center")
            with text:
                if _show_class(experiment, name) and head is not None:
                    _show_beside(experiment, name, head)
            if remove.button("Remove class", key=f"remove_{name}", width="stretch"):
                try:
                    _remove(experiment, name)
                except ImprintError as error:
                    st.error(plain(error))


def _show_class(experiment: Experiment, name: str) -> bool:
    """Draw the effect of an added class; return whether it can be measured."""
    imprinted = _imprinted(experiment, experiment.info.class_names.index(name))
    if imprinted is None:
        st.markdown(f"**{plain(name)}**: its effect cannot be measured on the selected classes.")
        return False
    images = results.pictures(experiment.info)
    shots = [] if images is None else [images.train.find(sample) for sample in imprinted.ids[:_MOST_IMAGES]]
    thumbnails = [thumbnail(image, 64, 6) for image in shots if image is not None]
    if thumbnails:
        st.image(thumbnails, width=56, alt=[f"An image of {name}"] * len(thumbnails))
    count, proxies = len(imprinted.ids), imprinted.change.proxies
    st.markdown(
        f"**{plain(name)}**: {count} {'shot' if count == 1 else 'shots'} gave {proxies} "
        f"{'proxy' if proxies == 1 else 'proxies'} in {1000 * imprinted.seconds:.0f} ms. "
        f"{_accuracies(results.evaluation(experiment).summary, imprinted.effect, name)}"
    )
    return True


def _accuracies(whole: Summary, change: Effect | None, name: str) -> str:
    """The effect of an added class in the statistic of the page, whose accuracy over all classes is the last one."""
    over = f" (median over {whole.runs} seeds)" * (whole.runs > 1)
    if change is None:
        return f"Accuracy{over} on the test samples of all classes: {whole.median:.1f} %."
    return (
        f"Accuracy{over} on the test samples of the other classes: {change.before:.1f} → {change.after:.1f} %, and on "
        f"those of all classes: {whole.median:.1f} %. Previously correct, now predicted as {plain(name)}: "
        f"{f'{change.lost:g}' if change.lost else 'none'}."
    )


def _show_beside(experiment: Experiment, name: str, head: ClassifierHead) -> None:
    """Draw what an added class is predicted as among all classes, and what it takes from the FM's own."""
    number, new_names = experiment.info.class_names.index(name), results.pool(experiment).names
    try:
        check_classifier(experiment.info)
        with st.spinner("Comparing with the FM's own classes …"):
            beside, layer = added_class_beside(experiment, number), joint(experiment)
    except ImprintError as error:
        st.error(plain(error))
        return
    old, classes = len(head.class_names), layer.model.classes_
    names = [*(f"{label} (FM's own)" for label in head.class_names), *(new_names[int(c)] for c in classes)]
    expected = old + int(np.searchsorted(classes, number))
    count, correct = len(beside.predictions), int((beside.predictions == expected).sum())
    others = Counter(int(c) for c in beside.predictions if c != expected).most_common(_MOST_CONFUSED)
    samples = ("shot" if beside.left_out else "test sample") + "s" * (count > 1)
    text = f"With the FM's own {old:,} classes: {correct} of {count} {samples} correct"
    text += ", each left out of its proxies" * beside.left_out
    if others:
        text += f"; predicted instead as {', '.join(f'{plain(names[c])} × {times}' for c, times in others)}"
    text += "."
    if not np.isnan(beside.old_with):
        text += (
            f" Accuracy on the test images of {plain(label_of_dataset(OLD_DATA))}, which are the FM's own classes: "
            f"{beside.old_without:.1f} % without {plain(name)}, {beside.old_with:.1f} % with it."
        )
    st.markdown(text)


@shared_cache(64, results.BY_RESULT)
def _imprinted(experiment: Experiment, number: int) -> Imprinted | None:
    """Imprint a class in addition to the others.

    Returns None if it is not selected, or merged with others, or the others have no test sample.
    """
    spec, names = experiment.classes, results.class_names(experiment.info)
    grouping = parse_classes(spec, names)
    samples, evaluator = results.pool(experiment), results.evaluator(experiment)
    if grouping.remapped or number not in grouping.numbers or (samples.y_test == number).all():
        return None
    without = experiment.with_(classes=", ".join(str(c) for c in grouping.numbers if c != number))
    model, code = results.classifier(without)[0], grouping.numbers.index(number)
    rows = evaluator.shots(experiment.n_shot, experiment.seeds[0])[code]
    start = time.perf_counter()
    change = add_class(model, samples.X_train[rows])
    seconds = time.perf_counter() - start
    measured = None
    if results.pool(without).resplit == samples.resplit:
        # Codes of the other classes among all classes.
        before = np.delete(np.arange(len(grouping.numbers)), code)[results.evaluation(without).predictions]
        measured = effect(evaluator.truth, before, results.evaluation(experiment).predictions, code)
    return Imprinted(change, measured, np.sort(samples.id_train[rows]).tolist(), seconds)


def _remove(experiment: Experiment, name: str) -> None:
    """Select the set without an added class: the one that classes were added to, if it was the last."""
    info = experiment.info
    require_removable(info)
    smaller = remove_added_class(info, name, info.path.parent)
    base = results.sets()[0].get((info.fm, base_of(info)))
    if smaller is None and base is None:
        raise ImprintError(
            f"{name} can't be removed, because the set of {info.meta['dataset']['base']['label']} was removed."
        )
    _remove_replaced(info, smaller)
    spec = canonical(experiment.classes)
    select_set(smaller or base, spec if spec in CLASS_SETS else "all")
