from imprint_core.evaluation import timing
from imprint_core.recipes.presets import PRESETS


def test_time_is_the_median_of_fits(vit_digits, monkeypatch):
    ticks = iter([0, 5, 10, 11, 20, 23])
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(ticks))
    rows = slice(0, 400)
    X, y = vit_digits.X_train[rows], vit_digits.y_train[rows]
    assert timing.generation_seconds(X, y, PRESETS["own"].recipe, 0) == 3
