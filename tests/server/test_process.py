import subprocess
import sys
import tomllib

import pytest

from tests.conftest import ROOT

IDLE_AFTER_WORK = """
import gc, time, weakref
from threadpoolctl import threadpool_info
from ui.server.process import prepare_process

class Node:
    pass

gc.disable()
prepare_process()
prepare_process()
import numpy, scipy.linalg
assert {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"} == {1}
node = Node()
node.itself, gone = node, weakref.ref(node)
del node
end = time.process_time() + 1.5
while time.process_time() < end:
    pass
give_up = time.monotonic() + 60
while gone() is not None and time.monotonic() < give_up:
    time.sleep(0.1)
print(gone() is None, gc.get_freeze_count() > 1000)
"""

MORE_MEMORY_THAN_ALLOWED = """
import time
import numpy as np
from ui.server import process
from ui.server.shared_cache import shared_cache

process._MOST_RESIDENT = int(sys.argv[1]) * 2**20
process.MOST_CACHED, process._LEAST_CACHED = 50 * 2**20, 5 * 2**20

@shared_cache(500)
def result(number):
    return np.ones((number, 2**20))

process.prepare_process()
before = [result(number) for number in (1, 2)]
end = time.process_time() + 1.5
while time.process_time() < end:
    pass
time.sleep(3)
print(result(1) is before[0], result(2) is before[1])
"""


@pytest.mark.parametrize(("allowed", "same"), [(0, "False True"), (10_000, "True True")])
def test_an_idle_process_drops_results_to_stay_below_a_limit(allowed, same):
    done = subprocess.run(
        [sys.executable, "-c", "import sys\n" + MORE_MEMORY_THAN_ALLOWED, str(allowed)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == same, done.stderr


def test_garbage_is_collected_when_the_process_is_idle_and_imports_are_exempted():
    done = subprocess.run([sys.executable, "-c", IDLE_AFTER_WORK], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.split() == ["True", "True"], done.stderr


def test_streamlit_does_not_collect_after_each_run():
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    assert config["runner"]["postScriptGC"] is False
