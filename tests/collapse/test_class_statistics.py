import numpy as np
import pytest

from imprint_core.collapse.class_statistics import class_statistics, streamed_statistics
from imprint_core.embeddings import open_set
from imprint_core.errors import ImprintError
from imprint_core.framework.normalization import l2


def test_streamed_statistics_equal_those_in_memory(bundled):
    s = open_set(bundled["squeezenet1_1", "mnist"])
    X, y = l2(s.X_train[:1500]), s.y_train[:1500].astype(int)
    whole = class_statistics(X, y, covariance=True)
    mixed = np.random.default_rng(0).permutation(len(y))
    parts = streamed_statistics(
        lambda: ((X[p], y[p]) for p in np.array_split(mixed, 37)), len(whole.sizes), covariance=True
    )
    for name in ("sizes", "means", "between", "along_axes", "variances", "covariance"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), rtol=1e-4, atol=1e-8, err_msg=name)
    with pytest.raises(ImprintError, match="at least one sample"):
        streamed_statistics(lambda: [(X, y)], len(whole.sizes) + 1)
