"""What the rooms may know of each other, and what ships."""

import ast
import subprocess
import sys
import tomllib

import pytest

from imprint_core.figures import charts
from tests.conftest import ROOT

CORE = sorted((ROOT / "imprint_core").rglob("*.py"))


def imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("path", CORE, ids=lambda p: str(p.relative_to(ROOT)))
def test_core_knows_nothing_of_the_app(path):
    roots = {name.split(".")[0] for name in imported(path)}
    assert not roots & {"streamlit", "pages", "ui", "app"}


def test_first_paint_needs_neither_torch_nor_umap():
    code = (
        "import sys, logging; logging.disable()\n"
        "from streamlit.testing.v1 import AppTest\n"
        "app = AppTest.from_file('app.py', default_timeout=120).run()\n"
        "assert app.metric and not app.exception, app.exception\n"
        "print(sorted({'torch', 'umap', 'numba', 'timm', 'torchvision'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_theme_has_the_figures_colours():
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    assert tuple(config["theme"]["chartCategoricalColors"]) == charts.CLASS_COLORS
    assert config["server"]["address"] == "127.0.0.1"
    assert config["server"]["enableXsrfProtection"] is True
    assert config["browser"]["gatherUsageStats"] is False


def test_page_knows_the_figures_theme_colours():
    script = (ROOT / "ui" / "charts" / "drawing.js").read_text()
    assert charts.THEME_TEXT in script
    assert charts.THEME_BACKGROUND in script


def test_bundled_sets_are_small_and_complete(bundled):
    files = [f for f in (ROOT / "imprint_core" / "bundled").iterdir() if f.is_file()]
    assert sum(f.stat().st_size for f in files) <= 40_000_000
    fms = {"resnet50", "squeezenet1_1", "vit_tiny_patch16_224"}
    for fm in fms:
        for dataset in ("mnist", "fashion_mnist", "cifar10"):
            samples = bundled[fm, dataset].meta["samples"]
            assert samples["train"]["per_class_least"] >= 200
            assert samples["test"]["per_class_least"] >= 100
        assert (fm, "digits") in bundled
    # Two FMs whose classes can be merged ten into one, as in the paper.
    for fm in ("squeezenet1_1", "vit_tiny_patch16_224"):
        assert len(bundled[fm, "tiny_imagenet_100"].class_names) == 100


def test_every_bundled_set_tells_its_sources(bundled):
    page = (ROOT / "imprint_core" / "bundled" / "SOURCES.md").read_text()
    for info in bundled.values():
        assert info.meta["fm"]["weights_origin"] in page
        assert info.meta["dataset"]["origin"] in page
        assert info.path.stem in page
