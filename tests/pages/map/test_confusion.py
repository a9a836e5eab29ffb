"""The confusion matrix of the first seed."""

from __future__ import annotations

import json

import numpy as np

from tests.pages.browser_events import numbers, send
from tests.pages.map.helpers import Reference, check_tiles, digits, fine, pick, reference, sent


def test_cells_select_their_samples():
    app, ref = digits(), reference()
    predicted, true = ref.predictions()[0][: ref.test], ref.pool.y_test
    z = numbers(json.loads(sent(app, "confusion-first")["figure"])["data"][0]["z"])
    counts = np.zeros((10, 10))
    np.add.at(counts, (true, predicted), 1)
    np.testing.assert_allclose(z, 100 * counts / counts.sum(axis=1, keepdims=True), rtol=1e-5)
    off = np.argwhere(counts * (1 - np.eye(10)))
    cells = [(0, 0), (8, 8), *map(tuple, off[:: len(off) // 4].tolist())]
    for row, column in cells:
        fine(send(app, "confusion-first", {"trace": 0, "point": [row, column]}))
        codes = ref.pool.id_test[(true == row) & (predicted == column)]
        assert sent(app)["selected"] == sorted(codes.tolist())
        check_tiles(ref, sent(app, "selected")["tiles"], codes, ref.predictions())


def test_cells_of_a_class_subset_select_their_samples():
    app, ref = digits(classes="3,5,8"), Reference(classes="3,5,8")
    predicted = ref.predictions()[0][: ref.test]
    for row, true in enumerate((3, 5, 8)):
        for column, label in list(enumerate((3, 5, 8)))[1:]:
            fine(send(app, "confusion-first", {"trace": 0, "point": [row, column]}))
            expected = ref.pool.id_test[(ref.pool.y_test == true) & (predicted == label)]
            assert sent(app)["selected"] == sorted(expected.tolist())


def test_forged_clicks_on_the_confusion_matrix_are_ignored():
    app, ref = digits(), reference()
    codes = sorted(ref.codes[:3].tolist())
    pick(app, "area", codes)
    for value in (
        {},
        {"trace": 0},
        {"trace": "0", "point": [0, 0]},
        *({"trace": 0, "point": p} for p in ([], [0], [0, 0, 0], [-1, 0], [0, 10], [10**400, 0], ["0", 0], "00", 7)),
    ):
        send(app, "confusion-first", value)
        assert sent(fine(app))["selected"] == codes, value
