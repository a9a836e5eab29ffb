import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from imprint_core.datasets import checked_dataset_at
from imprint_core.datasets.class_folders import images_in_folder
from imprint_core.datasets.images import hold_out
from imprint_core.embeddings import extraction, open_set
from imprint_core.embeddings.extraction import ExtractionJob, extract
from imprint_core.embeddings.images import check_same_weights, images_of
from imprint_core.errors import ImprintError
from imprint_core.models import foundation_model
from imprint_core.models.loading import load_model
from imprint_core.models.weights import read_state
from tests.embeddings.test_extraction import Counting, loaded


def test_rounded_weights_are_accepted_and_other_weights_are_not(shared, bundled, tmp_path, monkeypatch):
    fm = foundation_model("squeezenet1_1")
    info = bundled["squeezenet1_1", "mnist"]
    state = read_state(shared / "fm" / "squeezenet1_1.safetensors")
    known = open_set(bundled["squeezenet1_1", "digits"])

    def loaded(change):
        torch.manual_seed(0)
        changed = {k: change(v.float()).contiguous() for k, v in state.items()}
        save_file(changed, tmp_path / "w.safetensors")
        return load_model(fm, tmp_path / "w.safetensors")

    def images():
        return known, images_of(known)

    check_same_weights(info, loaded(lambda v: v), lambda: None)
    rounded = loaded(lambda v: v.to(torch.bfloat16).float())
    assert rounded.weights_digest != info.meta["fm"]["weights_sha256"]
    check_same_weights(info, rounded, images)
    for model, find in ((rounded, lambda: None), (loaded(lambda v: v + 0.05 * v.std() * torch.randn_like(v)), images)):
        with pytest.raises(ImprintError, match="differ from the weights of this embedding set"):
            check_same_weights(info, model, find)


def pictures(folder, count=6):
    for i in range(2 * count):
        file = folder / ("cat" if i < count else "dog") / f"{i:02}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), 10 + i).save(file)
    return folder


@pytest.fixture
def embedded(tmp_path, monkeypatch):
    monkeypatch.setattr(extraction, "load_model", lambda fm, weights: loaded(Counting().eval()))

    def embed(folder):
        job = ExtractionJob(foundation_model("squeezenet1_1"), checked_dataset_at(folder), tmp_path / "out", tmp_path)
        return open_set(extract(job))

    return embed


def shades(images, embeddings):
    return [images.train.by_id(int(i)).getpixel((0, 0)) for i in embeddings.id_train]


def test_images_at_a_path_are_those_of_the_set(tmp_path, embedded):
    folder = pictures(tmp_path / "pets")
    embeddings = embedded(folder)
    images = images_of(embeddings)
    assert all(
        (shade < 16) == (y == 0) for shade, y in zip(shades(images, embeddings), embeddings.y_train, strict=True)
    )
    # One image has changed: it is not shown as the sample's.
    changed = int(embeddings.id_train[1])
    file = images_in_folder(folder).files
    train = [f for f, test in zip(file, hold_out(np.repeat([0, 1], 6)), strict=True) if not test]
    Image.new("L", (8, 8), 250).save(folder / train[changed].display_name)
    with pytest.raises(ImprintError, match=r"The image has changed since it was embedded\. Embed the dataset"):
        images_of(embeddings).train.by_id(changed)


@pytest.mark.parametrize("change", ["deleted", "renamed", "exchanged"])
def test_images_of_a_changed_folder_are_not_shown(tmp_path, embedded, change):
    folder = pictures(tmp_path / "pets")
    embeddings = embedded(folder)
    if change == "deleted":
        (folder / "cat" / "00.png").unlink()
        Image.new("L", (8, 8), 99).save(folder / "cat" / "99.png")
    elif change == "renamed":
        (folder / "cat").rename(folder / "kitten")
    else:
        for file in (folder / "cat").iterdir():
            Image.new("L", (8, 8), 200).save(file)
    assert images_of(embeddings) is None


def test_moved_images_are_found_after_embedding_them_again(tmp_path, embedded):
    folder = pictures(tmp_path / "pets")
    before = embedded(folder)
    moved = folder.rename(tmp_path / "animals")
    assert images_of(before) is None
    (moved / "cat" / "broken.txt").write_text("x")
    after = embedded(moved)
    assert after.info.digest == before.info.digest
    assert after.info.meta["dataset"]["label"] == "animals"
    assert [name for name, *_ in after.info.meta["dataset"]["left_out"]] == ["cat/broken.txt"]
    assert shades(images_of(after), after) == shades(images_of(embedded(moved)), after)
