import subprocess
import sys
import tomllib

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


def test_garbage_is_collected_when_the_process_is_idle_and_imports_are_exempted():
    done = subprocess.run([sys.executable, "-c", IDLE_AFTER_WORK], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.split() == ["True", "True"], done.stderr


def test_streamlit_does_not_collect_after_each_run():
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    assert config["runner"]["postScriptGC"] is False
