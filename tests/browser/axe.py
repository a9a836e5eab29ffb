"""axe-core, which finds what keeps people from using a page: out of the npm registry, once, and for tests only."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import NoReturn

import pytest

VERSION = "4.14.1"
# What npm says where it reaches no registry.
_UNREACHED = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH", "ERR_SOCKET_TIMEOUT")
_SHA512 = "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
# With the virtual environment, so that `make clean` takes it away.
_KEPT = Path(sys.prefix) / "share" / f"axe-core-{VERSION}.min.js"


def axe_script() -> str:
    """The script, kept since an earlier run or fetched with npm, which knows where this machine's registry is."""
    if not _KEPT.is_file():
        _keep(_fetched())
    return _KEPT.read_text(encoding="utf-8")


def _missing(told: str) -> NoReturn:
    """Skip; but fail where browser tests have to run."""
    (pytest.fail if os.environ.get("IMPRINT_BROWSER_REQUIRED") else pytest.skip)(told)
    raise AssertionError(told)


def _fetched() -> bytes:
    npm = shutil.which("npm")
    if npm is None:
        _missing("axe-core isn't at hand, and neither is npm, which fetches it; on Debian: apt-get install npm")
    with tempfile.TemporaryDirectory() as folder:
        # From there, for npm reads settings of the folder that it runs in.
        done = subprocess.run(
            [npm, "pack", "--loglevel=error", f"axe-core@{VERSION}"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        files = list(Path(folder).glob("*.tgz"))
        if done.returncode or not files:
            told = f"axe-core could not be fetched with npm: {' '.join(done.stderr.split())[:300]}"
            if any(sign in done.stderr for sign in _UNREACHED):
                pytest.skip(told)
            _missing(told)
        packed = files[0].read_bytes()
        found = base64.b64encode(hashlib.sha512(packed).digest()).decode()
        assert found == _SHA512, f"axe-core {VERSION} is not what it was: {found}"
        with tarfile.open(files[0]) as archive:
            script = archive.extractfile("package/axe.min.js")
            assert script is not None
            return script.read()


def _keep(script: bytes) -> None:
    """Keep it whole or not at all: other workers may be at it."""
    _KEPT.parent.mkdir(exist_ok=True)
    own = _KEPT.with_suffix(f".{os.getpid()}")
    own.write_bytes(script)
    own.replace(_KEPT)
