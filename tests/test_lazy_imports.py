"""`import imprint_core` offers the main names and imports nothing heavy."""

import subprocess
import sys

import pytest

import imprint_core
from tests.conftest import ROOT


@pytest.mark.parametrize("name", imprint_core.__all__)
def test_names_are_importable_and_listed(name):
    assert getattr(imprint_core, name) is not None
    assert name in dir(imprint_core)


def test_unknown_names_are_refused():
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = imprint_core.nothing


def test_import_is_light():
    code = "import sys, imprint_core; print({'numpy', 'torch', 'sklearn'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
