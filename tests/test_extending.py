"""Extensions from outside, as in "How to add" of ARCHITECTURE.md: one function and one table entry each."""

import json
import sys
from types import ModuleType

import numpy as np
import pytest
import streamlit as st
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

from imprint_core.datasets import DATASETS, dataset
from imprint_core.datasets.images import Splits, from_arrays
from imprint_core.datasets.labels import Labels
from imprint_core.datasets.registry import Dataset
from imprint_core.embeddings import extraction, find_sets, open_set
from imprint_core.embeddings.extraction import ExtractionJob, extract
from imprint_core.evaluation.evaluator import Evaluator
from imprint_core.evaluation.task import SEEDS, choose_classes
from imprint_core.figures import style
from imprint_core.figures.small_multiples import AXES
from imprint_core.framework.aggregation import AGGREGATIONS, Aggregation
from imprint_core.framework.classifier import ImprintingClassifier
from imprint_core.framework.generation import GENERATORS, Generator, ProxyWeights
from imprint_core.framework.normalization import NORMALIZATIONS, POST_NORMALIZATIONS, Normalization, PostNormalization
from imprint_core.framework.recipe import Recipe
from imprint_core.models import FOUNDATION_MODELS, libraries
from imprint_core.models.libraries import Library, foundation_model
from imprint_core.models.loading import LoadedModel, load_model
from imprint_core.models.preprocessing import Preprocessing
from imprint_core.models.registry import FoundationModel
from imprint_core.recipes.advice import advise, proxies_per_class
from imprint_core.recipes.text import parse_recipe
from imprint_core.sweeps import sweep_table
from imprint_core.sweeps.grid import cells, read_grid
from imprint_core.sweeps.run_measures import MEASURES, Measure
from imprint_core.sweeps.runner import evaluate_cell
from imprint_core.sweeps.sweep_table import SweepTable
from imprint_core.uploads.formats import EMBEDDING_FORMATS, UploadFormat
from imprint_core.uploads.rows import LabelledRows
from tests.conftest import ROOT
from tests.pages.conftest import warm  # noqa: F401
from tests.pages.reading import pictures, read
from ui.charts import progressive
from ui.controls.control import Control
from ui.panels.curves import controls
from ui.panels.learn.controls import LESSONS, LessonEntry
from ui.server.shared_cache import clear_shared_caches
from ui.text.markdown import plain

SETTINGS = {"fm": "vit_tiny_patch16_224", "data": "digits", "n": "20", "seeds": "1"}


def both_ways(data, recipe, n=20, seed=0):
    """Accuracy of the estimator, and of the inner products that pages use."""
    pool = choose_classes(data)
    evaluator = Evaluator(pool, recipe.space)
    rows = np.concatenate(evaluator.shots(n, seed))
    model = ImprintingClassifier.from_recipe(recipe, random_state=seed).fit(pool.X_train[rows], pool.y_train[rows])
    return 100 * model.score(pool.X_test, pool.y_test), evaluator.evaluate(recipe, n, [seed]).accuracy[0]


def app_with(page="", **query):
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=200)
    for name, value in {**SETTINGS, **query}.items():
        app.query_params[name] = value
    if page:
        app.session_state["goto"] = page
    app.run()
    assert not app.exception
    assert [w.value for w in app.warning] == []
    return app


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("IMPRINT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def first_shots(shots, k, seeds):
    """The first k sampled shots."""
    b, n, _ = shots.shape
    return ProxyWeights(picks=np.tile(np.arange(min(k, n)), (b, 1)))


def test_a_gen(monkeypatch, vit_digits):
    monkeypatch.setitem(GENERATORS, "first", Generator("first shots", "The first k shots.", first_shots, uses_k=True))
    estimator, pages = both_ways(vit_digits, Recipe("first", 20))
    assert estimator == pages
    # All shots for k = n.
    assert estimator == both_ways(vit_digits, Recipe("all"))[0]
    app = app_with(gen="first", k="3")
    assert "first shots" in app.selectbox(key="gen").options
    evaluator = Evaluator(choose_classes(vit_digits), Recipe().space)
    accuracy = evaluator.evaluate(Recipe("first", 3), 20, [SEEDS[0]]).accuracy[0]
    assert app.metric[0].value == f"{accuracy:.1f} %"


def last_shot(shots, k, seeds):
    """The last shot."""
    b, n, _ = shots.shape
    return ProxyWeights(picks=np.full((b, 1), n - 1))


def test_an_entry_of_gen_is_enough_for_controls_curves_and_advice(monkeypatch):
    monkeypatch.setitem(GENERATORS, "first", Generator("first shots", "The first k shots.", first_shots, uses_k=True))
    monkeypatch.setitem(GENERATORS, "last", Generator("last shot", "The last shot.", last_shot, with_k="first"))
    recipe = Recipe("last", norm_post="none")
    # Curves over k and the Collapse page take its relative.
    assert recipe.with_k() == Recipe("first", 1, norm_post="none").canonical()
    assert proxies_per_class(recipe, 20) == 1
    assert proxies_per_class(Recipe("first", 3), 20) == 3
    assert any("k = 50 exceeds the 20 shots per class" in text for text in advise(Recipe("first", 50), 20, 10))
    assert parse_recipe("gen=last").gen == parse_recipe("gen=last shot").gen == "last"
    app = app_with(gen="last", norm_post="none")
    captions = " ".join(caption.value for caption in app.caption)
    assert "GEN last shot makes one proxy per class, so k has no effect." in captions
    assert "Proxies keep their lengths, and longer ones win more samples." in captions
    assert not app_with(page="collapse", gen="last").exception


def largest(x):
    """Divide by the largest entry."""
    return x / np.abs(x).max(axis=-1, keepdims=True)


def test_a_norm(monkeypatch, vit_digits):
    # A normalization that is not a scale of each vector's length, so proxies are computed as vectors.
    monkeypatch.setitem(
        POST_NORMALIZATIONS,
        "max",
        PostNormalization("largest 1", "By the largest entry.", lambda p, starts: largest(p)),
    )
    estimator, pages = both_ways(vit_digits, Recipe("kmeans", 3, norm_post="max"))
    assert estimator == pages
    plain, _ = both_ways(vit_digits, Recipe("kmeans", 3, norm_post="none"))
    assert estimator != plain
    assert app_with(norm_post="max", k="3").metric[0].value.endswith(" %")


def test_a_norm_by_lengths(monkeypatch, vit_digits):
    def half(x):
        return x / np.sqrt(np.linalg.norm(x, axis=-1, keepdims=True))

    def scale(squares):
        return squares**-0.25

    monkeypatch.setitem(NORMALIZATIONS, "half", Normalization("half", "By the root of the length.", half, scale))
    estimator, pages = both_ways(vit_digits, Recipe("mean", norm_pre="half", norm_inf="half"))
    assert estimator == pages
    assert app_with(norm_pre="half", norm_inf="half", gen="mean").segmented_control(key="norm_pre").value == "half"


def test_an_agg(monkeypatch, vit_digits):
    def average(comparison, voting):
        sizes = np.diff([*comparison.starts, len(comparison.inner)])
        return np.add.reduceat(comparison.inner, comparison.starts, axis=0) / sizes[:, None]

    monkeypatch.setitem(AGGREGATIONS, "average", Aggregation("average", "The largest average wins.", average))
    estimator, pages = both_ways(vit_digits, Recipe("kmeans", 5, agg="average"))
    assert estimator == pages
    # With equally many proxies per class the average ranks classes like the sum.
    assert estimator == both_ways(vit_digits, Recipe("kmeans", 5, agg="sum"))[0]
    assert app_with(agg="average").segmented_control(key="agg").value == "average"


class Pool(torch.nn.Module):
    """Means of a 4 × 4 grid: a frozen network of sixteen dimensions."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(1))

    def forward(self, x):
        return self.scale * torch.nn.functional.adaptive_avg_pool2d(x.mean(dim=1, keepdim=True), 4).flatten(1)


def to_tensor(image):
    return torch.from_numpy(np.asarray(image.convert("RGB"), dtype=np.float32) / 255).permute(2, 0, 1)


def test_an_fm_and_a_dataset(monkeypatch, home):
    """Both from outside: embedded, listed, offered by the app, and classified correctly."""
    fm = FoundationModel("grid", "timm", "Grid means", 16, "Means of a grid.", "", ridge=0.5)
    monkeypatch.setitem(FOUNDATION_MODELS, "grid", fm)
    network = LoadedModel(Pool().eval(), Preprocessing(to_tensor, "as it is", None), "0" * 64)
    monkeypatch.setattr(extraction, "load_model", lambda fm, weights: network)

    def squares(root):
        """Light squares above or below."""
        rng = np.random.default_rng(0)
        y = np.repeat([0, 1], 30)
        x = rng.integers(0, 60, (60, 16, 16)).astype(np.uint8)
        for image, label in zip(x, y, strict=True):
            image[8 * label : 8 * label + 8] += 150
        return Splits(from_arrays(x[::2], y[::2]), from_arrays(x[1::2], y[1::2]), ("above", "below"))

    data = Dataset(
        "squares", "Squares", "Above or below.", squares, ("above", "below"), "Made here.", lambda root: True
    )
    monkeypatch.setitem(DATASETS, "squares", data)
    extract(ExtractionJob(fm, data, home, home, per_class=10, test_per_class=10, batch_size=8))
    sets, problems = find_sets()
    assert not problems
    embeddings = open_set(sets["grid", "squares"])
    assert embeddings.X_train.shape == (20, 16)
    estimator, pages = both_ways(embeddings, Recipe("mean"), n=5)
    assert estimator == pages == 100
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=200)
    app.query_params["fm"], app.query_params["data"] = "grid", "squares"
    app.run()
    assert not app.exception
    assert app.selectbox(key="fm").value == "grid"
    assert "Grid means" in app.selectbox(key="fm").options
    assert app.metric[0].value == "100.0 %"


def csv_rows(file):
    """Lines of a label and numbers."""
    labels, *columns = zip(*(line.split(",") for line in file.read().decode().split()), strict=True)
    values, codes = np.unique(labels, return_inverse=True)
    x = np.array(columns, np.float32).T
    return LabelledRows([("", Labels(tuple(values.tolist()), codes))], None, x.shape[1], lambda: iter([x]))


def test_an_fm_library_is_a_row(monkeypatch, home):
    """Its models are found, loaded, embedded, and offered by the Library."""

    def find(architecture, weights):
        return (
            FoundationModel("grid4", "grids", "4 × 4 grid", 16, "Means of a grid.") if architecture == "grid4" else None
        )

    def build(fm, official):
        return torch.nn.Sequential(Pool(), torch.nn.Linear(16, 10)), to_tensor

    def remove_head(network, fm):
        network[1] = torch.nn.Identity()

    library = Library(find, build, remove_head, cached_weights=lambda fm: ROOT / "README.md")
    monkeypatch.setitem(libraries.LIBRARIES, "grids", library)
    fm = foundation_model("grid4")
    assert foundation_model("grids/grid4") == fm
    image = Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16))
    x = load_model(fm).embed([image])
    assert x.shape == (1, fm.dim)
    assert (np.diff(x) > 0).all()
    info = extract(ExtractionJob(fm, dataset("digits"), home, home, per_class=2, test_per_class=2))
    assert info.meta["fm"]["library"] == "grids"
    assert open_set(info).X_train.shape == (20, 16)
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=200)
    app.session_state["goto"], app.session_state["library_fm"] = "library", "grids/grid4"
    app.run()
    assert not app.exception
    assert "torchvision or timm or grids, such as" in app.selectbox(key="library_fm").help


def test_upload_format_is_a_reader_and_a_row(monkeypatch, home):
    monkeypatch.setitem(EMBEDDING_FORMATS, "csv", UploadFormat("lines", "a label and numbers in each line", csv_rows))
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=200)
    app.session_state["goto"] = "own_data"
    uploader = app.run().file_uploader(key="own_embeddings")
    assert uploader.label.endswith("table (.parquet), lines (.csv)")
    assert "- `.csv`: a label and numbers in each line" in uploader.help
    uploader.upload("points.csv", b"a,0,1\na,0,2\nb,5,1\nb,5,3\n")
    next(button for button in app.run().button if button.label == "Save embeddings").click().run()
    assert not app.exception
    assert "Saved 2 training and 2 test embeddings of 2 classes, 2 dimensions." in app.success[0].value


def test_a_colour_is_defined_in_one_file():
    paths = [p for top in ("imprint_core", "ui", "pages", ".streamlit") for p in (ROOT / top).rglob("*")] + [
        ROOT / "app.py"
    ]
    texts = {p: p.read_text(encoding="utf-8") for p in paths if p.suffix in (".py", ".js", ".css", ".toml")}
    for colour in [*style.CLASS_COLORS, style.GREY, style.MATRIX_FULL]:
        assert [p.name for p, text in texts.items() if colour.lower() in text.lower()] == ["style.py"]


@pytest.fixture
def empty_caches():
    """A changed table of measures needs a new process, or empty caches."""
    clear_shared_caches()
    st.cache_resource.clear()
    yield
    clear_shared_caches()
    st.cache_resource.clear()


@pytest.mark.usefixtures("empty_caches")
def test_measure_of_runs_is_an_entry_and_a_version(monkeypatch, vit_digits):
    """One entry and a version: Curves draws it, and the bundled table of the old version is not used."""

    def least_recall(truth, predicted, classes):
        return min(100 * float(np.mean(predicted[truth == c] == c)) for c in range(classes))

    def mean_length(shots, y):
        return float(np.linalg.norm(shots, axis=1).mean())

    monkeypatch.setitem(MEASURES, "least", Measure("Least recall", " %", "Recall of the worst class.", least_recall))
    monkeypatch.setitem(MEASURES, "length", Measure("Mean length", "", "Of the shots.", of_shots=mean_length))
    monkeypatch.setattr(sweep_table, "TABLE_VERSION", "with two more measures")
    monkeypatch.setattr(progressive, "FIRST_SLICE", 300.0)
    query = {"curve_fms": SETTINGS["fm"], "curve_recipes": "qi"}
    for measure, axis in (("least", "k"), ("length", "n")):
        app = app_with(page="curves", measure=measure, **query)
        assert app.segmented_control(key="measure").value == measure
        figure = json.loads(pictures(app)[f"curves-{SETTINGS['fm']}-digits"]["figure"])
        assert figure["layout"]["yaxis"]["title"]["text"].startswith(MEASURES[measure].label)
        assert figure["layout"]["xaxis"]["title"]["text"] == AXES[axis].title
        lines = {line["name"]: line["y"] for line in figure["data"]}
        if measure == "least":
            evaluator = Evaluator(choose_classes(vit_digits), Recipe().space)
            predicted = evaluator.evaluate(Recipe("mean"), 20, [SEEDS[0]]).predictions[0]
            assert lines["One mean (Qi)"][0] == least_recall(evaluator.truth, predicted, 10)
        else:
            np.testing.assert_allclose(lines["after NORM pre L2"], 1, atol=1e-6)
    assert "'sweep.parquet' is a sweep table of version 3" in read(app)
    # A new sweep stores it.
    grid = read_grid({"fm": SETTINGS["fm"], "task": "digits", "recipe": "qi", "seeds": 1})
    (row,) = evaluate_cell(cells(grid, find_sets()[0])[0][0])
    table = SweepTable.from_rows([row])
    (task,), (recipe,) = table.tasks, table.recipes
    assert table.runs(task, recipe.recipe).values["least"].tolist() == [row["least"]]


LESSON = """
import streamlit as st

from imprint_core import PRESETS
from ui.panels.learn.frame import Lesson, Outcome, Question, accuracy, lesson_experiment, show_lesson


def show(sets):
    experiment = lesson_experiment(sets, "squeezenet1_1", "digits", PRESETS["qi"].recipe, 20)

    def show_result():
        value = accuracy(experiment).median
        return Outcome([(int(value > 50), f"It is {value:.1f} %.")], "An [[embedding]] suffices.")

    question = Question("Is the accuracy above 50 %?", ("no", "yes"))
    lesson = Lesson("A test.", [question], "Nothing to try.", lambda: st.write("tried"), show_result, experiment)
    show_lesson("lesson-9", lesson)
"""


def test_a_lesson_is_a_file_and_a_row(monkeypatch, tmp_path):
    (tmp_path / "lesson_from_outside.py").write_text(LESSON)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(LESSONS, "lesson-9", LessonEntry("Digits", "Is it easy?", "lesson_from_outside"))
    app = app_with(page="learn")
    assert "##### 9. Digits" in [markdown.value for markdown in app.main.markdown]
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=200)
    app.query_params["view"] = "lesson-9"
    app.run()
    assert app.title[0].value == "9. Digits"
    app.main.radio[0].set_value(1).run()
    for key in ("lesson-9-predict", "lesson-9-reveal"):
        next(button for button in app.button if button.key == key).click().run()
    assert not app.exception
    assert app.query_params["view"] == "lesson-9"
    assert app.success[0].value.startswith("You predicted **yes**: correct. It is ")
    assert [heading.value for heading in app.subheader] == ["Predict", "Try it", "Result", "Summary"]


def test_a_control(monkeypatch):
    control = Control("decimals", "Decimals", "Number of decimals.", lambda sets, values: [0, 1, 2], 1, group="Map")
    monkeypatch.setattr(controls, "CURVE_CONTROLS", (*controls.CURVE_CONTROLS, control))
    app = app_with(decimals="2")
    assert "2" in app.query_params["decimals"]
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=200)
    app.query_params["decimals"] = "9"
    app.run()
    assert [w.value for w in app.warning] == [plain("Decimals = 9 is not available. Available: 0, 1, 2. Using 2.")]


def test_a_control_of_a_page(monkeypatch):
    options = {"options": lambda sets, values: [1, 2], "default": 1, "group": "", "page": "curves"}
    control = Control(key="places", label="Places", help="Number of decimals.", **options)
    monkeypatch.setattr(controls, "CURVE_CONTROLS", (*controls.CURVE_CONTROLS, control))
    monkeypatch.setattr("pages.curves.show", lambda selection: selection.panel.draw("places"))
    app = app_with("curves", places="2")
    assert app.main.selectbox(key="places").value == 2
    assert not [box for box in app.sidebar.selectbox if box.key == "places"]
    assert "2" in app.query_params["places"]


def test_a_page(monkeypatch, tmp_path):
    page = ModuleType("pages.extra")
    page.show = lambda selection: st.title(f"Extra page, k = {selection.experiment.recipe.k}")
    monkeypatch.setitem(sys.modules, "pages.extra", page)
    row = 'PAGES = {\n    "extra": PageRow("Extra", "star"),'
    (tmp_path / "app.py").write_text((ROOT / "app.py").read_text(encoding="utf-8").replace("PAGES = {", row), "utf-8")
    (tmp_path / "ui").symlink_to(ROOT / "ui")
    app = AppTest.from_file(str(tmp_path / "app.py"), default_timeout=200)
    app.query_params["k"] = "7"
    app.run()
    assert not app.exception
    assert [t.value for t in app.title] == ["Extra page, k = 7"]
