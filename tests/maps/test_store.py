import numpy as np
import pytest
from safetensors.numpy import load_file

from imprint_core.embeddings import open_set
from imprint_core.embeddings.store import maps_folder
from imprint_core.embeddings.tensors import write_tensors
from imprint_core.errors import ImprintError
from imprint_core.maps.layouts import LAYOUT_GRID, Layout
from imprint_core.maps.store import (
    DEFAULT_LAYOUTS,
    BaseMap,
    compute_map,
    load_map,
    load_pca_map,
    save_map,
    set_maps_path,
    user_map_path,
    write_default_maps,
)
from tests.embeddings.test_store import small_set

PCA, UMAP = DEFAULT_LAYOUTS


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("IMPRINT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def opened(tmp_path):
    return open_set(small_set(tmp_path / "sets")[1])


@pytest.fixture
def positions():
    return np.random.default_rng(0).uniform(-1, 1, (16, 2)).astype(np.float32)


@pytest.fixture
def instant(monkeypatch):
    """PCA scaled by the layout's parameters, in place of UMAP."""
    from imprint_core.maps.layouts import MAP_METHODS, MapMethod, pca_map

    def map_of(X, layout, progress):
        progress("laying out", 0.5)
        return pca_map(X) * np.float32((layout.min_dist + 0.1) / layout.n_neighbors)

    monkeypatch.setitem(MAP_METHODS, "umap", MapMethod("UMAP", "", map_of, to_scale=False, parameters=True))


def test_every_bundled_set_has_default_maps_and_the_layout_grid(bundled):
    for info in bundled.values():
        opened = open_set(info)
        default = [(norm, layout) for norm in ("none", "l2") for layout in DEFAULT_LAYOUTS]
        for norm, layout in [*default, *(("l2", layout) for layout in LAYOUT_GRID)]:
            base = load_map(opened, norm, layout)
            assert (base.norm, base.layout) == (norm, layout)
            assert base.positions.shape == (len(opened.X_train) + len(opened.X_test), 2)
            assert base.positions.dtype == np.float32
            assert np.abs(base.positions).max() == pytest.approx(1, abs=0.01)
            assert 0.6 < base.trust <= 1
        assert load_map(opened, "l2", Layout(seed=1)) is None


def test_a_set_without_maps_has_a_pca_map(opened):
    for layout in DEFAULT_LAYOUTS:
        assert load_map(opened, "l2", layout) is None
    base = load_pca_map(opened, "l2")
    assert (base.positions.shape, base.layout, base.norm, base.trust) == ((16, 2), PCA, "l2", None)
    save_map(opened.info, compute_map(opened, "l2", PCA))
    stored = load_pca_map(opened, "l2")
    assert 0 < stored.trust < 1
    np.testing.assert_allclose(stored.positions, base.positions, atol=1e-3)


def test_a_map_is_stored_under_its_norm_and_layout(opened, instant):
    layout = Layout(n_neighbors=5, min_dist=0.25, seed=3)
    reports = []
    base = compute_map(opened, "none", layout, lambda *report: reports.append(report))
    assert reports[0] == ("laying out", pytest.approx(0.45))
    assert reports[-1] == ("computing trustworthiness", 1.0)
    save_map(opened.info, base)
    stored = load_map(opened, "none", layout)
    np.testing.assert_allclose(stored.positions, base.positions, atol=1e-3)
    assert stored.trust == pytest.approx(base.trust)
    assert user_map_path(opened.info, "none", layout).name == "none.umap_5_0.25_3.safetensors"
    assert load_map(opened, "l2", layout) is None
    assert load_map(opened, "none", UMAP) is None


def test_all_pca_layouts_share_one_map(opened):
    save_map(opened.info, compute_map(opened, "l2", Layout("pca", 50, 0.5, 9)))
    assert load_map(opened, "l2", PCA) is not None
    assert load_map(opened, "l2", Layout("pca", 2, 0.0, 1)) is not None
    assert len(list(maps_folder(opened.info).iterdir())) == 1


def test_default_maps_are_stored_beside_the_set(opened, instant):
    reports = []
    write_default_maps(opened, lambda *report: reports.append(report))
    assert list(dict.fromkeys(name for name, _ in reports)) == [
        "PCA, NORM none",
        "UMAP, NORM none",
        "PCA, NORM L2",
        "UMAP, NORM L2",
    ]
    shares = [share for _, share in reports]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    for norm in ("none", "l2"):
        for layout in DEFAULT_LAYOUTS:
            assert load_map(opened, norm, layout).trust > 0.5
    assert load_map(opened, "l2", LAYOUT_GRID[0]) is None


def test_grid_layouts_have_8_bits_and_default_maps_16(opened, instant):
    write_default_maps(opened, grid=True)
    tensors = load_file(set_maps_path(opened.info))
    coarse = {name for name, tensor in tensors.items() if tensor.dtype == np.uint8}
    assert coarse == {f"l2.{layout.key}" for layout in LAYOUT_GRID if layout != UMAP}
    for layout in LAYOUT_GRID:
        stored = load_map(opened, "l2", layout).positions
        np.testing.assert_allclose(stored, compute_map(opened, "l2", layout).positions, atol=1.01 * 2 / 255)
        np.testing.assert_array_equal(stored, load_map(opened, "l2", layout).positions)


def test_files_of_earlier_versions_are_read(opened, positions):
    write_tensors(set_maps_path(opened.info), {"umap_l2": positions.astype(np.float16)})
    base = load_map(opened, "l2", UMAP)
    np.testing.assert_array_equal(base.positions, positions.astype(np.float16))
    assert base.trust is None
    assert load_map(opened, "none", UMAP) is None
    assert load_map(opened, "l2", Layout(seed=1)) is None


@pytest.mark.parametrize("kind", ["bytes", "empty", "samples", "shape", "not finite", "folder"])
def test_a_damaged_map_counts_as_missing(opened, positions, kind):
    for path, name in ((set_maps_path(opened.info), "l2.pca"), (user_map_path(opened.info, "l2", PCA), "l2.pca")):
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == "folder":
            path.mkdir()
        elif kind in ("bytes", "empty"):
            path.write_bytes(b"damaged" if kind == "bytes" else b"")
        else:
            invalid = {"samples": positions[:-1], "shape": positions.T, "not finite": positions * np.nan}[kind]
            write_tensors(path, {name: invalid.astype(np.float16)})
    assert load_map(opened, "l2", PCA) is None
    assert load_pca_map(opened, "l2").positions.shape == (16, 2)


def test_undefined_trustworthiness_is_none(tmp_path):
    opened = open_set(small_set(tmp_path, n=1)[1])
    assert compute_map(opened, "l2", PCA).trust is None
    save_map(opened.info, compute_map(opened, "l2", PCA))
    assert load_map(opened, "l2", PCA).trust is None


def test_a_map_that_cannot_be_written_is_reported(opened, home, positions):
    home.write_text("a file at the folder's path")
    with pytest.raises(ImprintError, match="could not be written"):
        save_map(opened.info, BaseMap(positions, UMAP, "l2", None))
