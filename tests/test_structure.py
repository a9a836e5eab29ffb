"""The order of layers, the sizes of packages and modules, and what ships."""

import ast
import graphlib
import subprocess
import sys
import tomllib
from collections.abc import Iterator

import pytest

from imprint_core.figures import style
from tests.conftest import ROOT

# A package imports only from rows above its own; packages in one row don't import each other.
CORE_LAYERS = (
    "errors",
    "registry",
    "paths",
    "files",
    "background",
    "framework",
    "recipes models",
    "datasets",
    "embeddings",
    "uploads evaluation",
    "collapse",
    "recognition",
    "sweeps maps",
    "figures",
    "export",
    "cli",
    "__main__",
)
UI_LAYERS = ("text", "navigation", "server", "compute", "charts", "controls", "widgets", "camera", "share", "panels")
PAGES = {"explore", "learn", "camera", "map", "collapse", "curves", "compare", "leaderboard", "library", "own_data"}
MOST_MODULES, MOST_LINES, MOST_CORE_MODULES = 14, 400, 6


def rank(module: str) -> int:
    """The position of a module in the order of layers; -1 for the re-exports of `imprint_core` and `ui`."""
    names = module.split(".")
    layers = [layer.split() for layer in CORE_LAYERS]
    if names[0] == "ui":
        return next((100 + i for i, name in enumerate(UI_LAYERS) if name == names[1]), -1) if names[1:] else -1
    if names[0] == "imprint_core":
        return next((i for i, layer in enumerate(layers) if names[1] in layer), -1) if names[1:] else -1
    return {"pages": 200, "app": 300}[names[0]]


def product_modules() -> dict[str, ast.Module]:
    paths = [ROOT / "app.py", *(p for top in ("imprint_core", "ui", "pages") for p in (ROOT / top).rglob("*.py"))]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in paths]
    return {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in zip(names, paths, strict=True)}


MODULES = product_modules()


def imported(tree: ast.Module) -> Iterator[str]:
    """Every import of a module, also those inside functions, as dotted names of modules or of what is in them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module
            assert not node.level, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def module_of(name: str) -> str | None:
    """The product's module that an imported name is, or is in."""
    return next((n for n in (name, name.rpartition(".")[0]) if n in MODULES), None)


IMPORTS = {name: {m for m in map(module_of, imported(tree)) if m} - {name} for name, tree in MODULES.items()}


def top(module: str) -> str:
    """The package of a layer that a module is in."""
    return ".".join(module.split(".")[:2])


def page_of(module: str) -> str:
    return module.split(".")[2] if module.startswith("ui.panels.") else ""


def backward_imports() -> set[str]:
    """Imports of a layer to the right, of a package in the same row, or of another page's panels."""
    violations = set()
    for name, targets in IMPORTS.items():
        for target in targets:
            same_package = top(name) == top(target)
            backward = rank(target) > rank(name) or (rank(target) == rank(name) >= 0 and not same_package)
            if backward or (page_of(name) and page_of(target) and page_of(name) != page_of(target)):
                violations.add(f"{name} -> {target}")
    return violations


@pytest.mark.parametrize("name", sorted(n for n in MODULES if n.startswith("imprint_core")))
def test_core_imports_nothing_of_the_app(name):
    roots = {target.split(".")[0] for target in imported(MODULES[name])}
    assert not roots & {"streamlit", "pages", "ui", "app"}


def test_imports_follow_the_order_of_layers():
    assert backward_imports() == set()


def test_no_module_imports_itself_through_others():
    graphlib.TopologicalSorter(IMPORTS).prepare()


def test_packages_and_modules_are_small():
    inits = [p for top in ("imprint_core", "ui") for p in (ROOT / top).rglob("__init__.py")]
    sizes = {str(p.parent.relative_to(ROOT)): len(list(p.parent.glob("*.py"))) - 1 for p in inits}
    assert {name: size for name, size in sizes.items() if size > MOST_MODULES} == {}
    assert len(list((ROOT / "imprint_core").glob("*.py"))) <= MOST_CORE_MODULES
    paths = [ROOT / "app.py", *(p for top in ("imprint_core", "ui", "pages") for p in (ROOT / top).rglob("*.py"))]
    lines = {str(p.relative_to(ROOT)): p.read_text(encoding="utf-8").count("\n") for p in paths}
    assert {name for name, count in lines.items() if count > MOST_LINES} == set()


def test_every_package_says_what_lives_there():
    for top in ("imprint_core", "ui"):
        for path in (ROOT / top).rglob("__init__.py"):
            name = ".".join(path.parent.relative_to(ROOT).parts)
            docstring = ast.get_docstring(MODULES[name]) or ""
            sentences = [part for part in docstring.replace("\n", " ").split(". ") if part]
            assert len(sentences) >= 2, f"{name}: {docstring!r}"


def test_pages_holds_the_page_files_and_nothing_else():
    files = {path.name for path in (ROOT / "pages").iterdir() if path.name != "__pycache__"}
    assert files == {f"{name}.py" for name in PAGES}


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


def test_the_app_is_local_and_leaves_class_colors_to_style():
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    assert "chartCategoricalColors" not in config["theme"]
    assert config["server"]["address"] == "127.0.0.1"
    assert config["server"]["enableXsrfProtection"] is True
    assert config["browser"]["gatherUsageStats"] is False


def test_plot_script_has_the_theme_colours_of_figures():
    script = style.insert_theme_colors((ROOT / "ui" / "charts" / "drawing.js").read_text())
    assert style.THEME_TEXT in script
    assert style.THEME_BACKGROUND in script
    assert "THEME_" not in script


def test_bundled_sets_are_small_and_complete(bundled):
    files = [f for f in (ROOT / "imprint_core" / "bundled").iterdir() if f.is_file()]
    assert sum(f.stat().st_size for f in files) <= 60_000_000
    fms = {"tf_efficientnet_lite0", "resnet50", "squeezenet1_1", "vit_tiny_patch16_224"}
    for fm in fms:
        for dataset in ("mnist", "fashion_mnist", "cifar10"):
            samples = bundled[fm, dataset].meta["samples"]
            assert samples["train"]["per_class_least"] >= 200
            assert samples["test"]["per_class_least"] >= 100
        assert (fm, "digits") in bundled
    # Three FMs whose classes can be merged ten into one, as in the paper.
    for fm in fms - {"resnet50"}:
        assert len(bundled[fm, "tiny_imagenet_100"].class_names) == 100


def test_sources_list_every_bundled_set(bundled):
    page = (ROOT / "imprint_core" / "bundled" / "SOURCES.md").read_text()
    for info in bundled.values():
        assert info.meta["fm"]["weights_origin"] in page
        assert info.meta["dataset"]["origin"] in page
        assert info.path.stem in page
